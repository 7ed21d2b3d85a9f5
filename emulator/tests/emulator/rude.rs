//! Faults of content: answers and events as rude services send them.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An emulator with a session whose task has ended.
async fn finished() -> (Emulator, Client, String) {
    let steps = json!([{"thought": "one"}, {"done": {"summary": "two", "fee": 7}}]);
    let emulator = start(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "finished").await;
    (emulator, client, session)
}

#[tokio::test]
async fn a_value_of_an_answer_is_another() {
    let (emulator, client, session) = finished().await;
    let (one, messages) = (
        format!("/sessions/{session}"),
        format!("/sessions/{session}/messages"),
    );
    for (text, path, expected) in [
        (
            "messages put=half_emoji at=messages[1].content",
            &*messages,
            r#""content":"one\ud83d""#,
        ),
        (
            "messages put=nan at=messages[type=DONE].content.fee",
            &messages,
            r#""content":{"summary":"two","fee":NaN}"#,
        ),
        (
            "messages put=infinity at=messages[0].metadata",
            &messages,
            r#""metadata":Infinity}"#,
        ),
        (
            "messages put=out_of_range at=messages[0].id",
            &messages,
            r#"{"id":1e400,"type":"USER""#,
        ),
        (
            "messages put=above_2_53 at=messages[0].id",
            &messages,
            r#"{"id":9007199254740993,"#,
        ),
        (
            "messages put=above_64_bits at=messages[0].id",
            &messages,
            r#"{"id":123456789012345678901234567890,"#,
        ),
        (
            "messages put=deep:4 at=messages[-1].content",
            &messages,
            r#""content":[[[[]]]],"#,
        ),
        (
            "messages put=null_entry at=messages",
            &messages,
            r#"{"messages":[null,{"id":1,"#,
        ),
        (
            "messages put=missing at=messages[*].type",
            &messages,
            r#"{"messages":[{"id":1,"content":"go""#,
        ),
        (
            "get put=other_type at=created_at",
            &one,
            r#""created_at":7"#,
        ),
        (
            "get put=twice at=status",
            &one,
            r#""status":null,"status":"completed""#,
        ),
        ("list put=null at=[0]", "/sessions", "[null]"),
        ("list put=true", "/sessions", "true"),
        (
            r#"status put="raw:{\"status\": fin" "#,
            &format!("/sessions/{session}/status"),
            r#"{"status": fin"#,
        ),
        (
            r#"get status=422 body={"detail":"x"} put=half_emoji at=detail"#,
            &one,
            r#"{"detail":"x\ud83d"}"#,
        ),
    ] {
        let before = client.get(path).await;
        emulator.fail(fault(text)).unwrap();
        let answer = client.get(path).await;
        assert!(answer.text.contains(expected), "{text}: {}", answer.text);
        assert_eq!(
            answer.headers["content-length"],
            answer.text.len().to_string(),
            "{text}"
        );
        assert_eq!(answer.headers["content-type"], "application/json", "{text}");
        assert_eq!(
            client.get(path).await.text,
            before.text,
            "{text}: it acts once"
        );
    }
    // It is processed: the caller alone has not understood.
    emulator
        .fail(fault("create put=missing at=session_id"))
        .unwrap();
    let answer = client.post("/sessions", json!({})).await;
    assert_eq!(
        (answer.status, answer.json().get("session_id")),
        (200, None)
    );
    assert_eq!(emulator.session_count(), 2);
}

