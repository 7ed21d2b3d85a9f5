//! A service whose responses are made to harm a client. The beginning of a path says how: `/inflates/422/v1/sessions` is
//! answered with 422 and a body that inflates; the events of `/gaps/200/9/v1/...` have an id of 2^62, then 9 even ones.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves until the runtime ends; gives the address.
pub async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // A client that goes away is what the tests are about.
            tokio::spawn(answer(connection));
        }
    });
    url
}

async fn answer(mut connection: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if connection.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut from, mut to) = connection.split();
    let mut left = Vec::new();
    tokio::select! {
        // What else the client sends is of no interest, and ends with it.
        read = async { while from.read_buf(&mut left).await? > 0 { left.clear(); } Ok(()) } => read,
        sent = send(&mut to, &path) => sent,
    }
}

async fn send(to: &mut (impl AsyncWriteExt + Unpin), path: &str) -> io::Result<()> {
    let mut parts = path.split('/').skip(1);
    let how = parts.next().unwrap_or_default();
    let status = parts.next().unwrap_or_default();
    if how == "gaps" && !path.contains("/events") {
        let body = r#"{"messages": [], "status": "finished", "has_agent": true}"#;
        return whole(to, body).await;
    }
    to.write_all(format!("HTTP/1.1 {status} As Asked\r\nconnection: close\r\n").as_bytes())
        .await?;
    match how {
        // A gigabyte of zeros in a megabyte.
        "inflates" => gzip(to, &[], &ZEROS, 1024, &[]).await,
        // `[0,0,...,0]`: ten million values.
        "values" => gzip(to, b"[", &VALUES, 20, VALUES_END).await,
        "endless" => {
            to.write_all(b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
                .await?;
            let chunk = [b"10000\r\n", &*vec![b' '; 0x10000], b"\r\n"].concat();
            loop {
                to.write_all(&chunk).await?;
            }
        }
        "claims" => {
            to.write_all(b"content-length: 1099511627776\r\n\r\n[")
                .await?;
            std::future::pending().await
        }
        "trickles" => {
            to.write_all(b"content-length: 1000000\r\n\r\n").await?;
            byte_by_byte(to).await
        }
        "head" => loop {
            to.write_all(b"x-more: and more\r\n").await?;
        },
        "gaps" => {
            to.write_all(b"content-type: text/event-stream\r\n\r\n")
                .await?;
            let small = parts.next().and_then(|small| small.parse().ok());
            let ids = (1..=small.unwrap_or(0)).map(|number| number * 2);
            let events = std::iter::once(1_i64 << 62)
                .chain(ids)
                .map(|id| format!("id: {id}\nevent: log\ndata: {{}}\n\n"));
            to.write_all(events.collect::<String>().as_bytes()).await?;
            to.shutdown().await
        }
        _ => Ok(()),
    }
}

async fn whole(to: &mut (impl AsyncWriteExt + Unpin), body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    to.write_all(head.as_bytes()).await?;
    to.write_all(body.as_bytes()).await?;
    to.shutdown().await
}

/// A byte, a pause, a byte: each is in time, the whole never.
async fn byte_by_byte(to: &mut (impl AsyncWriteExt + Unpin)) -> io::Result<()> {
    loop {
        to.write_all(b" ").await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A megabyte of one deflate block: its first bytes, how many zeros follow, its last bytes.
type Block = (&'static [u8], usize, &'static [u8]);

const ZEROS: Block = (
    b"\xec\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x08\x5f\xa0",
    1016,
    b"\x3e\x03\x00\x00\xff\xff",
);

/// `0,0,0,...`
const VALUES: Block = (
    b"\xec\xc2\x31\x0d\x00\x00\x00\x02\xa0\x42\x1e\xf6\x4f\x67\x08\x5f\x06\x4d\x01",
    1015,
    b"\x2e\x03\x00\x00\xff\xff",
);

/// `0]`, and the checksum and the length of 20 blocks of values.
const VALUES_END: &[u8] = b"\x01\x02\x00\xfd\xff0]\xd3\x6c\x21\xc8\x03\x00\x40\x01";

/// Gzip of `start`, at most 255 bytes, and so many blocks. Without an `end`, nobody shall come so far.
async fn gzip(
    to: &mut (impl AsyncWriteExt + Unpin),
    start: &[u8],
    (first, zeros, last): &Block,
    blocks: usize,
    end: &[u8],
) -> io::Result<()> {
    to.write_all(b"content-type: application/json\r\ncontent-encoding: gzip\r\n\r\n")
        .await?;
    to.write_all(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
        .await?;
    let length = start.len() as u8;
    // Stored as it is.
    to.write_all(&[&[0, length, 0, !length, 0xff], start].concat())
        .await?;
    let block = [*first, &vec![0; *zeros], *last].concat();
    for _ in 0..blocks {
        to.write_all(&block).await?;
    }
    to.write_all(end).await?;
    to.shutdown().await
}
