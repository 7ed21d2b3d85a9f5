//! `sessionwire record`.

use serde_json::{Value, json};
use sessionwire_emulator::{Scenario, Step};

use crate::support::{Done, Folder, Running, Server, eventually};

#[test]
fn a_session_becomes_a_scenario() {
    let server = Server::playing(json!([
        {"thought": "The PIN is 80514, I think"}, {"done": {"summary": "A mug", "price": 12.5}}]));
    let id = server.kept_session();
    let folder = Folder::new();
    let (file, secrets) = (folder.file("shop.yaml"), folder.file("secrets.txt"));
    std::fs::write(&secrets, "80514\n\n").unwrap();
    let recorded = server.run(&["record", &id, "--output", &file, "--secrets", &secrets]);
    assert_eq!(
        (recorded.status, recorded.stdout.as_str()),
        (0, ""),
        "{}",
        recorded.stderr
    );
    assert!(
        recorded.stderr.contains("Recorded 1 task."),
        "{}",
        recorded.stderr
    );
    assert!(!std::fs::read_to_string(&file).unwrap().contains("80514"));
    let scenario = Scenario::from_file(&file).unwrap();
    let last = scenario.tasks[0].steps.last().unwrap();
    assert_eq!(
        last,
        &Step::Done(json!({"summary": "A mug", "price": 12.5}))
    );

    let printed = server.run(&["record", &id, "--secrets", &secrets]);
    assert_eq!(printed.stdout, std::fs::read_to_string(&file).unwrap());
    let json = server.run(&["record", &id, "--secrets", &secrets, "--json"]);
    assert_eq!(Scenario::from_text(&json.stdout).unwrap(), scenario);
    let line = &server
        .run(&["record", &id, "-o", &file, "--force", "--json"])
        .json_lines()[0];
    assert_eq!(*line, json!({"file": file, "tasks": 1}));
}

#[test]
fn each_line_of_the_secrets_counts_or_is_warned_of() {
    let server = Server::playing(json!([{"done": "b1ue and gr33n, xyz"}]));
    let id = server.kept_session();
    let folder = Folder::new();
    let secrets = folder.file("secrets.txt");
    std::fs::write(&secrets, "\u{feff}b1ue\r\n\r\nxyz\r\ngr33n\r\n").unwrap();
    let printed = server.run(&["record", &id, "--secrets", &secrets]);
    assert!(
        printed.stdout.contains("[redacted] and [redacted], xyz"),
        "{}",
        printed.stdout
    );
    let said = format!("Line 3 of {secrets} is not used");
    assert!(printed.stderr.contains(&said), "{}", printed.stderr);
    assert!(!printed.stderr.contains("xyz"), "{}", printed.stderr);
}

#[test]
fn what_cannot_be_used_is_refused() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let id = server.kept_session();
    let folder = Folder::new();
    let missing = folder.file("missing/it.yaml");
    for (args, status, text) in [
        (
            vec!["record", &id, "--output", &missing],
            2,
            "the folder does not exist",
        ),
        (
            vec!["record", &id, "--secrets", &missing],
            2,
            "one secret a line",
        ),
        (vec!["record", "missing"], 3, "not found"),
    ] {
        let refused = server.run(&args);
        assert_eq!(refused.status, status, "{}", refused.stderr);
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
}

