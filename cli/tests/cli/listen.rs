//! `sessionwire listen`: the receiver of webhooks on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sessionwire::webhooks;

use crate::support::{Running, Server, eventually};

const SECRET: &str = "correct horse";

/// What a receiver got: the target, the headers, the body.
type Received = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A receiver that gives these statuses first, then 200.
fn receiver(statuses: &[u16]) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let (sink, statuses) = (received.clone(), statuses.to_vec());
    std::thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut target, mut headers, mut line) = (String::new(), String::new(), String::new());
            stream.read_line(&mut target).unwrap();
            while stream.read_line(&mut line).unwrap() > 2 {
                headers.push_str(&line.to_lowercase());
                line.clear();
            }
            let length = headers.split("content-length: ").nth(1).unwrap();
            let length = length.split("\r\n").next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let target = target.split(' ').nth(1).unwrap().to_owned();
            let status = statuses.next().unwrap_or(200);
            let answer =
                format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // What reads well is a webhook for every receiver of ours.
            webhooks::parse(&body).unwrap();
            let body = serde_json::from_slice(&body).unwrap();
            sink.lock().unwrap().push((target, headers, body));
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (format!("http://{address}/hook"), received)
}

fn created(server: &Server) -> String {
    server
        .run(&["sessions", "create", "--quiet"])
        .stdout
        .trim()
        .to_owned()
}

fn listening(server: &Server, id: &str, to: &str, more: &[&str]) -> Running {
    let mut command =
        server.command(&["listen", id, "--forward-to", to, "--poll-interval", "20ms"]);
    command.args(more).env("WEBHOOK_SECRET", SECRET);
    let running = Running::start(command);
    running.wait_for_stderr("Listening to");
    running
}

#[test]
fn a_task_arrives_as_the_service_would_tell_it() {
    let server = Server::playing(json!([
        {"thought": "hm"}, {"question": "Which colour?"}, {"done": {"summary": "Took {answer}"}}
    ]));
    let id = created(&server);
    let (to, received) = receiver(&[]);
    let mut running = listening(&server, &id, &to, &[]);
    assert_eq!(server.run(&["send", &id, "Buy a mug"]).status, 0);
    running.read_until("task.question");
    assert_eq!(server.run(&["answer", &id, "blue"]).status, 0);
    let line = running.read_until("task.completed");
    assert!(line.ends_with("200  delivered\n"), "{line}");
    // The next task of the session, too.
    assert_eq!(server.run(&["send", &id, "Buy a cup"]).status, 0);
    running.read_until("task.question");
    assert_eq!(server.run(&["cancel", &id]).status, 0);
    running.read_until("session.status_changed");
    assert_eq!(server.run(&["sessions", "delete", &id]).status, 0);
    let done = running.finish();
    assert_eq!(done.status, 0, "{}", done.stderr);

    let received = received.lock().unwrap();
    let names: Vec<_> = received
        .iter()
        .map(|(_, _, body)| body["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "task.started",
            "task.question",
            "task.completed",
            "task.started",
            "task.question",
            "session.status_changed",
            "session.deleted"
        ]
    );
    let of = |at: usize| &received[at].2;
    assert_eq!(of(0)["message"], "Buy a mug");
    assert_eq!(
        (&of(1)["question"], &of(1)["context"]),
        (&json!("Which colour?"), &json!({}))
    );
    assert_eq!(
        of(2)["result"],
        json!({"status": "success", "message": "Took blue"})
    );
    assert_eq!(of(3)["message"], "Buy a cup");
    assert_eq!(
        (&of(5)["old_status"], &of(5)["new_status"]),
        (&json!("running"), &json!("ready"))
    );
    for (target, headers, body) in received.iter() {
        assert!(webhooks::verify(target, SECRET), "{target}");
        assert_eq!(body["session"]["id"], id.as_str());
        assert!(body["session"]["vnc_url"].is_string());
        let name = body["event"].as_str().unwrap();
        assert!(
            headers.contains(&format!("x-event-type: {name}\r\n")),
            "{headers}"
        );
        assert!(
            headers.contains("user-agent: agencyapi-webhooks/1.0\r\n"),
            "{headers}"
        );
    }
}

