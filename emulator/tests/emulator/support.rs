//! A small HTTP/1.1 client of its own, so that the tests see what is on the wire.

use serde_json::{Value, json};
use sessionwire_emulator::{Browser, Emulator, Fault, Options, Scenario};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No test waits longer than this for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for `work`, but not for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("the deadline passed")
}

/// Polls until `check` has something to return.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    mut check: impl FnMut() -> F,
) -> T {
    within(async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
}

/// Options for tests: the same on every machine, whether it has a Chromium or not.
pub(crate) fn plain() -> Options {
    Options {
        browser: Browser::Builtin,
        ..Options::default()
    }
}

/// The same without waiting between the agent's steps.
pub(crate) fn quick() -> Options {
    Options {
        step_delay: 0.0,
        ..plain()
    }
}

pub(crate) async fn start(options: Options) -> Emulator {
    Emulator::start(options).await.unwrap()
}

pub(crate) fn scenario(tasks: Value) -> Scenario {
    serde_json::from_value(json!({ "tasks": tasks })).unwrap()
}

/// One script for all tasks.
pub(crate) fn script(steps: Value) -> Option<Scenario> {
    Some(scenario(json!([{ "steps": steps }])))
}

/// A fault in either form.
pub(crate) fn fault(value: impl Into<Value>) -> Fault {
    serde_json::from_value(value.into()).unwrap()
}

/// A client with a key.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    key: String,
    host: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn detail(&self) -> Value {
        self.json()["detail"].clone()
    }
}

