//! A server whose first stream is exactly the bytes it was given.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves `body` as the first stream; everything after it is gone (404).
/// Gives the address; the server ends with the runtime.
pub async fn raw_stream(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut body = Some(body);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // A client that went away is no concern of the server's.
            let _ = answer(connection, &mut body).await;
        }
    });
    url
}

async fn answer(mut connection: TcpStream, body: &mut Option<Vec<u8>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let first = String::from_utf8_lossy(&head);
    let is_stream = first
        .lines()
        .next()
        .is_some_and(|line| line.contains("/events"));
    let (status, kind, body) = match body.take_if(|_| is_stream) {
        Some(body) => ("200 OK", "text/event-stream", body),
        None => (
            "404 Not Found",
            "application/json",
            br#"{"detail": "Session not found"}"#.to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&body).await?;
    connection.shutdown().await
}
