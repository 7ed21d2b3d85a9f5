//! Peers that break the rules of connections and sockets, against small raw
//! servers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{CreateSession, EventOptions};
use sessionwire::raccoon::Attach;
use sessionwire_tests::{
    build, client, count, emulator, fail, long_task, script, session, turns, until,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    (listener, place)
}

async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A place where no connection is ever opened: its queue is full.
async fn deaf() -> (Vec<TcpStream>, TcpListener, String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let place = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(socket)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(place)).await
    {
        waiting.push(socket);
    }
    (waiting, listener, place.to_string())
}

#[tokio::test]
async fn g04_a_call_that_never_had_a_connection_ends_undelivered() {
    let (_waiting, _listener, place) = deaf().await;
    let options = json!({
        "base_url": format!("http://{place}"), "api_key": "some-key", "timeout": 0.3, "connect_timeout": 10,
    });
    let client = build(options).unwrap();
    let sessions = client.sessions();
    let create = sessions.create(CreateSession::default());
    let error = create.await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(!error.maybe_delivered(), "{error}");
    assert!(error.to_string().contains("not sent"), "{error}");
}

#[tokio::test]
async fn g03_a_call_that_was_sent_and_not_answered_may_have_been_delivered() {
    let (listener, place) = listen().await;
    let options =
        json!({"base_url": format!("http://{place}"), "api_key": "some-key", "timeout": 0.3});
    let client = build(options).unwrap();
    let sessions = client.sessions();
    let create = sessions.create(CreateSession::default());
    let (error, _) = tokio::join!(create, async {
        let (mut socket, _) = listener.accept().await.unwrap();
        head(&mut socket).await;
        socket
    });
    let error = error.expect_err("nobody answers");
    assert!(error.maybe_delivered(), "{error}");
}

#[tokio::test]
async fn no_position_is_named_where_none_is_known() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    for _ in 0..2 {
        fail(&emulator, json!({"on": "events", "end_after": 0}));
    }
    script(&emulator, long_task(3));
    let mut stream = session.events(EventOptions::default()).unwrap();
    let opened = until("the third stream", || {
        count(&emulator, "GET", "/events") > 2
    });
    tokio::select! {
        () = opened => {}
        event = stream.next() => panic!("nothing happens: {event:?}"),
    }
    let requests = emulator.requests();
    let named = requests
        .iter()
        .any(|request| format!("{request:?}").contains("last-event-id"));
    assert!(!named, "{requests:?}");
}

/// A service with one turn, whose socket does what `speak` says; gives what came
/// of the turn.
async fn turn_with(
    answer: impl Fn(&str) -> String + Send + 'static,
    frames: Vec<u8>,
) -> (sessionwire::Error, Vec<u8>) {
    let (listener, place) = listen().await;
    let (sender, mut received) = mpsc::unbounded_channel();
    let id = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let head = head(&mut socket).await;
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            if let Some(key) = field("sec-websocket-key: ") {
                let text = answer(&derive_accept_key(key.as_bytes()));
                socket.write_all(text.as_bytes()).await.unwrap();
                socket.write_all(&frames).await.unwrap();
                let mut rest = Vec::new();
                // Until the client hangs up.
                let _ = socket.read_to_end(&mut rest).await;
                let _ = sender.send(rest);
            } else {
                let body = json!({"session": {"sessionId": id}, "messages": []}).to_string();
                let text = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                socket.write_all(text.as_bytes()).await.unwrap();
            }
        }
    });
    let options = json!({"base_url": format!("http://{place}"), "api_key": "some-key"});
    let client = turns::build(options).unwrap();
    let mut attach = Attach::new(id, "msg_a82");
    attach.events.max_reconnects = 0;
    let turn = client.attach(attach).await.unwrap();
    let error = turn.result(None).await.expect_err("it does not end well");
    (error, received.recv().await.unwrap_or_default())
}

fn agreed(accept: &str, more: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {accept}\r\n{more}\r\n")
}

/// The payloads of the close frames that a client sent.
fn closes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let [first, second, after @ ..] = rest {
        let length = usize::from(second & 0x7f);
        let (mask, after) = after.split_at(4);
        let (payload, after) = after.split_at(length);
        if first & 15 == 8 {
            let plain = payload.iter().zip(mask.iter().cycle());
            found.push(plain.map(|(byte, mask)| byte ^ mask).collect());
        }
        rest = after;
    }
    found
}

#[tokio::test]
async fn the_close_of_a_socket_is_answered() {
    for code in [1000_u16, 1001, 1011, 4000] {
        let [high, low] = code.to_be_bytes();
        let (_, sent) = turn_with(
            |accept| agreed(accept, "upgrade: websocket\r\nconnection: Upgrade\r\n"),
            vec![0x88, 2, high, low],
        )
        .await;
        assert_eq!(closes(&sent), [vec![high, low]], "{code}");
    }
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    for (more, why) in [
        ("upgrade: websocket\r\n", "Connection"),
        ("connection: upgrade\r\n", "Upgrade"),
        ("upgrade: h2c\r\nconnection: upgrade\r\n", "Upgrade"),
        (
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-extensions: permessage-deflate\r\n",
            "extension",
        ),
        (
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: chat\r\n",
            "protocol",
        ),
    ] {
        let (error, _) = turn_with(move |accept| agreed(accept, more), Vec::new()).await;
        assert!(error.to_string().contains(why), "{more:?}: {error}");
    }
    let (error, _) = turn_with(
        |_| agreed("another", "upgrade: websocket\r\nconnection: upgrade\r\n"),
        Vec::new(),
    )
    .await;
    assert!(error.to_string().contains("Accept"), "{error}");
}
