//! A client of the Model Context Protocol that writes plain lines of JSON-RPC.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// No test takes that long unless something hangs.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Mcp {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    stderr: Arc<Mutex<String>>,
    last: u64,
    /// Notifications that came, oldest first.
    pub(crate) notified: Vec<Value>,
    /// What is asked of the user, and what the user answers.
    pub(crate) asked: Vec<Value>,
    pub(crate) answer: Value,
}

impl Mcp {
    /// A server whose client has these capabilities, as a client of before 2026 begins.
    pub(crate) fn start(command: Command, capabilities: &Value) -> Self {
        let mut mcp = Self::silent(command);
        let hello = mcp.request(
            "initialize",
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": capabilities,
                "clientInfo": { "name": "test", "version": "1" },
            }),
        );
        assert_eq!(hello["protocolVersion"], "2025-11-25", "{hello}");
        mcp.notify("notifications/initialized", json!({}));
        mcp
    }

    /// A server that nobody spoke to.
    pub(crate) fn silent(mut command: Command) -> Self {
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = line.unwrap();
                // Nothing but the protocol is on standard output.
                let message: Value = serde_json::from_str(&line).expect(&line);
                assert_eq!(message["jsonrpc"], "2.0");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let (sink, reader) = (stderr.clone(), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            for line in reader.lines() {
                let mut sink = sink.lock().unwrap();
                sink.push_str(&line.unwrap());
                sink.push('\n');
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            stderr,
            last: 0,
            notified: Vec::new(),
            asked: Vec::new(),
            answer: json!({ "action": "decline" }),
        }
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    fn write(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
    }

    /// Sends a request, and gives its id.
    pub(crate) fn send(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The next message; the user's answers are given on the way.
    pub(crate) fn next(&mut self) -> Value {
        let message = self.lines.recv_timeout(LIMIT);
        let message =
            message.unwrap_or_else(|_| panic!("nothing came; it said: {}", self.stderr()));
        if message["method"] == "elicitation/create" {
            self.asked.push(message["params"].clone());
            let answer = self.answer.clone();
            self.write(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": answer }));
        } else if message.get("id").is_none() {
            self.notified.push(message.clone());
        }
        message
    }

    /// The response to a request.
    pub(crate) fn response(&mut self, id: u64) -> Value {
        loop {
            let message = self.next();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let response = self.response(id);
        assert!(response["error"].is_null(), "{response}");
        response["result"].clone()
    }

    /// The result of a tool.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
    }

    /// The data of a tool that did it.
    pub(crate) fn data(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{result}");
        result["structuredContent"].clone()
    }

    /// The text of a tool that did not do it.
    pub(crate) fn refusal(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{result}");
        text(&result)
    }

    /// Waits for a progress that says this.
    pub(crate) fn see(&mut self, message: &str) {
        while !self
            .notified
            .iter()
            .any(|note| note["params"]["message"] == message)
        {
            self.next();
        }
    }

    /// What the client was shown.
    pub(crate) fn shown(&self) -> Vec<(f64, String)> {
        let progress = self
            .notified
            .iter()
            .filter(|note| note["method"] == "notifications/progress");
        progress
            .map(|note| {
                let said = note["params"]["message"].as_str().unwrap();
                (
                    note["params"]["progress"].as_f64().unwrap(),
                    said.to_owned(),
                )
            })
            .collect()
    }

    /// The client goes: it closes standard input.
    pub(crate) fn leave(mut self) -> (i32, String) {
        self.stdin = None;
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> (i32, String) {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code().unwrap_or(-1), self.stderr());
            }
            assert!(
                Instant::now() < until,
                "it does not end; it said: {}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Mcp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a result.
pub(crate) fn text(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap().to_owned()
}
