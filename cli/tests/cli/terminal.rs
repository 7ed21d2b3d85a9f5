//! The program on a terminal: prompts, marks, colours.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::support::{Server, eventually};

/// The program with a terminal for its three standard streams.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_as(command, "xterm")
    }

    fn start_as(mut command: Command, kind: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let line = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        command
            .env("TERM", kind)
            .stdin(line.try_clone().unwrap())
            .stdout(line.try_clone().unwrap())
            .stderr(line);
        let child = command.spawn().unwrap();
        // It holds the terminal open.
        drop(command);
        let keyboard = File::from(master);
        let mut source = keyboard.try_clone().unwrap();
        let screen = Arc::<Mutex<String>>::default();
        let sink = screen.clone();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut bytes = [0; 4096];
            // Linux reports the end as an error.
            while let Ok(count @ 1..) = source.read(&mut bytes) {
                all.extend_from_slice(&bytes[..count]);
                *sink.lock().unwrap() = String::from_utf8_lossy(&all).into_owned();
            }
        });
        Self {
            child,
            keyboard,
            screen,
            reader,
        }
    }

    /// Waits until the screen shows `text` that many times.
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        eventually(text, || {
            self.screen.lock().unwrap().matches(text).count() >= times
        });
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit status and everything that was shown.
    pub(crate) fn finish(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap().code().unwrap();
        self.reader.join().unwrap();
        (status, self.screen.lock().unwrap().replace("\r\n", "\n"))
    }
}

fn curious() -> Server {
    Server::playing(json!([
        {"thought": "Look \u{1b}[2Jclear"},
        {"question": "Which colour?"},
        {"done": {"summary": "Took {answer}", "count": 1}}
    ]))
}

#[test]
fn a_question_is_asked_at_the_prompt() {
    let server = curious();
    let mut terminal = Terminal::start(server.command(&["run", "Buy a shirt"]));
    terminal.wait_for("Your answer: ", 1);
    terminal.press("\n");
    terminal.wait_for("Your answer: ", 2);
    terminal.press("blue\n");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("\u{1b}[33m? question"), "{screen}");
    assert!(screen.contains("\u{1b}[32m✓ done"), "{screen}");
    let lines = seen(&screen);
    assert_eq!(
        lines[lines.len() - 8..][..6],
        [
            "",
            "Took blue",
            "{",
            "  \"summary\": \"Took blue\",",
            "  \"count\": 1",
            "}"
        ],
        "{lines:?}"
    );
    assert!(
        screen.ends_with(" s: 3 events, 1 question; the session is deleted\n"),
        "{screen}"
    );
    for told in ["session: ", "live view: http://127.0.0.1:"] {
        assert!(screen.contains(told), "{screen}");
    }
    // What a page says drives no terminal.
    assert!(
        screen.contains("Look [2Jclear") && !screen.contains("\u{1b}[2J"),
        "{screen}"
    );
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn no_color_means_none() {
    let server = curious();
    let mut command = server.command(&["run", "Buy a shirt", "--answer", "blue"]);
    command.env("NO_COLOR", "1");
    let (status, screen) = Terminal::start(command).finish();
    assert_eq!(status, 0, "{screen}");
    assert!(
        screen.contains("? question ")
            && screen.contains("< answer ")
            && !screen.contains('\u{1b}'),
        "{screen}"
    );
}

#[test]
fn the_end_of_input_is_no_answer() {
    let server = curious();
    let mut terminal = Terminal::start(server.command(&["run", "Buy a shirt"]));
    terminal.wait_for("Your answer: ", 1);
    terminal.press("\u{4}");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 2, "{screen}");
    assert!(
        screen.contains("Your answer: \nNot answered after ")
            && screen.contains("\nerror: The agent asks"),
        "{screen}"
    );
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn json_asks_nobody() {
    let server = curious();
    let (status, screen) =
        Terminal::start(server.command(&["run", "Buy a shirt", "--json"])).finish();
    assert_eq!(status, 2, "{screen}");
    assert!(
        !screen.contains("Your answer") && screen.contains("--answer TEXT"),
        "{screen}"
    );
}

