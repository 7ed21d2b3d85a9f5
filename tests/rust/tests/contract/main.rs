//! One test for each case of `tests/contract/` that runs in Rust, by its id:
//! `cargo test -p sessionwire-tests --test contract -- stream/plain`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod ag_ui;
mod agi;
mod busy;
mod closed;
mod echoes;
mod handles;
mod hostile;
mod ledger;
mod left_behind;
mod limits;
mod loops;
mod meaning;
mod origins;
mod pure;
mod success;
mod turn_handles;
mod turn_runs;
mod turns;
mod warnings;
mod webhooks;

use std::pin::Pin;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use sessionwire_tests::cases::passed;
use sessionwire_tests::{contract, contract_files, list_in};

type Run = Pin<Box<dyn Future<Output = ()>>>;

/// How the cases of one list of one file are run.
struct Driver {
    file: &'static str,
    list: &'static str,
    run: fn(Value) -> Run,
}

macro_rules! drivers {
    ($($file:literal . $list:ident => $run:path),* $(,)?) => {
        &[$(Driver {
            file: $file,
            list: stringify!($list),
            run: |case| Box::pin($run(case)),
        }),*]
    };
}

const DRIVERS: &[Driver] = drivers! {
    "ag_ui.json".cases => ag_ui::events,
    "answers.json".cases => agi::answer,
    "bad_input.json".cases => agi::bad_input,
    "busy.json".cases => busy::g02_a_session_takes_one_task_at_a_time,
    "closed.json".cases => closed::g04_a_closed_client_sends_nothing,
    "closed_turns.json".cases => closed::g04_a_closed_client_sends_nothing_about_turns,
    "echoes.json".cases => echoes::g07_no_form_of_the_key_is_shown,
    "errors.json".cases => agi::error,
    "event_text.json".cases => meaning::event_text,
    "events.json".cases => agi::event,
    "handles.json".cases => handles::g02_g03_a_task_outlives_its_process,
    "hostile.json".cases => hostile::g10_a_response_is_read_up_to_a_cap,
    "hostile.json".streams => hostile::g10_other_calls_keep_their_deadlines,
    "ledger.json".cases => ledger::g05_what_dead_processes_left,
    "left_behind.json".cases => left_behind::g05_nothing_is_left_behind,
    "limits.json".cases => limits::limit,
    "loops.json".cases => loops::g01_one_loop_at_a_time,
    "origins.json".cases => origins::g07_g08_where_a_key_goes,
    "requests.json".cases => agi::request,
    "result_json.json".cases => meaning::result_json,
    "retry.json".decisions => pure::decision,
    "retry.json".headers => pure::retry_after,
    "rude_faults.json".streams => agi::stream,
    "rude_faults.json".calls => agi::request,
    "rude_faults.json".turns => turns::turn,
    "rude_json.json".cases => meaning::rude_json,
    "sse".cases => pure::frames,
    "session_events.json".cases => turn_runs::g01_g04_events_of_a_session,
    "streams.json".cases => agi::stream,
    "success.json".cases => success::g03_a_success_without_words,
    "times.json".cases => meaning::time,
    "turn_events.json".cases => meaning::turn_events,
    "turn_handles.json".cases => turn_handles::g01_g03_a_turn_outlives_its_process,
    "turn_hooks.json".turns => turns::turn,
    "turn_input.json".cases => turns::g08_bad_input_sends_nothing,
    "turn_runs.json".cases => turn_runs::many_turns,
    "turns.json".cases => turns::turn,
    "variants.json".turns => turns::turn,
    "variants.json".lists => turns::list,
    "warnings.json".cases => warnings::g08_what_may_be_a_mistake,
    "webhooks.json".cases => webhooks::webhook,
};

fn main() {
    let mut trials = vec![
        Trial::test("every file of cases is run", || {
            every_file_is_run();
            Ok(())
        }),
        Trial::test("every kind of error has a case", || {
            agi::every_kind_of_error_has_a_case();
            Ok(())
        }),
    ];
    for driver in DRIVERS {
        trials.extend(trials_of(driver));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trials_of(driver: &Driver) -> Vec<Trial> {
    let mut trials = Vec::new();
    for file in contract_files() {
        let content = contract(&file);
        let cases = driver.list_in(&file).map(|list| &content[list]);
        for case in cases.and_then(Value::as_array).into_iter().flatten() {
            // A case of other columns says so, alone or with its whole file.
            let only = case.get("only").or(content.get("only"));
            if only.is_some_and(|columns| !columns.as_array().unwrap().contains(&"rust".into())) {
                continue;
            }
            let (id, run, case) = (full_id(&file, case), driver.run, case.clone());
            trials.push(Trial::test(id.clone(), move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(run(case));
                passed(&id);
                Ok(())
            }));
        }
    }
    assert!(!trials.is_empty(), "{} has no {}", driver.file, driver.list);
    trials
}

impl Driver {
    /// The list of this file that it runs.
    fn list_in(&self, file: &str) -> Option<&'static str> {
        if file.split('/').next() == Some(self.file) {
            return Some(self.list);
        }
        list_in(file, self.file, self.list)
    }
}

/// An id names its file: `retry/header-seconds`.
fn full_id(file: &str, case: &Value) -> String {
    let id = case["id"].as_str().unwrap();
    let prefix = file.split('/').next().unwrap().trim_end_matches(".json");
    if id.contains('/') {
        id.to_owned()
    } else {
        format!("{prefix}/{id}")
    }
}

fn every_file_is_run() {
    for file in contract_files() {
        let content = contract(&file);
        let only = content.get("only").and_then(Value::as_array);
        if only.is_some_and(|columns| !columns.contains(&"rust".into())) {
            continue;
        }
        for (list, cases) in content.as_object().unwrap() {
            if cases[0].get("id").is_some() {
                let found = DRIVERS
                    .iter()
                    .any(|driver| driver.list_in(&file) == Some(list.as_str()));
                assert!(found, "no driver of `{list}` in {file}: add it to DRIVERS");
            }
        }
    }
}
