//! Completions in a shell, manual pages, and the log.

use std::process::Command;

use serde_json::json;

use crate::support::{Folder, Running, Server, program};
use crate::terminal::Terminal;

/// A shell with a terminal that has read the completions.
fn shell(name: &str, options: &[&str], setup: &str) -> Terminal {
    let found = program(&[]);
    let program = std::path::Path::new(found.get_program());
    let folder = program.parent().unwrap().to_str().unwrap();
    let mut command = Command::new(name);
    command
        .args(options)
        .env(
            "PATH",
            format!("{folder}:{}", std::env::var("PATH").unwrap()),
        )
        .env("PS1", "> ")
        .env("INPUTRC", "/dev/null")
        .env_remove("BASH_ENV");
    let mut terminal = Terminal::start(command);
    terminal.press(&format!("{setup}; echo rea\"dy\"\n"));
    terminal.wait_for("ready", 1);
    terminal
}

/// What a person gets who types this and presses the tabulator.
fn completed(terminal: &mut Terminal, typed: &str, expected: &str) {
    terminal.press(typed);
    terminal.press("\t");
    terminal.wait_for(expected, 1);
    // Empties the line.
    terminal.press("\u{15}");
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    let mut terminal = shell(
        "bash",
        &["--norc", "--noprofile", "-i"],
        "source <(sessionwire completions bash)",
    );
    completed(
        &mut terminal,
        "sessionwire compl",
        "sessionwire completions ",
    );
    completed(
        &mut terminal,
        "sessionwire run --scr",
        "sessionwire run --screenshot ",
    );
    completed(
        &mut terminal,
        "sessionwire sessions delete-",
        "sessionwire sessions delete-all ",
    );
    completed(
        &mut terminal,
        "sessionwire completions powe",
        "sessionwire completions powershell ",
    );
    completed(
        &mut terminal,
        "sessionwire raccoon sessions ren",
        "sessionwire raccoon sessions rename ",
    );
    terminal.press("exit 7\n");
    assert_eq!(terminal.finish().0, 7);
}

#[test]
fn each_shell_gets_a_script_that_names_every_command() {
    let help = Running::start(program(&["--help"])).finish().stdout;
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = Running::start(program(&["completions", shell])).finish();
        assert_eq!((script.status, script.stderr.as_str()), (0, ""));
        for command in &commands {
            assert!(script.stdout.contains(command), "{shell}: {command}");
        }
    }
    let refused = Running::start(program(&["completions", "tcsh"])).finish();
    assert!(
        refused.status == 2 && refused.stderr.contains("powershell"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_manual_page_says_what_the_help_says() {
    let page = Running::start(program(&["man", "run"])).finish();
    assert_eq!((page.status, page.stderr.as_str()), (0, ""));
    assert!(
        page.stdout.contains(".TH sessionwire-run 1"),
        "{}",
        page.stdout
    );
    for option in ["\\-\\-session", "\\-\\-save\\-snapshot", "Exit status"] {
        assert!(page.stdout.contains(option), "{option}: {}", page.stdout);
    }
    let folder = Folder::new();
    let to = folder.0.to_str().unwrap();
    assert_eq!(
        Running::start(program(&["man", "--dir", to]))
            .finish()
            .status,
        0
    );
    for name in [
        "sessionwire",
        "sessionwire-run",
        "sessionwire-sessions-create",
        "sessionwire-raccoon-sessions-rename",
    ] {
        let page = std::fs::read_to_string(folder.file(&format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}");
    }
    let refused = Running::start(program(&["man", "--dir", "/dev/null/folder"])).finish();
    assert!(
        refused.status == 2 && refused.stderr.contains("/dev/null/folder"),
        "{}",
        refused.stderr
    );
}

#[test]
fn the_log_says_each_request_and_never_the_key() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let mut command = server.command(&["run", "Look", "--json"]);
    command.env("SESSIONWIRE_LOG", "debug");
    let done = Running::start(command).finish();
    assert_eq!(done.status, 0, "{}", done.stderr);
    let lines: Vec<_> = done
        .stderr
        .lines()
        .filter(|line| line.contains(" sessionwire: "))
        .collect();
    for part in ["method=POST", "status=200", "/v1/sessions"] {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {}",
            done.stderr
        );
    }
    assert!(
        lines[0].starts_with("20") && lines[0].contains("Z sessionwire: "),
        "{}",
        lines[0]
    );
    assert!(!done.stderr.contains("test-key-1"), "{}", done.stderr);
    assert_eq!(done.json_lines().last().unwrap()["type"], "result");

    let mut command = server.command(&["sessions", "list"]);
    command.env("SESSIONWIRE_LOG", "trace");
    let done = Running::start(command).finish();
    assert!(
        done.status == 0 && done.stderr.contains("Set it to debug"),
        "{}",
        done.stderr
    );
}