#[test]
fn a_person_is_asked_before_all_is_deleted() {
    let server = curious();
    let id = server.run(&["sessions", "create", "--quiet"]).stdout;
    for (answer, status, left) in [("\n", 2, 1), ("n\n", 2, 1), ("\u{4}", 2, 1), ("Y\n", 0, 0)] {
        let mut terminal = Terminal::start(server.command(&["sessions", "delete-all"]));
        terminal.wait_for("ALL 1 sessions", 1);
        terminal.press(answer);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, status, "{id}: {screen}");
        assert_eq!(server.emulator.session_count(), left, "{screen}");
    }
}

#[test]
fn a_person_sees_the_columns_of_a_list() {
    let server = curious();
    let id = server.run(&["sessions", "create", "--quiet"]).stdout;
    let (_, screen) = Terminal::start(server.command(&["sessions", "list"])).finish();
    let lines: Vec<_> = screen.lines().collect();
    assert!(
        lines[0].starts_with("SESSION ") && lines[0].ends_with("  AGE"),
        "{screen}"
    );
    assert!(
        lines[1].starts_with(id.trim()) && lines[1].ends_with('s'),
        "{screen}"
    );
}

#[test]
fn a_watcher_is_asked_at_the_prompt() {
    let server = curious();
    let id = server.run(&["sessions", "create", "--quiet"]).stdout;
    assert_eq!(server.run(&["send", id.trim(), "Buy a shirt"]).status, 0);
    let mut terminal = Terminal::start(server.command(&["watch", id.trim()]));
    terminal.wait_for("Your answer: ", 1);
    terminal.press("blue\n");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("Took blue"), "{screen}");
}

#[test]
fn a_picture_is_not_for_a_terminal() {
    let server = curious();
    let command = server.command(&["screenshot", "some-id", "--output", "-"]);
    let (status, screen) = Terminal::start(command).finish();
    assert_eq!(status, 2, "{screen}");
    assert!(screen.contains("--output"), "{screen}");
    assert!(server.paths().is_empty());
}

/// A terminal's screen of so many columns after these bytes: what a person sees.
fn seen(screen: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    let mut rest = screen.chars();
    while let Some(c) = rest.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(String::new());
                column = 0;
            }
            '\u{1b}' => {
                let end = rest.by_ref().skip(1).find(|c| c.is_ascii_alphabetic());
                if end == Some('K') {
                    *line = line.chars().take(column).collect();
                }
            }
            c => {
                let mut cells: Vec<char> = line.chars().collect();
                cells.truncate(cells.len().max(column));
                if column < cells.len() {
                    cells[column] = c;
                } else {
                    cells.push(c);
                }
                *line = cells.into_iter().collect();
                column += 1;
            }
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn the_line_of_how_things_stand_mixes_with_no_other() {
    for set in [("COLUMNS", "80"), ("NO_COLOR", "1")] {
        let long = "Look at mugs and cups and bowls and plates and pans and pots and spoons and forks and knives";
        let server = Server::playing(json!([{"thought": long}, {"delay": 3600}]));
        let mut command = server.command(&["run", "Buy a mug"]);
        command.env(set.0, set.1);
        let terminal = Terminal::start(command);
        // Twice: as an event, and cut, in the line.
        terminal.wait_for("0:01  Look at mugs", 1);
        let until_now = terminal.screen.lock().unwrap().clone();
        let lines = seen(&until_now);
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("0:01  Look at mugs") && last.ends_with('…'),
            "{lines:?}"
        );
        assert!(last.chars().count() <= 76, "{last:?}");
        for line in &lines[..lines.len() - 1] {
            assert!(!line.contains("0:0"), "{lines:?}");
        }
        assert_eq!(until_now.contains('\u{1b}'), set.0 != "NO_COLOR");
        // The terminal writes ^C behind the line.
        let id = terminal.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", "INT", &id])
                .status()
                .unwrap()
                .success()
        );
        let (status, screen) = terminal.finish();
        assert_eq!(status, 130, "{screen}");
        let lines = seen(&screen);
        let end = &lines[lines.len() - 3..];
        assert!(end[0].starts_with("Interrupted: cancelling"), "{lines:?}");
        assert!(end[1].starts_with("Interrupted after 1"), "{lines:?}");
        assert_eq!(end[2], "");
    }
}

