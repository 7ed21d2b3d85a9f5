//! A service for long runs: small, quick, and it counts what it could send.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use sessionwire_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::emulator_with;

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const SESSION: &str = r#"{"session_id": "ID", "agent_name": "agi-0", "status": "ready", "created_at": "2026-03-04T09:15:27.418Z"}"#;

/// Answers on a free port of loopback. The session's id says how its stream goes:
///
/// - `short`: three thoughts and a `done`;
/// - `open`: one thought, then silence;
/// - `flood`: thoughts for ever, as fast as they are read.
#[derive(Debug)]
pub struct Service {
    /// Its base URL.
    pub url: String,
    flooded: Arc<AtomicU64>,
}

impl Service {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let flooded = Arc::new(AtomicU64::new(0));
        let counter = flooded.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, counter.clone()));
            }
        });
        Self { url, flooded }
    }

    /// The bytes of floods that the kernel took.
    pub fn flooded(&self) -> u64 {
        self.flooded.load(Ordering::Relaxed)
    }
}

/// An emulator of Raccoon that takes uploads of up to 4 GiB and a thousand turns at once. Each turn writes `ready`, waits
/// for a message, thinks 100 times in two seconds, and is completed.
pub async fn raccoon() -> Emulator {
    let steps = json!([
        {"text": "ready"},
        {"wait_for_message": true},
        {"repeat": 100, "steps": [{"thought": "thought {n}"}, {"delay": 0.02}]},
        {"complete": true},
    ]);
    emulator_with(json!({
        "upload_limit": 4_u64 << 30,
        "max_turns": 1000,
        "scenario": {"turns": [{"steps": steps, "once": false}]},
    }))
    .await
}

async fn serve(mut client: TcpStream, flooded: Arc<AtomicU64>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut received = Vec::new();
    while let Some(head) = request(&mut client, &mut received).await? {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let mut parts = path.split('/').skip(3);
        let (id, what) = (
            parts.next().unwrap_or("short"),
            parts.next().unwrap_or_default(),
        );
        match (id, what) {
            ("flood", "events") => flood(&mut client, &flooded).await?,
            ("open", "events") => {
                let opened = format!("{STREAM_HEAD}{}", chunk(&thought(2, "open")));
                client.write_all(opened.as_bytes()).await?;
            }
            (_, "events") => {
                let mut events: String = (2..5).map(|id| thought(id, "a small thought")).collect();
                events.push_str("id: 5\nevent: done\ndata: {\"text\": \"done\", \"result\": \"done\", \"message_id\": 5}\n\n");
                let whole = format!("{STREAM_HEAD}{}0\r\n\r\n", chunk(&events));
                client.write_all(whole.as_bytes()).await?;
            }
            _ => {
                let body = match what {
                    "messages" if id == "short" => {
                        r#"{"messages": [], "status": "finished", "has_agent": true}"#
                    }
                    "messages" => r#"{"messages": [], "status": "running", "has_agent": true}"#,
                    "status" => r#"{"status": "running"}"#,
                    _ => SESSION,
                };
                let body = body.replace("ID", id);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                client.write_all(answer.as_bytes()).await?;
            }
        }
    }
    Ok(())
}

/// The head of the next request; its body is read and dropped.
async fn request(
    client: &mut TcpStream,
    received: &mut Vec<u8>,
) -> std::io::Result<Option<String>> {
    let ends = |bytes: &[u8]| bytes.windows(4).position(|part| part == b"\r\n\r\n");
    let end = loop {
        if let Some(end) = ends(received) {
            break end + 4;
        }
        if client.read_buf(received).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    while received.len() < end + length {
        if client.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
    received.drain(..end + length);
    Ok(Some(head))
}

async fn flood(client: &mut TcpStream, flooded: &AtomicU64) -> std::io::Result<()> {
    client.write_all(STREAM_HEAD.as_bytes()).await?;
    let mut id = 2;
    loop {
        let events: String = (id..id + 64)
            .map(|id| thought(id, &"x".repeat(1000)))
            .collect();
        id += 64;
        let block = chunk(&events);
        let mut left = block.as_bytes();
        while !left.is_empty() {
            let sent = client.write(left).await?;
            flooded.fetch_add(sent as u64, Ordering::Relaxed);
            left = &left[sent..];
        }
    }
}

fn thought(id: u64, text: &str) -> String {
    format!("id: {id}\nevent: thought\ndata: {{\"text\": \"{text}\", \"message_id\": {id}}}\n\n")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
