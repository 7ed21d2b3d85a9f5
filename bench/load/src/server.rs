//! The server: one thread, raw sockets, streams from memory.

use std::error::Error;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use crate::answers::{Answer, Answers};
use crate::events::{Delivery, Spec};
use crate::http;

/// How many whole streams stay in memory: the one under test and its warm-up.
const KEPT_STREAMS: usize = 2;
const MAX_REQUEST: usize = 64 * 1024;

#[derive(Debug)]
struct Shared {
    answers: Answers,
    bodies: Mutex<Vec<(Spec, Arc<Vec<u8>>)>>,
}

/// Serves until the standard input ends.
pub(crate) fn run(port: u16) -> Result<(), Box<dyn Error>> {
    end_with_standard_input();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        crate::say(&listener.local_addr()?.to_string())?;
        let shared = Arc::new(Shared {
            answers: Answers::new(),
            bodies: Mutex::default(),
        });
        loop {
            let (socket, _) = listener.accept().await?;
            // A client that goes away in the middle is that client's affair.
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { converse(socket, &shared).await.ok() });
        }
    })
}

fn end_with_standard_input() {
    std::thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

async fn converse(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (answer, consumed, close) = match http::parse(&buffer) {
            Ok(Some(request)) => (shared.answers.to(&request), request.length, request.close),
            Ok(None) if buffer.len() > MAX_REQUEST => return Ok(()),
            Ok(None) => {
                if socket.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            Err(problem) => {
                let answer =
                    http::json("400 Bad Request", &format!(r#"{{"detail": "{problem}"}}"#));
                return socket.write_all(&answer).await;
            }
        };
        buffer.drain(..consumed);
        match answer {
            Answer::Ready(bytes) => socket.write_all(bytes).await?,
            Answer::Built(bytes) => socket.write_all(&bytes).await?,
            Answer::Stream(spec) => return stream(&mut socket, spec, shared).await,
        }
        if close {
            return socket.shutdown().await;
        }
    }
}

async fn stream(socket: &mut TcpStream, spec: Spec, shared: &Shared) -> io::Result<()> {
    if let Delivery::Paced(per_second) = spec.delivery {
        socket.write_all(http::STREAM_HEAD).await?;
        let start = Instant::now();
        let mut id = 0;
        while let Some(chunk) = spec.chunk_of(id + 1) {
            sleep_until(start + Duration::from_secs_f64(id as f64 / f64::from(per_second.get())))
                .await;
            socket.write_all(&chunk).await?;
            id += 1;
        }
        socket.write_all(b"0\r\n\r\n").await?;
    } else {
        // Built before the head goes out: whoever waits for the head does not measure the building.
        let body = shared.body(spec);
        socket.write_all(http::STREAM_HEAD).await?;
        socket.write_all(&body).await?;
    }
    socket.shutdown().await
}

impl Shared {
    fn body(&self, spec: Spec) -> Arc<Vec<u8>> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = bodies.iter().position(|(known, _)| *known == spec) {
            let found = bodies.remove(place);
            bodies.push(found);
        } else {
            if bodies.len() == KEPT_STREAMS {
                bodies.remove(0);
            }
            bodies.push((spec, Arc::new(spec.body())));
        }
        // The entry looked up or built is the last one.
        bodies
            .last()
            .map(|(_, body)| Arc::clone(body))
            .unwrap_or_default()
    }
}