#[test]
fn the_line_fits_a_terminal_that_is_narrow_or_becomes_so() {
    let thought = "Look at mugs and cups and bowls and plates";
    let server = Server::playing(json!([{"thought": thought}, {"delay": 3600}]));
    let terminal = Terminal::start(server.command(&["run", "Buy a mug"]));
    let resize = |columns: u16| {
        let size = rustix::termios::Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&terminal.keyboard, size).unwrap();
    };
    terminal.wait_for("0:01  Look at mugs and cups and bowls", 1);
    // What was drawn takes two rows now: both go.
    resize(36);
    terminal.wait_for("\r\u{1b}[A\u{1b}[J", 1);
    terminal.wait_for("Look at mugs and cups and…", 1);
    let screen = terminal.screen.lock().unwrap().clone();
    let last = screen.rsplit(['K', 'J']).next().unwrap();
    assert!(last.chars().count() <= 32, "{last:?}");
    let id = terminal.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(terminal.finish().0, 130);
}

#[test]
fn a_terminal_that_takes_no_line_back_gets_none() {
    let server = curious();
    let command = server.command(&["run", "Buy a shirt", "--answer", "blue"]);
    let (status, screen) = Terminal::start_as(command, "dumb").finish();
    assert_eq!(status, 0, "{screen}");
    assert!(
        screen.contains("session: ") && !screen.contains("0:00"),
        "{screen}"
    );
    assert!(!screen.contains('\u{1b}'), "{screen}");
}

#[test]
fn what_became_of_it_stands_behind_all_that_was_printed() {
    let steps = json!([{"repeat": 300, "steps": [{"text": "piece {n} "}]}]);
    let server = Server::start();
    let scenario = json!({"turns": [{"steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    let (status, screen) = Terminal::start(server.turn_command(&["turn", "Say it"])).finish();
    assert_eq!(status, 0, "{screen}");
    let lines = seen(&screen);
    let last = &lines[lines.len() - 2];
    assert!(
        last.starts_with("Done after ") && last.ends_with("; the session stays"),
        "{last:?}"
    );
}

#[test]
fn a_quiet_run_tells_a_terminal_its_result_alone() {
    let server = curious();
    let command = server.command(&["run", "Buy a shirt", "--answer", "blue", "--quiet"]);
    let (status, screen) = Terminal::start(command).finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.starts_with("Took blue\n{"), "{screen}");
}

#[test]
fn an_answer_from_elsewhere_takes_the_prompt_away() {
    let server = Server::playing(json!([
        {"question": "Which colour?"},
        {"thought": "Going for {answer}"},
        {"question": "Which size?"},
        {"done": "Took {answer}"}
    ]));
    let id = server.run(&["sessions", "create", "--quiet"]).stdout;
    let id = id.trim();
    assert_eq!(server.run(&["send", id, "Buy a shirt"]).status, 0);
    let mut terminal = Terminal::start(server.command(&["watch", id]));
    terminal.wait_for("Your answer: ", 1);
    assert_eq!(server.run(&["answer", id, "green"]).status, 0);
    terminal.wait_for("Your answer: ", 2);
    terminal.press("large\n");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(
        screen.contains("The question was answered elsewhere.") && screen.contains("Took large"),
        "{screen}"
    );
    assert_eq!(server.emulator.session_count(), 1);
}
