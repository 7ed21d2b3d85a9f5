//! The same over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};

use super::agi::{left, mcp};
use super::client::Mcp;
use super::ends::deletes;
use super::raccoon;
use crate::support::{Running, Server, eventually, program};

const TOKEN: &str = "0123456789abcdef0123";

/// A server that listens, and its port.
struct Listening {
    process: Mcp,
    port: u16,
}

fn listen(mut command: Command) -> Listening {
    command.env("SESSIONWIRE_MCP_TOKEN", TOKEN);
    let process = Mcp::silent(command);
    eventually("it says where it listens", || {
        process.stderr().contains("/mcp")
    });
    let said = process.stderr();
    let port = said
        .split("127.0.0.1:")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let port = port.parse().unwrap();
    Listening { process, port }
}

/// A response: its status, its headers in lower case, and what it reads on.
struct Response {
    status: u16,
    headers: String,
    body: BufReader<TcpStream>,
}

impl Response {
    fn header(&self, name: &str) -> Option<String> {
        let start = format!("{name}: ");
        let line = self
            .headers
            .lines()
            .find_map(|line| line.strip_prefix(&start));
        line.map(str::to_owned)
    }

    /// The next message of the stream of events.
    fn message(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.body.read_line(&mut line).unwrap(),
                0,
                "the stream ended"
            );
            if let Some(data) = line.strip_prefix("data:")
                && let Ok(message @ Value::Object(_)) = serde_json::from_str(data.trim())
            {
                return message;
            }
        }
    }

    /// The message that answers a request.
    fn result(&mut self) -> Value {
        loop {
            let message = self.message();
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

impl Listening {
    fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut head = format!(
            "{method} /mcp HTTP/1.1\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .unwrap();
        let mut body = BufReader::new(stream);
        let (mut status, mut headers) = (String::new(), String::new());
        body.read_line(&mut status).unwrap();
        loop {
            let mut line = String::new();
            body.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push_str(&format!("{}: {}\n", name.to_lowercase(), value.trim()));
        }
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        Response {
            status,
            headers,
            body,
        }
    }

    fn post(&self, session: Option<&str>, message: &Value) -> Response {
        let bearer = format!("Bearer {TOKEN}");
        let mut headers = vec![
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        if let Some(session) = session {
            headers.push(("Mcp-Session-Id", session));
            headers.push(("MCP-Protocol-Version", "2025-11-25"));
        }
        self.send("POST", &headers, &message.to_string())
    }

    /// A connection of a client of before 2026.
    fn connect(&self, capabilities: &Value) -> String {
        let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        }});
        let mut response = self.post(None, &hello);
        assert_eq!(response.status, 200, "{}", response.headers);
        let session = response.header("mcp-session-id").unwrap();
        assert_eq!(
            response.result()["result"]["serverInfo"]["name"],
            "sessionwire"
        );
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.post(Some(&session), &ready).status, 202);
        session
    }

    fn call(&self, session: &str, tool: &str, arguments: Value) -> Response {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}});
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
        let response = self.post(Some(session), &message);
        assert_eq!(response.status, 200, "{}", response.headers);
        response
    }

    /// The client says that it goes.
    fn disconnect(&self, session: &str) {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Mcp-Session-Id", session),
        ];
        assert!(self.send("DELETE", &headers, "").status < 300);
    }

    fn terminate(&self) {
        let pid = self.process.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }
}

#[test]
fn a_task_runs_and_its_question_is_asked_on_the_stream_of_its_call() {
    let server = Server::playing(json!([
        {"thought": "I look"}, {"question": "Which colour?"}, {"done": "A {answer} mug"}
    ]));
    let listening = listen(mcp(&server, &["--http", "0"]));
    let session = listening.connect(&json!({"elicitation": {}}));
    let mut response = listening.call(&session, "run_task", json!({"task": "Buy a mug"}));
    let progress = response.message();
    assert_eq!(progress["params"]["message"], "I look", "{progress}");
    let asks = response.message();
    assert_eq!(asks["method"], "elicitation/create", "{asks}");
    let answer = json!({"jsonrpc": "2.0", "id": asks["id"],
        "result": {"action": "accept", "content": {"answer": "blue"}}});
    assert_eq!(listening.post(Some(&session), &answer).status, 202);
    assert_eq!(
        response.result()["result"]["structuredContent"]["text"],
        "A blue mug"
    );
    assert!(left(&server).is_empty());
}

#[test]
fn a_connection_that_ends_takes_its_sessions_with_it() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut listening = listen(mcp(&server, &["--http", "0"]));
    let (first, second) = (listening.connect(&json!({})), listening.connect(&json!({})));
    for session in [&first, &second] {
        let started = listening
            .call(session, "start_task", json!({"task": "Work"}))
            .result();
        assert_eq!(started["result"]["isError"], false, "{started}");
    }
    assert_eq!(left(&server).len(), 2);
    listening.disconnect(&first);
    eventually("its session is deleted", || left(&server).len() == 1);
    listening.terminate();
    assert_eq!(listening.process.ended().0, 0);
    assert!(left(&server).is_empty());
}