#[tokio::test]
async fn a_value_of_an_event_is_another() {
    let (emulator, client, session) = finished().await;
    for (text, expected) in [
        (
            "events put=half_emoji at=text omit_ids",
            r#"data: {"text":"one\ud83d","message_id":2}"#,
        ),
        (
            "events put=nan at=result.fee",
            r#""result":{"summary":"two","fee":NaN},"message_id":3}"#,
        ),
        (
            "events put=above_2_53 at=[message_id=2].message_id",
            "id: 2\nevent: thought\ndata: {\"text\":\"one\",\"message_id\":9007199254740993}\n\n",
        ),
        ("events put=null at=result", r#""result":null,"#),
        ("events put=raw:{", "event: done\ndata: {\n\n"),
    ] {
        emulator.fail(fault(text)).unwrap();
        let mut stream = client.stream(&session, "").await;
        let mut whole = String::new();
        while let Some(block) = stream.block().await {
            whole += &block;
        }
        assert!(whole.contains(expected), "{text}: {whole}");
        assert_eq!(whole.matches("event: ").count(), 2, "{text}: {whole}");
    }
}

#[tokio::test]
async fn a_value_of_a_frame_is_another() {
    let steps = json!([{"text": "a"}, {"thought": "b"}]);
    let (emulator, client) = playing(steps, Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    client.frames(SESSION, &message, "").await;
    emulator
        .fail(fault("socket put=5 at=[kind=text].payload.text"))
        .unwrap();
    let (frames, _) = client.frames(SESSION, &message, "").await;
    let payloads: Vec<&Value> = frames.iter().map(|frame| &frame["payload"]).collect();
    assert!(payloads.contains(&&json!({"text": 5})), "{payloads:?}");
    assert!(
        payloads.contains(&&json!({"thought": "b", "finalize": true})),
        "{payloads:?}"
    );
}

#[tokio::test]
async fn a_body_is_another_and_the_request_is_processed() {
    let (emulator, client, session) = finished().await;
    let path = format!("/sessions/{session}/status");
    let own = client.get(&path).await.text;
    for (kind, expected) in [
        ("empty", String::new()),
        ("half", own[..own.len() / 2].to_owned()),
        ("byte_order_mark", format!("\u{feff}{own}")),
        (
            "not_utf8",
            format!("{}\u{fffd}{}", &own[..own.len() / 2], &own[own.len() / 2..]),
        ),
    ] {
        emulator
            .fail(fault(format!("status body_as={kind}")))
            .unwrap();
        let answer = client.get(&path).await;
        assert_eq!((answer.status, answer.text), (200, expected), "{kind}");
        assert_eq!(
            answer.headers.contains_key("content-type"),
            kind != "empty",
            "{kind}"
        );
    }
    emulator.fail(fault("create body_as=html")).unwrap();
    let answer = client.post("/sessions", json!({})).await;
    assert!(
        answer.text.starts_with("<!DOCTYPE html>"),
        "{}",
        answer.text
    );
    assert_eq!(
        (answer.status, &*answer.headers["content-type"]),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(emulator.session_count(), 2);
    emulator
        .fail(fault("message status=202 after body_as=empty"))
        .unwrap();
    let answer = client
        .post(
            &format!("/sessions/{session}/message"),
            json!({"message": "again"}),
        )
        .await;
    assert_eq!((answer.status, &*answer.text), (202, ""));
    client.until_execution(&session, "finished").await;
    assert_eq!(client.messages(&session).await.len(), 6);
    // A stream's answer too: a portal that catches every request.
    emulator.fail(fault("events body_as=html")).unwrap();
    let answer = client.get(&format!("/sessions/{session}/events")).await;
    assert!(
        answer.text.starts_with("<!DOCTYPE html>"),
        "{}",
        answer.text
    );
    assert_eq!(emulator.open_streams(), 0);
}

#[tokio::test]
async fn a_bomb_is_small_and_says_what_it_is() {
    let (emulator, client, _) = finished().await;
    emulator
        .fail(fault("list body_as=gzip_bomb inflates_to=100000000"))
        .unwrap();
    let answer = client.get("/sessions").await;
    assert_eq!(
        (answer.status, &*answer.headers["content-encoding"]),
        (200, "gzip")
    );
    let size: u64 = answer.headers["content-length"].parse().unwrap();
    assert!(size < 200_000, "{size}");
}

#[tokio::test]
async fn headers_of_a_real_answer_come_and_go() {
    let (emulator, client, _) = finished().await;
    emulator
        .fail(fault(
            r#"list headers={"Content-Encoding":"x-own"} drop_headers=["content-type"]"#,
        ))
        .unwrap();
    let answer = client.get("/sessions").await;
    assert_eq!(
        (answer.status, &*answer.headers["content-encoding"]),
        (200, "x-own")
    );
    assert_eq!(answer.headers.get("content-type"), None);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_handshake_has_the_headers_of_the_fault() {
    let (emulator, client) = playing(json!([{"text": "a"}]), Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    client.frames(SESSION, &message, "").await;
    emulator
        .fail(fault(r#"socket headers={"Sec-WebSocket-Extensions":"permessage-deflate"} drop_headers=["connection"]"#))
        .unwrap();
    let path = format!(
        "/ws/sessions/{SESSION}?token={}&message_id={message}",
        client.key()
    );
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut socket = TcpStream::connect(client.address()).await.unwrap();
    let answer = within(head_of(&mut socket, &head)).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(
        answer.contains("sec-websocket-extensions: permessage-deflate\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("\r\nconnection:"), "{answer}");
}

/// Sends a request; returns what is answered, up to the end of the head.
async fn head_of(socket: &mut TcpStream, request: &str) -> String {
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A connection on which one answer came, with a fault, up to its end.
async fn used(emulator: &Emulator, client: &Client, text: &str, path: &str) -> (TcpStream, String) {
    emulator.fail(fault(text)).unwrap();
    let request = request(client, path);
    let mut socket = TcpStream::connect(client.address()).await.unwrap();
    let mut answer = head_of(&mut socket, &request).await;
    let size: usize = {
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        length.unwrap().parse().unwrap()
    };
    let mut bytes = answer
        .split_off(answer.find("\r\n\r\n").unwrap() + 4)
        .into_bytes();
    while bytes.len() < size {
        assert_ne!(within(socket.read_buf(&mut bytes)).await.unwrap(), 0);
    }
    assert!(!answer.contains("connection: close"), "{answer}");
    (socket, answer)
}

fn request(client: &Client, path: &str) -> String {
    let key = client.key();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n")
}

#[tokio::test]
async fn a_connection_is_closed_after_an_answer_that_did_not_say_so() {
    let (emulator, client, _) = finished().await;
    for text in ["models then=close", "models then=close body_as=empty"] {
        let (mut socket, answer) = used(&emulator, &client, text, "/v1/models").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let mut rest = Vec::new();
        assert_eq!(
            within(socket.read_to_end(&mut rest)).await.unwrap(),
            0,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_connection_is_silent_after_an_answer() {
    let (emulator, client, _) = finished().await;
    let (mut socket, answer) = used(&emulator, &client, "models then=silence", "/v1/models").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    socket
        .write_all(request(&client, "/v1/models").as_bytes())
        .await
        .unwrap();
    // Another connection is served, and then all that came is known.
    assert_eq!(client.get("/sessions").await.status, 200);
    let models = emulator
        .requests()
        .iter()
        .filter(|request| request.path == "/v1/models")
        .count();
    assert_eq!(models, 1);
    let mut byte = [0];
    assert_eq!(
        socket.try_read(&mut byte).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    emulator.close().await;
    assert!(
        matches!(within(socket.read(&mut byte)).await, Ok(0) | Err(_)),
        "closing ends it"
    );
}
