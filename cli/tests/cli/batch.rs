//! `sessionwire batch`: many tasks of a file, each result once.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Done, Folder, Running, Server, eventually};

fn shop() -> Server {
    let server = Server::start();
    let tasks = json!([
        {"match": "fail", "once": false, "steps": [{"error": "sold out"}]},
        {"match": "long", "once": false, "steps": [{"thought": "on it"}, {"done": "late", "after": 3600}]},
        {"once": false, "steps": [{"done": "{task}: bought"}]},
    ]);
    server
        .emulator
        .scenario(serde_json::from_value(json!({ "tasks": tasks })).unwrap());
    server
}

/// A folder with a file of tasks.
struct Work {
    folder: Folder,
    server: Server,
}

impl Work {
    fn new(tasks: impl AsRef<[u8]>) -> Self {
        let work = Self {
            folder: Folder::new(),
            server: shop(),
        };
        work.write("tasks", tasks);
        work
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.folder.file(name), text).unwrap();
    }

    fn args(&self) -> Vec<String> {
        [
            "batch",
            &self.folder.file("tasks"),
            "--out",
            &self.folder.file("out"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn run(&self, more: &[&str]) -> Done {
        let args = self.args();
        let args: Vec<&str> = args
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        self.server.run(&args)
    }

    fn results(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.file("out")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// The ids and what came of them, in the order of the ids.
    fn told(&self) -> Vec<(String, String)> {
        let mut told: Vec<_> = self
            .results()
            .iter()
            .map(|line| {
                let what = line["text"].as_str().or(line["error"]["name"].as_str());
                (
                    line["id"].as_str().unwrap().to_owned(),
                    what.unwrap().to_owned(),
                )
            })
            .collect();
        told.sort();
        told
    }

    fn sent(&self) -> usize {
        let requests = self.server.emulator.requests();
        let is_message = |path: &str| path.ends_with("/message");
        requests
            .iter()
            .filter(|request| is_message(&request.path))
            .count()
    }
}

fn pair(id: &str, what: &str) -> (String, String) {
    (id.to_owned(), what.to_owned())
}

#[test]
fn each_task_has_one_line_and_a_second_start_sends_nothing() {
    let work = Work::new(
        "\u{feff}\"one\"\r\n\n  {\"message\": \"two\u{2028}and\", \"id\": 7}\r\n{\"message\": \"fail\"}",
    );
    let done = work.run(&["--json"]);
    assert_eq!(done.status, 1, "{}", done.stderr);
    let told = [
        pair("0", "one: bought"),
        pair("2", "TaskError"),
        pair("7", "two\u{2028}and: bought"),
    ];
    assert_eq!(work.told(), told);
    let lines = done.json_lines();
    assert_eq!(
        lines[0],
        json!({"type": "batch", "tasks": 3, "done": 2, "failed": 1, "unfinished": 0, "new": 3})
    );
    assert_eq!(
        (&lines[1]["type"], &lines[1]["exit_status"]),
        (&json!("error"), &json!(1))
    );
    assert!(
        done.stderr
            .contains("3 tasks: 2 done, 1 failed, 0 unfinished; 3 results are new"),
        "{}",
        done.stderr
    );
    let before = fs::read(work.folder.file("out")).unwrap();
    assert!(!String::from_utf8_lossy(&before).contains('\u{2028}'));
    let again = work.run(&[]);
    assert_eq!((again.status, again.stdout.as_str()), (1, ""));
    assert_eq!(fs::read(work.folder.file("out")).unwrap(), before);
    assert_eq!(work.sent(), 3);
    assert_eq!(work.server.emulator.session_count(), 0);
    let result = work
        .results()
        .into_iter()
        .find(|line| line["id"] == "0")
        .unwrap();
    let names: Vec<_> = result.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        [
            "id",
            "status",
            "text",
            "data",
            "session_id",
            "message_id",
            "duration",
            "metadata"
        ]
    );
}

#[test]
fn a_killed_batch_goes_on_with_the_same_command() {
    let work = Work::new("");
    let count = 30;
    let tasks: String = (0..count).map(|n| format!("\"task {n}.\"\n")).collect();
    work.write("tasks", tasks);
    for kills in 1..6 {
        let args = work.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut running = Running::start(work.server.command(&args));
        running.until("more messages", || work.sent() >= 4 * kills);
        // By SIGKILL.
        drop(running);
        // Half a line, as it may stand there after any of them; never two, since a line is written
        // where the last half was cut off.
        let path = work.folder.file("out");
        let before = fs::read(&path).unwrap_or_default();
        if before.last().is_none_or(|last| *last == b'\n') {
            let mut out = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .unwrap();
            out.write_all(b"{\"id\":\"3\",\"sta").unwrap();
        }
    }
    let done = work.run(&[]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let mut expected: Vec<_> = (0..count)
        .map(|n| (n.to_string(), format!("task {n}.: bought")))
        .collect();
    expected.sort();
    assert_eq!(work.told(), expected);
    assert_eq!(work.sent(), count);
}

#[test]
fn a_result_that_was_not_written_is_written_from_the_journal() {
    let work = Work::new("\"one\"\n\"two\"\n");
    work.run(&[]);
    let whole = work.told();
    for length in [0, 40] {
        let out = fs::read(work.folder.file("out")).unwrap();
        work.write("out", &out[..length]);
        assert_eq!(work.run(&[]).status, 0);
        assert_eq!(work.told(), whole);
    }
    assert_eq!(work.sent(), 2);
}

#[test]
fn ctrl_c_leaves_what_was_sent_and_says_how_to_go_on() {
    let work = Work::new("\"one\"\n\"long\"\n");
    let args = work.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let running = Running::start(work.server.command(&args));
    eventually("both", || work.sent() == 2);
    eventually("a result", || {
        fs::read_to_string(work.folder.file("out")).is_ok_and(|text| text.ends_with('\n'))
    });
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("The same command again goes on where it was"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("has 1 of 2 results"),
        "{}",
        done.stderr
    );
    assert_eq!(work.server.emulator.session_count(), 1);
    let again = Running::start(work.server.command(&args));
    eventually("its stream", || {
        let requests = work.server.emulator.requests();
        requests
            .iter()
            .filter(|request| request.path.ends_with("/events"))
            .count()
            > 2
    });
    drop(again);
    assert_eq!(work.sent(), 2);
}

#[test]
fn retry_failed_replaces_the_line_of_what_failed() {
    let work = Work::new("\"one\"\n\"fail\"\n");
    assert_eq!(work.run(&[]).status, 1);
    work.server.emulator.scenario(
        serde_json::from_value(
            json!({"tasks": [{"once": false, "steps": [{"done": "{task}: at last"}]}]}),
        )
        .unwrap(),
    );
    assert_eq!(work.run(&[]).status, 1);
    assert_eq!(work.sent(), 2);
    assert_eq!(work.run(&["--retry-failed"]).status, 0);
    assert_eq!(
        work.told(),
        [pair("0", "one: bought"), pair("1", "fail: at last")]
    );
    assert_eq!(work.sent(), 3);
}

#[test]
fn what_could_not_be_sent_is_not_written_and_sent_at_the_next_start() {
    let work = Work::new("\"one\"\n\"two\"\n");
    work.server
        .fail(json!({"on": "create", "status": 403, "times": 1}));
    let done = work.run(&["--concurrency", "1"]);
    assert_eq!(done.status, 3, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("1 of 2 tasks did not end. The same command again"),
        "{}",
        done.stderr
    );
    assert_eq!(work.told(), [pair("1", "two: bought")]);
    assert_eq!(work.run(&[]).status, 0);
    assert_eq!(work.told().len(), 2);
    assert_eq!(work.sent(), 2);
}

#[test]
fn rude_tasks_are_refused_by_their_line() {
    for (tasks, words) in [
        ("", "has no task"),
        ("Buy the mug\n", "Line 1"),
        ("\"one\"\n[\"two\"]\n", "Line 2"),
        ("[\n\"one\",\n\"two\"\n]\n", "a list is not one task"),
        ("\"one\"\n{\"message\": \"two\"\n", "Line 2"),
        (
            "\"one\"\n{\"message\": \"two\", \"start_ulr\": \"x\"}\n",
            "`start_ulr` is not known. Did you mean `start_url`?",
        ),
        (
            "{\"message\": \"two\", \"colour\": 7}\n",
            "`colour` is not known: it can be `message`, `id`, `start_url`, `timeout`, `agent_name`",
        ),
        (
            "{\"message\": \"two\", \"timout\": 7}\n",
            "Did you mean `timeout`?",
        ),
        (
            "{\"message\": \"two\", \"timeout\": \"5\"}\n",
            "`timeout` must be a number of seconds, such as 300, not \"5\".",
        ),
        ("\"one\"\n\n{\"message\": \"\"}\n", "Line 3"),
        (
            "{\"message\": \"one\", \"id\": 1}\n{\"message\": \"two\"}\n",
            "Lines 1 and 2",
        ),
        ("{\"task\": \"one\"}\n", "needs `message`"),
        ("7\n", "Line 1"),
    ] {
        let work = Work::new(tasks);
        let done = work.run(&[]);
        assert_eq!(done.status, 2, "{tasks}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{tasks}: {}", done.stderr);
        assert!(!fs::exists(work.folder.file("out")).unwrap());
        assert_eq!(work.server.paths(), Vec::<String>::new());
    }
    let work = Work::new(b"\xff\xfe\"\0o\0n\0e\0\"\0\n\0");
    assert!(work.run(&[]).stderr.contains("is not UTF-8"));
}

#[test]
fn files_that_would_be_lost_are_refused() {
    let work = Work::new("\"one\"\n");
    let file = |name: &str| work.folder.file(name);
    for (args, words) in [
        (
            vec!["batch", &file("tasks"), "--out", &file("tasks")],
            "the same file",
        ),
        (
            vec![
                "batch",
                &file("tasks"),
                "--out",
                &file("out"),
                "--journal",
                &file("tasks"),
            ],
            "the same file",
        ),
        (
            vec!["batch", &file("tasks"), "--out", &file("nowhere/out")],
            "does not exist",
        ),
        (
            vec!["batch", &file("tasks"), "--out", "/dev/null"],
            "no file",
        ),
        (
            vec!["batch", &file("none"), "--out", &file("out")],
            "cannot be read",
        ),
        (
            vec!["batch", &file("tasks"), "--out", "-"],
            "--out is -, but",
        ),
        (
            vec![
                "batch",
                &file("tasks"),
                "--out",
                &file("out"),
                "--journal",
                "-",
            ],
            "--journal is -, but",
        ),
    ] {
        let done = work.server.run(&args);
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    }
    assert_eq!(fs::read_to_string(file("tasks")).unwrap(), "\"one\"\n");
    // Results without their journal, and a file that is none of results.
    for text in [
        "{\"id\":\"0\",\"status\":\"done\"}\n",
        "{\"id\":\"0\",\"status\":\"done\"}",
        "{\"id\":\"0\",\"sta",
    ] {
        work.write("out", text);
        assert!(work.run(&[]).stderr.contains("their journal"));
        assert_eq!(fs::read_to_string(file("out")).unwrap(), text);
        assert_eq!(work.sent(), 0);
    }
    fs::remove_file(file("out")).unwrap();
    work.run(&[]);
    work.write("out", "a,b,c\n");
    assert!(work.run(&[]).stderr.contains("is no result of a batch"));
    assert_eq!(fs::read_to_string(file("out")).unwrap(), "a,b,c\n");
}

#[test]
fn a_disk_without_room_ends_the_batch_and_loses_nothing() {
    let work = Work::new("");
    let tasks: String = (0..40).map(|n| format!("\"task {n}.\"\n")).collect();
    work.write("tasks", tasks);
    let args = work.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // A file may have so many blocks, as on a disk that fills up.
    let starter = ["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""];
    let full = Running::start(work.server.command_under(&starter, &args)).finish();
    assert_eq!(full.status, 2, "{}", full.stderr);
    assert!(full.stderr.contains("cannot be written"), "{}", full.stderr);
    let done = work.run(&[]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert_eq!((work.told().len(), work.sent()), (40, 40));
}

#[test]
fn tasks_come_from_standard_input_too() {
    let work = Work::new("");
    let out = work.folder.file("out");
    for _ in 0..2 {
        let mut command = work
            .server
            .command(&["batch", "-", "--out", &out, "--agent", "agi-1"]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.feed("\"one\"\n{\"message\": \"two\", \"agent_name\": \"agi-0-fast\"}\n");
        assert_eq!(running.finish().status, 0);
    }
    assert_eq!(
        work.told(),
        [pair("0", "one: bought"), pair("1", "two: bought")]
    );
    assert_eq!(work.sent(), 2);
}

#[test]
fn one_process_at_a_time_works_by_a_journal() {
    let work = Work::new("\"long\"\n");
    let args = work.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let running = Running::start(work.server.command(&args));
    eventually("the task", || work.sent() == 1);
    let (tasks, out) = (work.folder.file("tasks"), work.folder.file("other"));
    let journal = work.folder.file("out.journal");
    let args = ["batch", &tasks, "--out", &out, "--journal", &journal];
    let second = work.server.run(&args);
    assert_eq!(second.status, 3, "{}", second.stderr);
    assert!(
        second.stderr.contains("Another process (") && second.stderr.contains(", or a child"),
        "{}",
        second.stderr
    );
    drop(running);
    assert_eq!(work.sent(), 1);
}

#[test]
fn one_process_at_a_time_writes_results_to_a_file() {
    let work = Work::new("\"long\"\n");
    let args = work.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let running = Running::start(work.server.command(&args));
    eventually("the task", || work.sent() == 1);
    for more in [&[][..], &["--journal", &work.folder.file("other")]] {
        let second = work.run(more);
        assert_eq!(second.status, 2, "{}", second.stderr);
        assert!(
            second.stderr.contains("Another batch writes its results"),
            "{}",
            second.stderr
        );
    }
    assert!(!fs::exists(work.folder.file("other")).unwrap());
    drop(running);
    assert_eq!(work.sent(), 1);
}

#[test]
fn the_results_of_another_batch_are_not_replaced() {
    let work = Work::new("\"one\"\n\"fail\"\n");
    let (other, tasks) = (work.folder.file("other"), work.folder.file("others"));
    work.write("others", "\"two\"\n\"long\"\n\"three\"\n");
    let begun = work.server.command(&["batch", &tasks, "--out", &other]);
    let begun = Running::start(begun);
    eventually("both", || {
        fs::read_to_string(&other).is_ok_and(|text| text.lines().count() == 2)
    });
    drop(begun);
    assert_eq!(work.run(&[]).status, 1);
    let (sent, whole) = (work.sent(), fs::read(work.folder.file("out")).unwrap());
    let (out, journal) = (work.folder.file("out"), work.folder.file("other.journal"));
    let strange = ["batch", &tasks, "--out", &out, "--journal", &journal];
    for more in [&[][..], &["--retry-failed"]] {
        let args: Vec<_> = strange.iter().chain(more).copied().collect();
        let done = work.server.run(&args);
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(
            done.stderr.contains("Line 1 of") && done.stderr.contains("is of another batch"),
            "{}",
            done.stderr
        );
        assert_eq!(fs::read(&out).unwrap(), whole);
    }
    assert_eq!(work.sent(), sent);
    // Where the tasks have other names, both have their lines there.
    work.write("others", "{\"id\": \"b\", \"message\": \"two\"}\n");
    let new = [
        "batch",
        &tasks,
        "--out",
        &out,
        "--journal",
        &work.folder.file("new"),
    ];
    assert_eq!(work.server.run(&new).status, 0);
    work.write("others", "{\"id\": \"a\", \"message\": \"two\"}\n");
    assert_eq!(work.server.run(&strange).status, 0);
    assert_eq!(work.told().len(), 4);
    assert_eq!(work.run(&["--retry-failed"]).status, 1);
    assert_eq!(work.told().len(), 4);
}

#[test]
fn a_last_line_that_is_no_result_is_left_as_it_is() {
    let work = Work::new("\"one\"\n\"two\"\n");
    work.run(&[]);
    let whole = fs::read_to_string(work.folder.file("out")).unwrap();
    let alone = ["my notes", "{\"name\": \"x\"}", "{\"id\": \"a\"}", "\0\0"];
    let notes = alone.iter().map(|text| (*text).to_owned());
    for text in notes.chain([format!("{whole}my notes")]) {
        work.write("out", &text);
        let done = work.run(&[]);
        assert_eq!(done.status, 2, "{text}: {}", done.stderr);
        assert!(
            done.stderr.contains("is no result of a batch"),
            "{}",
            done.stderr
        );
        assert_eq!(fs::read_to_string(work.folder.file("out")).unwrap(), text);
    }
    // A result whose line break an editor took, and what a machine without power leaves.
    for text in [whole.trim_end().to_owned(), format!("{whole}\0\0\0")] {
        work.write("out", text);
        assert_eq!(work.run(&[]).status, 0);
        assert_eq!(fs::read_to_string(work.folder.file("out")).unwrap(), whole);
    }
    assert_eq!(work.sent(), 2);
}

#[test]
fn retry_failed_leaves_the_lines_of_tasks_that_are_not_among_them() {
    let work = Work::new(
        "{\"id\": \"a\", \"message\": \"fail a\"}\n{\"id\": \"b\", \"message\": \"fail b\"}\n",
    );
    assert_eq!(work.run(&[]).status, 1);
    let before = work.results();
    work.write("tasks", "{\"id\": \"b\", \"message\": \"fail b\"}\n");
    assert_eq!(work.run(&["--retry-failed"]).status, 1);
    assert_eq!(work.sent(), 3);
    let of = |lines: &[Value], id: &str| {
        let mut found = lines.iter().filter(|line| line["id"] == id);
        (found.next().unwrap().clone(), found.next().is_none())
    };
    let after = work.results();
    assert_eq!(of(&after, "a"), of(&before, "a"));
    assert!(of(&after, "b").1 && of(&after, "b") != of(&before, "b"));
    let left = fs::read_dir(&work.folder.0).unwrap();
    assert_eq!(left.count(), 3);
}

#[test]
fn a_question_is_told_in_the_words_of_the_command() {
    let work = Work::new("\"which\"\n");
    work.server.emulator.scenario(
        serde_json::from_value(
            json!({"tasks": [{"steps": [{"question": "colour?"}, {"done": "asked"}]}]}),
        )
        .unwrap(),
    );
    let done = work.run(&[]);
    assert_eq!(done.status, 1, "{}", done.stderr);
    let message = work.results()[0]["error"]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(
        message.starts_with("The agent asks: colour? Nobody answers in a batch:"),
        "{message}"
    );
    assert!(!done.stderr.contains("on_question"), "{}", done.stderr);
}

#[test]
fn the_first_ctrl_c_ends_the_wait_for_standard_input() {
    let work = Work::new("");
    let out = work.folder.file("out");
    let mut command = work.server.command(&["batch", "-", "--out", &out]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    // More than a pipe holds: it is reading.
    running.feed_more(&"\"one\"\n".repeat(40_000));
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    assert_eq!(work.sent(), 0);
    assert!(!fs::exists(&out).unwrap());
}