/// A server that ends while the sessions of a connection that is gone are still being deleted.
fn ends_while_a_connection_is_tidied_up_after(
    server: &Server,
    command: Command,
    tool: &str,
    arguments: Value,
) {
    let mut listening = listen(command);
    let session = listening.connect(&json!({}));
    let started = listening.call(&session, tool, arguments).result();
    assert_eq!(started["result"]["isError"], false, "{started}");
    server.fail(json!({"on": "delete", "delay": 1}));
    listening.disconnect(&session);
    eventually("its session is being deleted", || deletes(server) > 0);
    listening.terminate();
    let (status, said) = listening.process.ended();
    assert_eq!(status, 0);
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_server_that_ends_while_a_task_is_tidied_up_after_leaves_no_session_and_says_so_of_none() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let command = mcp(&server, &["--http", "0"]);
    let task = json!({"task": "Work"});
    ends_while_a_connection_is_tidied_up_after(&server, command, "start_task", task);
    assert!(left(&server).is_empty());
}

#[test]
fn a_server_that_ends_while_a_turn_is_tidied_up_after_deletes_its_session_once() {
    let server = raccoon::playing(json!([{"text": "I begin"}, {"delay": 3600}]));
    let command = server.turn_command(&["mcp", "--http", "0"]);
    let turn = json!({"prompt": "Work"});
    ends_while_a_connection_is_tidied_up_after(&server, command, "start_turn", turn);
    assert!(raccoon::left(&server).is_empty());
    assert_eq!(deletes(&server), 1);
}

#[test]
fn nobody_is_served_without_the_token_or_under_another_name() {
    let server = Server::start();
    let listening = listen(mcp(&server, &["--http", "0"]));
    let hello =
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).to_string();
    for authorization in [
        "",
        "Bearer",
        "Bearer x",
        "Basic 0123456789abcdef0123",
        "Bearer 0123456789abcdef0124",
    ] {
        let headers = [("Authorization", authorization), ("Connection", "close")];
        let mut response = listening.send("POST", &headers, &hello);
        assert_eq!(response.status, 401, "{authorization:?}");
        assert_eq!(response.header("www-authenticate").unwrap(), "Bearer");
        let mut text = String::new();
        response.body.read_to_string(&mut text).unwrap();
        assert!(
            text.contains("Authorization: Bearer TOKEN") && !text.contains(TOKEN),
            "{text}"
        );
    }
    let bearer = format!("Bearer {TOKEN}");
    for other in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            other,
        ];
        assert_eq!(
            listening.send("POST", &headers, &hello).status,
            403,
            "{other:?}"
        );
    }
    assert!(!listening.process.stderr().contains(TOKEN));
}

#[test]
fn a_server_makes_a_token_where_none_is_given_and_refuses_a_weak_one() {
    let process = Mcp::silent(program(&["mcp", "--local", "--http", "0"]));
    eventually("it prints the token", || {
        process.stderr().contains("Authorization: Bearer ")
    });
    let said = process.stderr();
    assert_eq!(
        said.split("Bearer ").nth(1).unwrap().trim().len(),
        32,
        "{said}"
    );
    let mut weak = program(&["mcp", "--local", "--http", "0"]);
    weak.env("SESSIONWIRE_MCP_TOKEN", "secret");
    let done = Running::start(weak).finish();
    assert_eq!(done.status, 2);
    assert!(done.stderr.contains("at least 16"), "{}", done.stderr);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_call_takes_its_task_with_it() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let listening = listen(mcp(&server, &["--http", "0", "--client-grace", "0.2"]));
    let session = listening.connect(&json!({}));
    let mut call = listening.call(&session, "run_task", json!({"task": "Work"}));
    assert_eq!(call.message()["params"]["message"], "I begin");
    assert_eq!(left(&server).len(), 1);
    drop(call);
    eventually("its session is deleted", || left(&server).is_empty());
    assert!(
        listening
            .process
            .stderr()
            .contains("A client left in the middle of a call and did not come back within 0.2 s"),
        "{}",
        listening.process.stderr()
    );
}

#[test]
fn a_client_that_comes_back_keeps_its_task() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let listening = listen(mcp(&server, &["--http", "0", "--client-grace", "5"]));
    let begin = || {
        let session = listening.connect(&json!({}));
        let mut call = listening.call(&session, "run_task", json!({"task": "Work"}));
        assert_eq!(call.message()["params"]["message"], "I begin");
        (session, call)
    };
    let (session, call) = begin();
    let kept = left(&server);
    drop(call);
    let listed = listening
        .call(&session, "list_sessions", json!({}))
        .result();
    assert_eq!(listed["result"]["isError"], false, "{listed}");
    // When one that left later is given up, the time of the first one is over, too.
    let (_, call) = begin();
    assert_eq!(left(&server).len(), 2);
    drop(call);
    eventually("the other's session is deleted", || {
        left(&server).len() == 1
    });
    assert_eq!(left(&server), kept);
}

#[test]
fn a_client_that_gives_one_call_up_keeps_what_its_other_calls_do() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let listening = listen(mcp(&server, &["--http", "0", "--client-grace", "1"]));
    let begin = |session: &str| {
        let mut call = listening.call(session, "run_task", json!({"task": "Work"}));
        assert_eq!(call.message()["params"]["message"], "I begin");
        call
    };
    let session = listening.connect(&json!({}));
    let (reads_on, given_up) = (begin(&session), begin(&session));
    let kept = left(&server);
    drop(given_up);
    // When one that left later is given up, the time of that call is over, too.
    let other = listening.connect(&json!({}));
    let call = begin(&other);
    assert_eq!(left(&server).len(), 3);
    drop(call);
    eventually("the other's session is deleted", || {
        left(&server).len() == 2
    });
    assert_eq!(left(&server), kept);
    // Nobody is there any more.
    drop(reads_on);
    eventually("its sessions are deleted", || left(&server).is_empty());
}
