//! A service with five answers, from memory.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Bytes of the picture before base64.
const PICTURE: usize = 225 * 1024;
/// As many events are made for each number of them, so that making them is no part of what one costs.
const MADE: usize = 20_000;

/// Serves on the current runtime; its address.
pub(crate) async fn serve(events: usize) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let told = Arc::new((stream(events), turn(events)));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(converse(socket, told.clone()));
        }
    });
    Ok(address)
}

async fn converse(mut socket: TcpStream, told: Arc<(Vec<u8>, Vec<u8>)>) -> io::Result<()> {
    let (stream, turn) = &*told;
    let status = json(r#"{"status": "finished"}"#);
    let picture = json(&picture());
    let started = json(STARTED);
    let mut request = Vec::new();
    loop {
        request.clear();
        // A body is JSON, and one object.
        while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"}") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let asks = |what: &[u8]| request.windows(what.len()).take(120).any(|at| at == what);
        if asks(b"/status ") {
            socket.write_all(&status).await?;
            continue;
        }
        if asks(b"/events") {
            socket.write_all(stream).await?;
            return socket.shutdown().await;
        }
        if asks(b"/ws/") {
            socket.write_all(upgrade(&request).as_bytes()).await?;
            socket.write_all(turn).await?;
            // The client answers the close.
            while socket.read_buf(&mut request).await? > 0 {}
            return Ok(());
        }
        let answer = if asks(b"/screenshot") {
            &picture
        } else {
            &started
        };
        socket.write_all(answer).await?;
    }
}

fn json(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    format!("{head} {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An event as the service sends it.
pub(crate) fn event(id: usize, size: usize) -> String {
    let data = data(id, size);
    format!("id: {id}\nevent: thought\ndata: {data}\n\n")
}

/// The data of an event.
pub(crate) fn data(id: usize, size: usize) -> String {
    let text = "Comparing two offers. ".repeat(size / 22 + 1);
    let text = &text[..size.saturating_sub(40)];
    format!(r#"{{"text": "{text}", "message_id": {id:07}}}"#)
}

/// Thoughts, each a chunk of HTTP, and a `done`.
fn stream(events: usize) -> Vec<u8> {
    assert!(events <= MADE, "at most {MADE} events are made");
    let chunk = |frame: &str| format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = head.as_bytes().to_vec();
    let mut end = stream.len();
    for id in 1..=MADE {
        stream.extend(chunk(&event(id, 120)));
        if id == events {
            end = stream.len();
        }
    }
    stream.truncate(end);
    let done = format!("id: {}\nevent: done\ndata: {{}}\n\n", events + 1);
    stream.extend(chunk(&done));
    stream.extend(b"0\r\n\r\n");
    stream
}

const STARTED: &str = r#"{"session_id": "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415", "workflow_id": "wf_1", "status": "running", "message": "Turn accepted", "queue_position": 0, "user_message_id": "u", "agent_message_id": "m"}"#;

/// The same of a turn: an ack, thoughts in blocks of 16, the end, and the close.
fn turn(events: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    frame(r#"{"type": "ack", "resume_from": ""}"#, &mut frames);
    let mut end = frames.len();
    let beginning = |id: usize| {
        format!(
            r#"{{"event_id": {id}, "timestamp": 1772615731200, "stream_entry_id": "1772615731200-{id}", "message_id": "m", "kind": "#
        )
    };
    let thought = "Comparing two offers. ".repeat(3);
    for id in 1..=MADE {
        let last = id % 16 == 15;
        let text = format!(
            r#"{}"thought", "block_id": "thought:{}", "payload": {{"thought": "{thought}", "finalize": {last}}}}}"#,
            beginning(id),
            id / 16
        );
        frame(&text, &mut frames);
        if id == events {
            end = frames.len();
        }
    }
    frames.truncate(end);
    let done = beginning(events + 1) + r#""task.completed", "payload": {}}"#;
    frame(&done, &mut frames);
    frames.extend(CLOSE);
    frames
}

/// The end of a WebSocket: status 1000.
const CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xe8];

/// A text frame of a server.
fn frame(text: &str, frames: &mut Vec<u8>) {
    frames.push(0x81);
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length), _) if length < 126 => frames.push(length),
        (_, Ok(length)) => {
            frames.push(126);
            frames.extend(length.to_be_bytes());
        }
        _ => unreachable!("a frame here is short"),
    }
    frames.extend(text.as_bytes());
}

/// The answer that makes a WebSocket of a connection.
fn upgrade(request: &[u8]) -> String {
    let request = String::from_utf8_lossy(request);
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
        is_key.then(|| value.trim())
    });
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
}

fn picture() -> String {
    let mut image = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
    image.extend(
        (0u32..)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 25) as u8)
            .take(PICTURE),
    );
    let image = STANDARD.encode(image);
    format!(
        r#"{{"screenshot": "data:image/jpeg;base64,{image}", "url": "https://shop.example/", "title": "Shop"}}"#
    )
}
