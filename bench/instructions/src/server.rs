//! A service with three answers, from memory.

use std::io;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the picture before base64.
const PICTURE: usize = 225 * 1024;

/// Serves on the current runtime; its address.
pub(crate) async fn serve(events: usize) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let stream = stream(events);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(converse(socket, stream.clone()));
        }
    });
    Ok(address)
}

async fn converse(mut socket: TcpStream, stream: Vec<u8>) -> io::Result<()> {
    let status = json(r#"{"status": "finished"}"#);
    let picture = json(&picture());
    let mut request = Vec::new();
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let asks = |what: &[u8]| request.windows(what.len()).take(120).any(|at| at == what);
        if asks(b"/events") {
            socket.write_all(&stream).await?;
            return socket.shutdown().await;
        }
        let answer = if asks(b"/screenshot") {
            &picture
        } else {
            &status
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

/// Thoughts, each a chunk of HTTP, and a `done`. As many are made for each number of
/// events, so that making them is no part of what one costs.
fn stream(events: usize) -> Vec<u8> {
    const MADE: usize = 20_000;
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
