//! `sessionwire scenario check`.

use serde_json::json;

use crate::support::{Done, Folder, Running, program};

fn check(args: &[&str]) -> Done {
    let args = [&["scenario", "check"], args].concat();
    Running::start(program(&args)).finish()
}

const GOOD: &str = "tasks:\n  - steps: [{ done: 1 }]\nturns: []\n";
const BAD: &str = "tasks:
  - steps:
      - thougth: x
      - question: Which colour?
        save: colour
      - done: A {color} mug
  - mach: mug
";

#[test]
fn what_can_be_played_is_said_and_all_that_is_wrong() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.yaml"), folder.file("bad.yaml"));
    let torn = folder.file("torn.json");
    std::fs::write(&good, GOOD).unwrap();
    std::fs::write(&bad, BAD).unwrap();
    std::fs::write(&torn, "{\"tasks\": [}").unwrap();

    let done = check(&[&good]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert_eq!(done.stdout, format!("{good}: ok, 1 task and 0 turns\n"));

    let missing = folder.file("missing.yaml");
    let done = check(&[&bad, &good, &torn, &missing]);
    assert_eq!(done.status, 2);
    let lines: Vec<_> = done.stdout.lines().collect();
    for (line, parts) in lines.iter().zip([
        [
            &*format!("{bad}:3:9: tasks[0].steps[0]: "),
            "write `thought`",
        ],
        // A word that was missed, beside them.
        [
            &*format!("{bad}:6:9: tasks[0].steps[2].done: "),
            "write `{colour}`",
        ],
        [
            &*format!("{bad}:7:5: tasks[1]: "),
            "`mach` is not known: write `match`",
        ],
        [&*format!("{good}: ok"), "1 task"],
        [&*format!("{torn}:1:12: not JSON"), ""],
        [&*format!("{missing}: cannot be read"), ""],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert_eq!(lines.len(), 6, "{}", done.stdout);
    assert!(
        done.stderr.contains("3 of 4 scenarios cannot be played"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_can_never_play_is_a_warning_with_its_line() {
    let folder = Folder::new();
    let file = folder.file("shadow.yaml");
    let text = "tasks:\n  - steps:\n      - done: 1\n      - log: late\n  - match: mug\n    once: true\n    steps: []\n";
    std::fs::write(&file, text).unwrap();
    let done = check(&[&file]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            format!(
                "{file}:4:9: warning: tasks[0].steps[1]: never plays, nor what follows: the task has ended with steps[0]. Put it \
                 before that step, or take it out"
            ),
            format!(
                "{file}:5:5: warning: tasks[1]: never plays: tasks[0] fits every task that it fits, comes first and plays each time. \
                 Put it before tasks[0], or give that one `once`"
            ),
            format!("{file}: ok, 2 tasks and 0 turns, 2 warnings"),
        ]
    );
    let done = check(&[&file, "--json"]);
    let line = &done.json_lines()[0];
    assert_eq!(
        (
            &line["status"],
            &line["problems"],
            &line["warnings"][1]["place"],
            &line["warnings"][1]["line"]
        ),
        (&json!("ok"), &json!([]), &json!("tasks[1]"), &json!(5))
    );
}

#[test]
fn json_has_a_line_for_each_file_and_the_failure_last() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.yaml"), folder.file("bad.yaml"));
    std::fs::write(&good, GOOD).unwrap();
    std::fs::write(&bad, "turns:\n  - steps:\n      - delay: soon\n").unwrap();
    let done = check(&[&good, &bad, "--json"]);
    assert_eq!(done.status, 2);
    let lines = done.json_lines();
    assert_eq!(
        lines[0],
        json!({"type": "scenario", "file": good, "status": "ok", "tasks": 1, "turns": 0, "problems": [], "warnings": []})
    );
    assert_eq!(
        lines[1],
        json!({"type": "scenario", "file": bad, "status": "error", "tasks": null, "turns": null, "problems": [{
            "place": "turns[0].steps[0].delay", "line": 3, "column": 9,
            "message": "needs a number of seconds, from 0 to 86400"}], "warnings": []})
    );
    assert_eq!(
        (&lines[2]["name"], &lines[2]["exit_status"]),
        (&json!("UsageError"), &json!(2))
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_file_must_be_named() {
    let done = check(&[]);
    assert_eq!(done.status, 2);
    assert!(done.stderr.contains("FILE"), "{}", done.stderr);
}