impl Client {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        Self::with_key(emulator, emulator.api_key())
    }

    pub(crate) fn with_key(emulator: &Emulator, key: &str) -> Self {
        Self {
            address: emulator.url().trim_start_matches("http://").to_owned(),
            key: format!("Bearer {key}"),
            host: None,
        }
    }

    /// Names another host than the one it connects to.
    pub(crate) fn for_host(&self, host: &str) -> Self {
        Self {
            host: Some(host.to_owned()),
            ..self.clone()
        }
    }

    /// Sends exactly this as `Authorization`; empty: none.
    pub(crate) fn with_authorization(emulator: &Emulator, value: &str) -> Self {
        Self {
            key: value.to_owned(),
            ..Self::new(emulator)
        }
    }

    /// The same without a key.
    pub(crate) fn without_key(&self) -> Self {
        Self {
            key: String::new(),
            ..self.clone()
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn key(&self) -> &str {
        self.key.trim_start_matches("Bearer ")
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> io::Result<TcpStream> {
        let mut socket = TcpStream::connect(&self.address).await?;
        let host = self.host.as_ref().unwrap_or(&self.address);
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        if !self.key.is_empty() {
            head += &format!("authorization: {}\r\n", self.key);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                head += "content-type: application/json\r\n";
            }
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        socket.write_all(head.as_bytes()).await?;
        socket
            .write_all(body.unwrap_or_default().as_bytes())
            .await?;
        Ok(socket)
    }

    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> io::Result<Answer> {
        self.raw_with(method, path, &[], body).await
    }

    /// A request with more headers. Bytes of the answer that are no text are replaced.
    pub(crate) async fn raw_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> io::Result<Answer> {
        let headers = [&[("connection", "close")], headers].concat();
        within(async {
            let mut socket = self.send(method, path, &headers, body).await?;
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).await?;
            let text = String::from_utf8_lossy(&bytes);
            let (head, text) = text
                .split_once("\r\n\r\n")
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            let (status, headers) = parse_head(head);
            Ok(Answer {
                status,
                headers,
                text: text.to_owned(),
            })
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.raw("GET", &format!("/v1{path}"), None).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.raw("DELETE", &format!("/v1{path}"), None)
            .await
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.raw("POST", &format!("/v1{path}"), Some(&body.to_string()))
            .await
            .unwrap()
    }

    pub(crate) async fn command(&self, path: &str) -> Answer {
        self.raw("POST", &format!("/v1{path}"), None).await.unwrap()
    }

    pub(crate) async fn session(&self, body: Value) -> String {
        let answer = self.post("/sessions", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["session_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn task(&self, session: &str, text: &str) {
        let answer = self
            .post(
                &format!("/sessions/{session}/message"),
                json!({ "message": text }),
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The session's status and its execution status.
    pub(crate) async fn statuses(&self, session: &str) -> (String, String) {
        let text = |answer: Answer| answer.json()["status"].as_str().unwrap().to_owned();
        (
            text(self.get(&format!("/sessions/{session}")).await),
            text(self.get(&format!("/sessions/{session}/status")).await),
        )
    }

    pub(crate) async fn until_execution(&self, session: &str, status: &str) {
        eventually(|| async { (self.statuses(session).await.1 == status).then_some(()) }).await;
    }

    pub(crate) async fn messages(&self, session: &str) -> Vec<Value> {
        let answer = self
            .get(&format!("/sessions/{session}/messages"))
            .await
            .json();
        answer["messages"].as_array().unwrap().clone()
    }

    /// Waits until a task ended, and returns its result.
    pub(crate) async fn result(&self, session: &str) -> Value {
        self.until_execution(session, "finished").await;
        let messages = self.messages(session).await;
        messages
            .iter()
            .rev()
            .find(|message| message["type"] == "DONE")
            .unwrap()["content"]
            .clone()
    }

    pub(crate) async fn stream(&self, session: &str, query: &str) -> Stream {
        self.stream_with(session, query, &[("accept", "text/event-stream")])
            .await
            .unwrap()
    }

    /// Opens a stream; a refusal is an error.
    pub(crate) async fn stream_with(
        &self,
        session: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Stream, Answer> {
        let path = format!("/v1/sessions/{session}/events{query}");
        self.open(&path, headers).await
    }

    /// Opens whatever is streamed at a path.
    pub(crate) async fn open(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Stream, Answer> {
        within(async {
            let mut socket = self.send("GET", path, headers, None).await.unwrap();
            let mut buffer = Vec::new();
            let end = loop {
                if let Some(end) = find(&buffer, b"\r\n\r\n") {
                    break end;
                }
                assert_ne!(socket.read_buf(&mut buffer).await.unwrap(), 0, "no head");
            };
            let (status, headers) = parse_head(std::str::from_utf8(&buffer[..end]).unwrap());
            buffer.drain(..end + 4);
            if status != 200 {
                let length: usize = headers["content-length"].parse().unwrap();
                while buffer.len() < length {
                    assert_ne!(socket.read_buf(&mut buffer).await.unwrap(), 0);
                }
                return Err(Answer {
                    status,
                    headers,
                    text: String::from_utf8(buffer).unwrap(),
                });
            }
            Ok(Stream {
                socket,
                headers,
                buffer,
                text: String::new(),
                end: None,
                chunks: Vec::new(),
            })
        })
        .await
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn parse_head(head: &str) -> (u16, HashMap<String, String>) {
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    (status, headers.collect())
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The last chunk of the body came.
    Proper,
    /// FIN in the middle of the body.
    Unfinished,
    /// RST.
    Reset,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// An open event stream.
pub(crate) struct Stream {
    socket: TcpStream,
    pub(crate) headers: HashMap<String, String>,
    buffer: Vec<u8>,
    /// Decoded, but not yet handed out.
    text: String,
    pub(crate) end: Option<End>,
    /// The sizes of the chunks so far.
    pub(crate) chunks: Vec<usize>,
}

impl Stream {
    /// Reads one chunk; false at the end.
    async fn chunk(&mut self) -> bool {
        loop {
            if let Some(line) = find(&self.buffer, b"\r\n") {
                let size =
                    usize::from_str_radix(std::str::from_utf8(&self.buffer[..line]).unwrap(), 16)
                        .unwrap();
                if size == 0 {
                    self.end = Some(End::Proper);
                    return false;
                }
                if self.buffer.len() >= line + 2 + size + 2 {
                    self.text +=
                        std::str::from_utf8(&self.buffer[line + 2..line + 2 + size]).unwrap();
                    self.buffer.drain(..line + 2 + size + 2);
                    self.chunks.push(size);
                    return true;
                }
            }
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    self.end = Some(End::Unfinished);
                    return false;
                }
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                    self.end = Some(End::Reset);
                    return false;
                }
            }
        }
    }

    /// The next block of text up to a blank line: an event or a comment.
    pub(crate) async fn block(&mut self) -> Option<String> {
        within(async {
            loop {
                if let Some(end) = self.text.find("\n\n") {
                    let rest = self.text.split_off(end + 2);
                    return Some(std::mem::replace(&mut self.text, rest));
                }
                if self.end.is_some() || !self.chunk().await {
                    return None;
                }
            }
        })
        .await
    }

    /// What came after the last whole block.
    pub(crate) fn rest(&self) -> &str {
        &self.text
    }

    pub(crate) async fn next(&mut self) -> Option<Event> {
        let block = self.block().await?;
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        Some(Event {
            id: field("id").map(|id| id.parse().unwrap()),
            name: field("event")
                .unwrap_or_else(|| panic!("no event: {block:?}"))
                .to_owned(),
            data: serde_json::from_str(field("data").unwrap()).unwrap(),
        })
    }

    /// All events up to the end.
    pub(crate) async fn all(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    pub(crate) async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended before `{name}`"));
            if event.name == name {
                return event;
            }
        }
    }
}

pub(crate) fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

pub(crate) fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(|event| event.id).collect()
}

/// A request that a [`Site`] received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: std::time::Instant,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// A web server whose answers a closure gives: `(status, headers, body)`.
pub(crate) struct Site {
    pub(crate) url: String,
    received: std::sync::Arc<std::sync::Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

pub(crate) type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

impl Site {
    pub(crate) async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (log, answer) = (received.clone(), std::sync::Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    serve(socket, |request| {
                        log.lock().unwrap().push(request.clone());
                        answer(&request)
                    })
                    .await
                });
            }
        });
        Self {
            url,
            received,
            task,
        }
    }

    /// A site of HTML pages.
    pub(crate) async fn html(pages: &[(&str, &str)]) -> Self {
        let pages: HashMap<String, String> = pages
            .iter()
            .map(|(path, html)| ((*path).to_owned(), (*html).to_owned()))
            .collect();
        Self::start(move |request| match pages.get(&request.path) {
            Some(html) => html_reply(html),
            None => (
                404,
                vec![("content-type", "text/html".to_owned())],
                b"<title>Not here</title><h1>Lost</h1>".to_vec(),
            ),
        })
        .await
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn html_reply(html: &str) -> Reply {
    (
        200,
        vec![("content-type", "text/html; charset=utf-8".to_owned())],
        html.as_bytes().to_vec(),
    )
}

async fn serve(mut socket: TcpStream, answer: impl Fn(Received) -> Reply) {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = find(&buffer, b"\r\n\r\n") {
            break end;
        }
        if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut words = head.split(' ');
    let (method, path) = (
        words.next().unwrap().to_owned(),
        words.next().unwrap().to_owned(),
    );
    let headers = parse_head(&head.replacen(&method, "X 200", 1)).1;
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while buffer.len() < end + 4 + length {
        if socket.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let body = String::from_utf8(buffer[end + 4..].to_vec()).unwrap();
    let (status, headers, content) = answer(Received {
        at: std::time::Instant::now(),
        method,
        path,
        headers,
        body,
    });
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
        content.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    // The other side may be gone; the test that cares sees that on its own side.
    let _ = socket.write_all(head.as_bytes()).await;
    let _ = socket.write_all(&content).await;
}