/// What the emulator itself sends to a webhook's address is what `listen` sends.
#[test]
fn it_sends_what_the_service_sends() {
    let server = Server::playing(json!([{"thought": "hm"}, {"done": "ok"}]));
    let ((direct, told), (to, relayed)) = (receiver(&[]), receiver(&[]));
    let created = ["sessions", "create", "--quiet", "--webhook-url", &direct];
    let id = server.run(&created).stdout.trim().to_owned();
    assert_eq!(server.run(&["send", &id, "Buy a mug"]).status, 0);
    assert_eq!(
        server.run(&["wait", &id, "--poll-interval", "20ms"]).status,
        0
    );
    let mut running = listening(&server, &id, &to, &["--history"]);
    running.read_until("task.completed");
    assert_eq!(server.run(&["sessions", "delete", &id]).status, 0);
    assert_eq!(running.finish().status, 0);
    eventually("the deletion", || told.lock().unwrap().len() == 4);
    let plain = |received: &Received| -> Vec<Value> {
        let received = received.lock().unwrap();
        let bodies = received.iter().map(|(_, _, body)| {
            let mut body = body.clone();
            body["timestamp"] = Value::Null;
            // What it is on deletion depends on when one looks.
            body["session"]["status"] = Value::Null;
            body
        });
        bodies.collect()
    };
    assert_eq!(plain(&relayed), plain(&told));
}

#[test]
fn a_receiver_that_is_down_is_tried_again() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let id = created(&server);
    let (to, received) = receiver(&[503]);
    let mut running = listening(&server, &id, &to, &["--json"]);
    assert_eq!(server.run(&["send", &id, "Buy a mug"]).status, 0);
    let mut read = || -> Value { serde_json::from_str(&running.read_until("delivery")).unwrap() };
    let first = read();
    assert_eq!(
        (&first["event"], &first["status"]),
        (&json!("task.started"), &json!(503))
    );
    assert_eq!(
        (&first["outcome"], &first["retry_in"]),
        (&json!("webhook_retry"), &json!(1.0))
    );
    // It holds nobody up.
    let second = read();
    assert_eq!(
        (&second["event"], &second["status"]),
        (&json!("task.completed"), &json!(200))
    );
    let third = read();
    assert_eq!(
        (&third["event"], &third["attempt"]),
        (&json!("task.started"), &json!(2))
    );
    assert_eq!(received.lock().unwrap().len(), 3);
    running.signal("INT");
    assert_eq!(running.finish().status, 130);
    assert_eq!(server.emulator.session_count(), 1);
}

#[test]
fn a_receiver_that_does_not_run_is_said_to() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let id = created(&server);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let to = format!("http://localhost:{free}/hook");
    let mut running = listening(&server, &id, &to, &[]);
    assert_eq!(server.run(&["send", &id, "Buy a mug"]).status, 0);
    let line = running.read_until("task.started");
    let why = format!(
        "attempt 1 failed: localhost refused the connection on port {free}; the next in 1 s"
    );
    assert!(line.contains(&why), "{line}");
    assert!(!line.contains("token"), "{line}");
    running.signal("INT");
    assert_eq!(running.finish().status, 130);
}

#[test]
fn the_address_of_a_receiver_stays_as_it_is() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let id = created(&server);
    let (to, received) = receiver(&[]);
    // By its name, which may stand for more addresses than it listens at.
    let to = to.replace("127.0.0.1", "localhost") + "/index.php?option=app&task=hook%20two";
    let mut running = listening(&server, &id, &to, &[]);
    assert_eq!(server.run(&["send", &id, "Buy a mug"]).status, 0);
    running.read_until("task.completed");
    let target = received.lock().unwrap()[0].0.clone();
    assert!(
        target.starts_with("/hook/index.php?option=app&task=hook%20two&token="),
        "{target}"
    );
    assert!(webhooks::verify(&target, SECRET), "{target}");
}

#[test]
fn what_is_no_receiver_is_refused() {
    let server = Server::start();
    for to in ["127.0.0.1:3000/hook", "ftp://127.0.0.1/", ""] {
        let done = server.run(&["listen", "session-1", "--forward-to", to]);
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(
            done.stderr.contains("http://127.0.0.1:3000/hook"),
            "{}",
            done.stderr
        );
    }
    assert!(server.paths().is_empty());
    let gone = server.run(&["listen", "session-1", "--forward-to", "http://127.0.0.1:9/"]);
    assert_eq!(gone.status, 3, "{}", gone.stderr);
}
