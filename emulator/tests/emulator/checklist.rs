//! The wire specification's checklist for an emulator, line by line, and the tests that prove each line.
//!
//! The lines are those of the tables and rules on errors (3), transitions (5.3), the stream (7), webhooks (8), snapshots (9)
//! and deletion (11), of the optional extras (14), and of the checklist itself (15).

use std::collections::HashSet;
use std::process::Command;

/// A line of the specification, and the tests for it.
type Line = (&'static str, &'static [&'static str]);

const ERRORS: &[Line] = &[
    (
        "no or malformed Authorization, unknown key: 401",
        &["errors::a_missing_malformed_or_unknown_key_is_401"],
    ),
    (
        "key known but barred: 403",
        &["errors::a_barred_key_is_403"],
    ),
    (
        "session unknown, deleted or another user's: 404",
        &[
            "errors::an_unknown_or_foreign_session_is_404",
            "errors::a_deleted_session_is_404_everywhere",
        ],
    ),
    (
        "schema violation in body or query: 422",
        &[
            "errors::a_bad_create_is_422_and_names_the_field",
            "errors::a_message_is_1_to_10000_characters",
            "errors::queries_are_checked",
        ],
    ),
    (
        "unknown agent_name, bad webhook_url: 422",
        &["errors::a_bad_create_is_422_and_names_the_field"],
    ),
    (
        "save_as_default without a saving mode: 422",
        &["errors::queries_are_checked"],
    ),
    (
        "restore source unknown: 422",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
    (
        "422 is a list of loc, msg, type, or a string",
        &["errors::both_shapes_of_a_422_are_there"],
    ),
    (
        "navigate URL not http(s) or over 2,000 characters: 400",
        &["errors::navigate_checks_the_address"],
    ),
    (
        "pause while paused: 409 already_paused",
        &["transitions::paused"],
    ),
    (
        "resume while not paused: 409 not_paused",
        &["transitions::running"],
    ),
    (
        "pause with no task in progress: 409 not_running",
        &["transitions::ready"],
    ),
    (
        "Accept that excludes SSE: 406",
        &["errors::a_stream_needs_an_accept_that_allows_it"],
    ),
    (
        "too many sessions: 503 Rate limit exceeded",
        &["errors::too_many_sessions_are_503"],
    ),
    (
        "rate limit: 429 with Retry-After",
        &["faults::limits_answer_as_the_service_does"],
    ),
    (
        "injected fault: 500 Internal error",
        &["faults::a_status_replaces_the_answer_and_the_request_is_not_processed"],
    ),
    (
        "conflicts carry `message` too",
        &["transitions::paused", "transitions::running"],
    ),
];

const STATES: [&str; 7] = [
    "initializing",
    "ready",
    "running",
    "waiting_for_input",
    "paused",
    "completed",
    "error",
];

const TRANSITIONS: &[Line] = &[
    (
        "initializing/message: accepted, starts when ready",
        &[
            "transitions::initializing",
            "transitions::a_task_sent_while_initializing_starts_when_ready",
        ],
    ),
    (
        "initializing/pause: 409 not_running",
        &["transitions::initializing"],
    ),
    (
        "initializing/resume: 409 not_paused",
        &["transitions::initializing"],
    ),
    (
        "initializing/cancel: drops the queued task",
        &[
            "transitions::initializing",
            "transitions::a_task_cancelled_while_initializing_never_starts",
        ],
    ),
    ("ready/message: running, running", &["transitions::ready"]),
    ("ready/pause: 409 not_running", &["transitions::ready"]),
    ("ready/resume: 409 not_paused", &["transitions::ready"]),
    ("ready/cancel: 200, no effect", &["transitions::ready"]),
    (
        "running/message: extra information for the same task",
        &["transitions::running", "agent::it_notes_updates"],
    ),
    (
        "running/pause: paused",
        &[
            "transitions::running",
            "transitions::a_paused_task_says_nothing_until_it_goes_on",
        ],
    ),
    ("running/resume: 409 not_paused", &["transitions::running"]),
    ("running/cancel: ready, finished", &["transitions::running"]),
    (
        "waiting_for_input/message: the answer, running",
        &[
            "transitions::waiting_for_input",
            "transitions::an_answer_takes_effect_at_once",
        ],
    ),
    (
        "waiting_for_input/pause: paused",
        &["transitions::waiting_for_input"],
    ),
    (
        "waiting_for_input/resume: 409 not_paused",
        &["transitions::waiting_for_input"],
    ),
    (
        "waiting_for_input/cancel: ready, finished",
        &["transitions::waiting_for_input"],
    ),
    (
        "paused/message: stored, does not resume",
        &["transitions::paused"],
    ),
    ("paused/pause: 409 already_paused", &["transitions::paused"]),
    (
        "paused/resume: continues where it stopped",
        &["transitions::paused"],
    ),
    ("paused/cancel: ready", &["transitions::paused"]),
    (
        "completed/message: new task",
        &["transitions::completed_and_error"],
    ),
    (
        "completed/pause: 409 not_running",
        &["transitions::completed_and_error"],
    ),
    (
        "completed/resume: 409 not_paused",
        &["transitions::completed_and_error"],
    ),
    (
        "completed/cancel: 200, no effect",
        &["transitions::completed_and_error"],
    ),
    (
        "error/message: new task",
        &["transitions::completed_and_error"],
    ),
    ("error/pause: 409", &["transitions::completed_and_error"]),
    ("error/resume: 409", &["transitions::completed_and_error"]),
    (
        "error/cancel: 200, no effect",
        &["transitions::completed_and_error"],
    ),
    (
        "exec running comes with the 200 of the message",
        &["transitions::ready"],
    ),
    (
        "never started and cancelled: exec finished",
        &["transitions::ready", "transitions::running"],
    ),
    (
        "extended_status: ready and paused",
        &["transitions::extended_status_reports_ready_and_paused"],
    ),
];

const STREAM: &[Line] = &[
    (
        "Accept: text/event-stream required",
        &["errors::a_stream_needs_an_accept_that_allows_it"],
    ),
    (
        "sanitize",
        &["streams::sanitize_hides_system_entries_in_both_places"],
    ),
    (
        "event_types: a subset; unknown names ignored; empty: all",
        &["streams::filters_choose_events_and_still_close"],
    ),
    (
        "include_history",
        &["streams::without_history_only_new_events_come"],
    ),
    (
        "200, text/event-stream, chunked, no-cache, X-Accel-Buffering",
        &["streams::the_head_and_the_frames_are_as_documented"],
    ),
    (
        "errors are plain JSON before the stream starts",
        &["streams::a_refused_stream_is_plain_json"],
    ),
    (
        "framing: id, event, data, blank line",
        &["streams::the_head_and_the_frames_are_as_documented"],
    ),
    ("event step", &["streams::steps_have_ids_and_are_replayed"]),
    (
        "event thought",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "event question",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "event done: string, object with and without summary",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "event error: with id, without message_id",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "event log",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "event paused: timestamp, no id, not replayed",
        &["streams::pauses_are_live_events_without_an_id"],
    ),
    (
        "event resumed: timestamp, no id, not replayed",
        &["streams::pauses_are_live_events_without_an_id"],
    ),
    (
        "event heartbeat: timestamp, no id, about every 30 s",
        &[
            "streams::heartbeats_keep_an_idle_stream_alive",
            "lifecycle::options_come_as_json_with_defaults",
        ],
    ),
    (
        "event user: not sent",
        &["streams::every_event_has_its_documented_data"],
    ),
    (
        "closes after done and error",
        &["streams::a_finished_session_is_replayed_and_closed"],
    ),
    (
        "question does not close it",
        &["streams::a_stream_opened_before_the_task_stays_open_until_it_ends"],
    ),
    (
        "closes although a filter hides done",
        &["streams::filters_choose_events_and_still_close"],
    ),
    (
        "every stored message is replayed, in id order",
        &["streams::a_finished_session_is_replayed_and_closed"],
    ),
    (
        "a replayed end does not close while a later task runs",
        &["streams::a_replayed_end_does_not_close_while_a_later_task_runs"],
    ),
    (
        "the last task ended: closes after the replay",
        &["streams::a_finished_session_is_replayed_and_closed"],
    ),
    (
        "no task yet, or no history and none running: stays open until one ends",
        &[
            "streams::a_stream_opened_before_the_task_stays_open_until_it_ends",
            "streams::without_history_only_new_events_come",
        ],
    ),
    (
        "no duplicates or gaps between replay and live",
        &["streams::history_and_live_events_meet_without_a_gap_or_a_repeat"],
    ),
    (
        "cancel: a log event, then closes",
        &["streams::a_cancel_says_so_and_closes"],
    ),
    ("delete: closes", &["streams::a_delete_closes_streams"]),
    (
        "heartbeats filtered out: a comment instead",
        &["streams::heartbeats_keep_an_idle_stream_alive"],
    ),
    (
        "switch: honour Last-Event-ID",
        &["streams::last_event_id_is_honoured_only_on_request"],
    ),
];

const WEBHOOKS: &[Line] = &[
    (
        "headers: Content-Type, X-Event-Type, User-Agent; no signature, no delivery id",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "session: id, status, agent_name, created_at, vnc_url",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "session.created",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "session.status_changed: old_status, new_status",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "session.deleted: the last status",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "task.started: message, running",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "task.completed: result, ready",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "task.question: question, context, ready",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "task.error: error, details, ready",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "sent without any SSE client",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "task.started for new tasks only",
        &["webhooks::each_event_has_its_documented_shape"],
    ),
    (
        "status_changed for pause, resume, cancel only",
        &[
            "webhooks::each_event_has_its_documented_shape",
            "webhooks::a_cancel_while_initializing_changes_no_status_and_says_nothing",
        ],
    ),
    (
        "asynchronous: never delays or fails the call",
        &[
            "webhooks::a_slow_delivery_holds_up_neither_the_api_nor_another_session",
            "webhooks::an_unreachable_receiver_harms_nobody",
        ],
    ),
    (
        "10 s per attempt",
        &["webhooks::a_receiver_that_does_not_answer_in_time_is_tried_again"],
    ),
    (
        "retried on timeout, connection failure, any non-2xx",
        &[
            "webhooks::a_receiver_that_does_not_answer_in_time_is_tried_again",
            "webhooks::an_unreachable_receiver_harms_nobody",
            "webhooks::three_tries_and_no_more",
        ],
    ),
    (
        "3 attempts in total, waits 1 s then 2 s",
        &[
            "webhooks::the_third_try_comes_at_the_documented_time",
            "webhooks::on_a_fast_clock_the_retries_take_no_time_but_keep_theirs",
        ],
    ),
    (
        "none starts after 30 s",
        &["webhooks::no_attempt_starts_after_the_window"],
    ),
    ("then it is dropped", &["webhooks::three_tries_and_no_more"]),
    (
        "log: webhook_delivered, webhook_retry, webhook_failed_permanently",
        &["webhooks::on_a_fast_clock_the_retries_take_no_time_but_keep_theirs"],
    ),
];

const SNAPSHOTS: &[Line] = &[
    (
        "none: the state is lost",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
    (
        "memory and filesystem: the page comes back",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
    (
        "restore_from_session_id wins over the default",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
    (
        "save_as_default replaces the default",
        &["snapshots::a_new_default_replaces_the_old"],
    ),
    (
        "nothing is restored unless it is asked for",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
    (
        "snapshots are their owner's",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
];

const DELETION: &[Line] = &[
    (
        "active session",
        &["snapshots::every_kind_of_session_can_be_deleted_once"],
    ),
    (
        "running task: cancelled, session deleted",
        &[
            "snapshots::every_kind_of_session_can_be_deleted_once",
            "snapshots::a_deleted_task_says_nothing_more",
        ],
    ),
    (
        "paused session",
        &["snapshots::every_kind_of_session_can_be_deleted_once"],
    ),
    (
        "completed task",
        &["snapshots::every_kind_of_session_can_be_deleted_once"],
    ),
    (
        "unknown id: 200, deleted false",
        &["snapshots::an_unknown_session_is_no_error_to_delete"],
    ),
    (
        "second delete: as unknown",
        &["snapshots::every_kind_of_session_can_be_deleted_once"],
    ),
    (
        "after it: 404 everywhere, not in the list",
        &[
            "errors::a_deleted_session_is_404_everywhere",
            "snapshots::every_kind_of_session_can_be_deleted_once",
        ],
    ),
    (
        "delete all: whether anything was deleted",
        &["snapshots::delete_all_says_whether_there_was_anything"],
    ),
];

const EXTRAS: &[Line] = &[
    (
        "GET /models, with a filter",
        &["errors::models_are_listed_by_kind"],
    ),
    (
        "create fields",
        &["errors::extras_of_create_are_echoed_only_when_set"],
    ),
    (
        "restore_from_environment_id",
        &["snapshots::an_environment_is_restored_by_its_id"],
    ),
    (
        "config_updates of a message",
        &["errors::a_message_may_carry_config_updates"],
    ),
    (
        "/status: ready, paused",
        &["transitions::extended_status_reports_ready_and_paused"],
    ),
];

const CHECKLIST: &[Line] = &[
    (
        "1 the tables of 3, 5.3, 7, 8, 11",
        &["checklist::every_line_of_the_specification_has_its_tests"],
    ),
    (
        "2 scriptable agent; default script; a question blocks until a message",
        &[
            "scenarios::two_hours_pass_at_once_and_give_the_same_events_each_time",
            "agent::without_a_page_it_says_what_it_is_and_reads_the_task",
            "agent::it_asks_when_told_to_and_uses_the_answer",
        ],
    ),
    ("3 fault: latency", &["faults::a_delay_is_a_delay"]),
    (
        "3 fault: status codes",
        &["faults::a_status_replaces_the_answer_and_the_request_is_not_processed"],
    ),
    ("3 fault: connection reset", &["faults::a_reset_is_a_reset"]),
    (
        "3 fault: drop the stream after N events",
        &["faults::streams_are_cut_closed_or_ended_after_so_many_events"],
    ),
    (
        "3 fault: duplicate events",
        &["faults::events_are_repeated_left_out_or_without_an_id"],
    ),
    (
        "3 fault: reorder events",
        &["faults::events_come_out_of_order"],
    ),
    (
        "3 fault: omit ids",
        &["faults::events_are_repeated_left_out_or_without_an_id"],
    ),
    (
        "3 fault: split frames at odd offsets",
        &["faults::a_split_stream_is_the_same_in_pieces"],
    ),
    (
        "3 fault: missing heartbeat",
        &[
            "faults::heartbeats_alone_or_none_at_all",
            "faults::a_silent_stream_sends_nothing_at_all",
        ],
    ),
    (
        "3 fault: late running after a message",
        &["faults::a_status_can_lag_behind_a_message"],
    ),
    ("3 fault: deleted false", &["faults::a_deletion_can_fail"]),
    (
        "4 state per key",
        &["errors::an_unknown_or_foreign_session_is_404"],
    ),
    (
        "4 a configured list of keys, or any non-empty key",
        &[
            "errors::a_missing_malformed_or_unknown_key_is_401",
            "errors::any_key_is_accepted_without_a_list",
        ],
    ),
    (
        "5 loopback by default",
        &[
            "lifecycle::it_starts_on_loopback_with_a_key_of_its_own",
            "safety::other_machines_are_kept_out_unless_it_is_said",
        ],
    ),
    (
        "5 webhooks only where a session asks",
        &["webhooks::only_the_address_a_session_names_is_called"],
    ),
    (
        "5 never log keys",
        &["safety::keys_are_in_no_log_and_no_record_but_where_a_body_has_them"],
    ),
    (
        "6 snapshots by session id, one default per user",
        &["snapshots::a_snapshot_brings_the_page_back"],
    ),
];

const SECTIONS: [(&str, &[Line]); 8] = [
    ("3", ERRORS),
    ("5.3", TRANSITIONS),
    ("7", STREAM),
    ("8", WEBHOOKS),
    ("9", SNAPSHOTS),
    ("11", DELETION),
    ("14", EXTRAS),
    ("15", CHECKLIST),
];

/// The tests of this program; `--ignored` gives those that do not run.
fn tests(flag: &[&str]) -> HashSet<String> {
    let list = Command::new(std::env::current_exe().unwrap())
        .args(["--list", "--format=terse"])
        .args(flag)
        .output()
        .unwrap();
    let text = String::from_utf8(list.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[test]
fn every_line_of_the_specification_has_its_tests() {
    let (all, ignored) = (tests(&[]), tests(&["--ignored"]));
    let mut seen = HashSet::new();
    for (section, lines) in SECTIONS {
        for (line, proofs) in lines {
            assert!(
                seen.insert((section, line)),
                "{section}, {line}: is there twice"
            );
            assert!(!proofs.is_empty(), "{section}, {line}: nothing proves it");
            for proof in *proofs {
                assert!(
                    all.contains(*proof),
                    "{section}, {line}: there is no test {proof}"
                );
                assert!(
                    !ignored.contains(*proof),
                    "{section}, {line}: {proof} is ignored"
                );
            }
        }
    }
    let has = |lines: &[Line], start: &str| lines.iter().any(|(line, _)| line.starts_with(start));
    for state in STATES {
        for command in ["message", "pause", "resume", "cancel"] {
            assert!(
                has(TRANSITIONS, &format!("{state}/{command}: ")),
                "{state} {command}"
            );
        }
    }
    for number in 1..=6 {
        assert!(has(CHECKLIST, &format!("{number} ")), "{number}");
    }
}