/// An emulator that speaks so, and whose agent takes these steps for every turn.
fn speaking(dialect: Value, steps: Value) -> Server {
    let server = Server::speaking(dialect);
    let scenario = json!({"turns": [{"steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    server
}

fn raccoon(server: &Server, args: &[&str]) -> Done {
    Running::start(server.turn_command(args)).finish()
}

#[test]
fn a_turn_becomes_a_scenario_in_the_words_of_its_service() {
    let dialect = json!({"text": "cumulative", "camel_case": true, "kinds": {"text": "prose"}});
    let steps = json!([
        {"thought": "The PIN is 80514"}, {"text": "Blue, "}, {"text": "at 12.50"}, {"text": " EUR"}, {"complete": true}]);
    let server = speaking(dialect.clone(), steps);
    let folder = Folder::new();
    let (file, secrets) = (folder.file("mugs.yaml"), folder.file("secrets.txt"));
    std::fs::write(&secrets, "80514\n").unwrap();
    let args = [
        "raccoon",
        "record",
        "Compare",
        "-o",
        &file,
        "--secrets",
        &secrets,
    ];
    let recorded = raccoon(&server, &args);
    assert_eq!(
        (recorded.status, recorded.stdout.as_str()),
        (0, ""),
        "{}",
        recorded.stderr
    );
    for part in [
        "session: ",
        "Recorded 1 turn. Look it over for secrets, then: sessionwire emulator --scenario ",
        "The service speaks in its own way, dialect: {\"kinds\":{\"text\":\"prose\"},\"camel_case\":true,\"text\":\"cumulative\"}\n",
        "A client reads it with --wire '{\"text_kinds\":[\"prose\"]}'\n",
    ] {
        assert!(
            recorded.stderr.contains(part),
            "{part}: {}",
            recorded.stderr
        );
    }
    assert!(!std::fs::read_to_string(&file).unwrap().contains("80514"));
    let scenario = Scenario::from_file(&file).unwrap();
    assert_eq!(json!(scenario)["dialect"], dialect);

    // Both are of use: the file for an emulator, what was printed for a client of it.
    let second = Server::start();
    second.emulator.scenario(scenario.clone());
    let args = [
        "turn",
        "Compare",
        "-q",
        "--wire",
        "{\"text_kinds\":[\"prose\"]}",
    ];
    let done = raccoon(&second, &args);
    assert_eq!(
        (done.status, done.stdout.as_str()),
        (0, "Blue, at 12.50 EUR\n"),
        "{}",
        done.stderr
    );

    let printed = raccoon(
        &server,
        &["raccoon", "record", "Compare", "--secrets", &secrets],
    );
    assert_eq!(
        Scenario::from_text(&printed.stdout).unwrap().dialect,
        scenario.dialect
    );
    let args = [
        "raccoon", "record", "Compare", "-o", &file, "--force", "--json",
    ];
    let line = &raccoon(&server, &args).json_lines()[0];
    assert_eq!(line["file"], *file);
    assert_eq!(
        (&line["dialect"], &line["wire"]),
        (&dialect, &json!({"text_kinds": ["prose"]}))
    );
}

#[test]
fn a_service_that_speaks_as_documented_needs_nothing() {
    let server = speaking(json!({}), json!([{"error": "No such shop"}]));
    let recorded = raccoon(&server, &["raccoon", "record", "Compare"]);
    assert_eq!(recorded.status, 0, "{}", recorded.stderr);
    let told = recorded.stderr.split_once('\n').unwrap().1;
    assert_eq!(
        told,
        "The service speaks as documented.\nA client reads it without --wire.\n"
    );
    let scenario = Scenario::from_text(&recorded.stdout).unwrap();
    assert_eq!(scenario.dialect, None);
    // How long it took is in the step, too, where that is more than nothing.
    let scenario = json!(scenario);
    let steps = scenario["turns"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["error"], json!("No such shop"));
}

#[test]
fn a_turn_that_takes_too_long_is_stopped_and_recorded() {
    let server = speaking(json!({}), json!([{"text": "a"}, {"wait_for_stop": true}]));
    let args = ["raccoon", "record", "Compare", "--timeout", "0.5"];
    let recorded = raccoon(&server, &args);
    assert_eq!(recorded.status, 0, "{}", recorded.stderr);
    assert!(
        recorded.stderr.contains("Stopping the turn"),
        "{}",
        recorded.stderr
    );
    let steps = &json!(Scenario::from_text(&recorded.stdout).unwrap())["turns"][0]["steps"];
    assert!(steps.to_string().contains("abort"), "{steps}");
}

#[test]
fn a_recording_of_a_turn_that_cannot_be_written_costs_no_request() {
    let server = Server::start();
    let folder = Folder::new();
    let missing = folder.file("missing/it.yaml");
    for (args, text) in [
        (
            ["raccoon", "record", "x", "--output", &missing],
            "the folder does not exist",
        ),
        (
            ["raccoon", "record", "x", "--secrets", &missing],
            "one secret a line",
        ),
        (["raccoon", "record", "x", "--session", "y"], "UUID"),
        (["raccoon", "record", "", "--mode", "auto"], "PROMPT"),
    ] {
        let refused = raccoon(&server, &args);
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn a_signal_stops_the_turn_and_records_it() {
    let server = speaking(
        json!({"wrapped": true}),
        json!([{"text": "a"}, {"wait_for_stop": true}]),
    );
    let folder = Folder::new();
    let file = folder.file("mugs.json");
    let running =
        Running::start(server.turn_command(&["raccoon", "record", "Compare", "-o", &file]));
    eventually("a socket of the turn", || {
        let requests = server.emulator.requests();
        requests
            .iter()
            .any(|request| request.path.starts_with("/ws/"))
    });
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(
        done.stderr
            .starts_with("Stopping the turn: it is recorded up to here.\n"),
        "{}",
        done.stderr
    );
    let scenario = json!(Scenario::from_file(&file).unwrap());
    assert_eq!(
        scenario["turns"][0]["steps"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["abort"],
        "Stopped by the user"
    );
    assert_eq!(scenario["dialect"], json!({"wrapped": true}));
}
