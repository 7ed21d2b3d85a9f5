//! Help, version and usage errors.

use crate::support::{Running, program};

#[test]
fn help_has_examples_and_the_exit_status() {
    for args in [&["--help"][..], &["run", "--help"]] {
        let done = Running::start(program(args)).finish();
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        for part in [
            "Examples:",
            "sessionwire run --local",
            "Exit status: 0 done, 1 task error, 2 usage",
        ] {
            assert!(
                done.stdout.contains(part),
                "{part:?} is not in {}",
                done.stdout
            );
        }
    }
}

#[test]
fn every_command_is_listed_and_has_help() {
    let all = Running::start(program(&["--help"])).finish().stdout;
    for command in [
        "run",
        "batch",
        "turn",
        "raccoon",
        "emulator",
        "sessions",
        "doctor",
        "record",
        "verify",
        "mcp",
        "watch",
        "send",
        "answer",
        "wait",
        "events",
        "messages",
        "status",
        "pause",
        "resume",
        "cancel",
        "navigate",
        "screenshot",
    ] {
        assert!(
            all.lines()
                .any(|line| line.trim_start().starts_with(command)),
            "{command} is not in {all}"
        );
        let done = Running::start(program(&[command, "--help"])).finish();
        assert_eq!(done.status, 0, "{command}: {}", done.stderr);
        assert!(
            done.stdout
                .contains(&format!("Usage: sessionwire {command}")),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn the_version_is_the_package_version() {
    let done = Running::start(program(&["--version"])).finish();
    assert_eq!(
        (done.status, done.stdout),
        (0, format!("sessionwire {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for args in [
        &[][..],
        &["run"],
        &["rnu", "Look"],
        &["run", "Look", "--lokal"],
        &["status"],
    ] {
        let done = Running::start(program(args)).finish();
        assert_eq!((done.status, done.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            done.stderr.contains("Usage: sessionwire"),
            "{}",
            done.stderr
        );
    }
    let done = Running::start(program(&["run", "Look", "--lokal"])).finish();
    assert!(done.stderr.contains("'--local'"), "{}", done.stderr);
}

#[test]
fn help_for_a_reader_that_leaves_is_no_panic() {
    let mut running = Running::start(program(&["--help"]));
    running.stop_reading();
    let done = running.finish();
    assert!([0, 141].contains(&done.status), "{}", done.status);
    assert_eq!(done.stderr, "");
}
