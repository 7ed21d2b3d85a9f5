//! What clients of event streams are held to over HTTP, apart from the decoding that `tests/contract/sse/` has: the same
//! ground as the public contract tests for SSE clients, on our stream.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use sessionwire::agi::{Event, EventOptions};
use sessionwire::{Error, EventStream};
use sessionwire_tests::build;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// A request for events as it arrived.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    at: Instant,
}

/// Gives the requests for events these answers, one each, and closes after it; the last one's connection stays open. Every
/// other request hears that the task is running and has no messages.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn start<T: AsRef<[u8]>>(answers: impl IntoIterator<Item = T>) -> Self {
        let answers: Vec<Vec<u8>> = answers
            .into_iter()
            .map(|answer| answer.as_ref().to_vec())
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let log = requests.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, answers.clone(), log.clone()));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn stream(&self) -> EventStream {
        self.stream_with(json!({}))
    }

    fn stream_with(&self, mut options: serde_json::Value) -> EventStream {
        options["base_url"] = json!(self.url);
        options["api_key"] = json!("key");
        let session = build(options).unwrap().sessions().attach("one").unwrap();
        session.events(EventOptions::default()).unwrap()
    }
}

async fn serve(
    mut client: TcpStream,
    answers: Vec<Vec<u8>>,
    log: Arc<Mutex<Vec<Request>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8(head).unwrap();
    let mut lines = text.lines();
    let line = lines.next().unwrap().to_owned();
    if line.contains("/messages") {
        let body = r#"{"messages": [], "status": "running"}"#;
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let headers = lines.filter_map(|line| line.split_once(": "));
    let request = Request {
        line,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        at: Instant::now(),
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request);
        log.len()
    };
    client
        .write_all(&answers[number.min(answers.len()) - 1])
        .await?;
    if number >= answers.len() {
        // Open until the client leaves.
        client.read_u8().await?;
    }
    Ok(())
}

fn stream(events: &str) -> String {
    format!("{HEAD}{events}")
}

async fn next(stream: &mut EventStream) -> Event {
    stream.next().await.expect("an event").expect("no error")
}

async fn error(stream: &mut EventStream) -> Error {
    stream
        .next()
        .await
        .expect("an error")
        .expect_err("no event")
}

#[tokio::test]
async fn the_request_says_what_a_stream_is() {
    let server = Server::start([stream("id: 1\ndata: a\n\n")]).await;
    let mut events = server.stream_with(json!({"headers": {"x-one": "1", "X-Two": "2"}}));
    assert_eq!(next(&mut events).await.raw(), "a");
    let request = server.requests().remove(0);
    assert!(
        request.line.starts_with("GET /v1/sessions/one/events"),
        "{}",
        request.line
    );
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!(header("accept"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-cache"));
    assert_eq!(header("last-event-id"), None);
    assert_eq!((header("x-one"), header("x-two")), (Some("1"), Some("2")));
}

#[tokio::test]
async fn a_reconnect_sends_the_last_id_also_where_later_events_had_none() {
    let server = Server::start([
        stream("id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n"),
        stream("id: 3\ndata: d\n\n"),
    ])
    .await;
    let mut events = server.stream();
    for data in ["a", "b", "c", "d"] {
        assert_eq!(next(&mut events).await.raw(), data);
    }
    let ids: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.headers.get("last-event-id").cloned())
        .collect();
    assert_eq!(ids, [None, Some("2".to_owned())]);
}

#[tokio::test]
async fn nothing_of_a_broken_event_remains() {
    let server = Server::start([
        stream("id: 1\ndata: a\n\nid: 9\nevent: question\ndata: half\n"),
        stream("id: 2\ndata: b\n\n"),
    ])
    .await;
    let mut events = server.stream();
    assert_eq!(next(&mut events).await.raw(), "a");
    let event = next(&mut events).await;
    assert_eq!(
        (event.id(), event.raw(), event.event_type().name()),
        (Some(2), "b", "message")
    );
    assert_eq!(server.requests()[1].headers["last-event-id"], "1");
}

#[tokio::test]
async fn the_servers_retry_is_waited_for_over_any_number_of_connections() {
    let server = Server::start([
        stream("retry: 300\nid: 1\ndata: a\n\n"),
        stream("id: 2\ndata: b\n\n"),
        stream("id: 3\ndata: c\n\n"),
    ])
    .await;
    let mut events = server.stream();
    for data in ["a", "b", "c"] {
        assert_eq!(next(&mut events).await.raw(), data);
    }
    let requests = server.requests();
    for pair in requests.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn a_redirect_within_the_service_is_followed() {
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let server = Server::start([
            format!("HTTP/1.1 {status}\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            stream("id: 1\ndata: a\n\n"),
        ])
        .await;
        assert_eq!(next(&mut server.stream()).await.raw(), "a", "{status}");
        assert_eq!(server.requests()[1].line, "GET /elsewhere HTTP/1.1");
    }
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error() {
    for location in ["", "location: http://[\r\n"] {
        let answer = format!(
            "HTTP/1.1 301 Moved Permanently\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n"
        );
        let server = Server::start([answer]).await;
        let error = error(&mut server.stream()).await;
        assert_eq!(error.reason(), Some("redirect_refused"), "{location:?}");
    }
}

#[tokio::test]
async fn a_refusal_ends_the_stream_and_a_failure_does_not() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start([refusal]).await;
    assert_eq!(error(&mut server.stream()).await.status_code(), Some(400));
    assert_eq!(server.requests().len(), 1);

    let failure =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start([failure.to_owned(), stream("id: 1\ndata: a\n\n")]).await;
    assert_eq!(next(&mut server.stream()).await.raw(), "a");
}

#[tokio::test]
async fn an_answer_that_is_no_event_stream_is_not_read_as_one() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\ndata: a\n\n";
    let server = Server::start([page.to_owned(), stream("id: 1\ndata: b\n\n")]).await;
    assert_eq!(next(&mut server.stream()).await.raw(), "b");
}

#[tokio::test]
async fn events_of_any_size_arrive_at_once() {
    // Around the sizes of buffers; each must come though nothing follows it.
    for size in [
        1,
        1023,
        1024,
        1025,
        4094,
        4096,
        4098,
        8189,
        8192,
        8195,
        16_384,
        65_536,
        1 << 18,
        1 << 20,
        10 << 20,
    ] {
        let data = "x".repeat(size);
        let server = Server::start([stream(&format!("id: 1\ndata: {data}\n\n"))]).await;
        let mut events = server.stream();
        let arrived = tokio::time::timeout(Duration::from_secs(20), next(&mut events)).await;
        let event = arrived.expect("it does not wait for more");
        assert_eq!(event.raw().len(), size);
    }
}
