//! The examples for Rust run.
#![allow(missing_docs, unreachable_pub)]

macro_rules! examples {
    ($($name:ident: $path:literal, $test:ident;)*) => {
        $(
            #[path = $path]
            mod $name;

            #[test]
            fn $test() {
                if let Err(error) = $name::main() {
                    panic!("{error}");
                }
            }
        )*

        #[test]
        fn every_example_runs() {
            let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rust");
            let mut there: Vec<String> = std::fs::read_dir(here)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            assert_eq!(there, [$(concat!(stringify!($name), ".rs")),*]);
        }
    };
}

examples! {
    emulator: "../../../examples/rust/emulator.rs", emulator_runs;
    events: "../../../examples/rust/events.rs", events_runs;
    fan_out: "../../../examples/rust/fan_out.rs", fan_out_runs;
    question: "../../../examples/rust/question.rs", question_runs;
    quickstart: "../../../examples/rust/quickstart.rs", quickstart_runs;
    raccoon_session: "../../../examples/rust/raccoon_session.rs", raccoon_session_runs;
    sessions: "../../../examples/rust/sessions.rs", sessions_runs;
    turn: "../../../examples/rust/turn.rs", turn_runs;
    turn_envelopes: "../../../examples/rust/turn_envelopes.rs", turn_envelopes_runs;
    webhooks: "../../../examples/rust/webhooks.rs", webhooks_runs;
}
