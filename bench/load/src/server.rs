//! The server: one thread, raw sockets, streams from memory.

use std::error::Error;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::answers::{self, Answer, Answers};
use crate::clock;
use crate::events::{Delivery, Spec};
use crate::http::{self, Body};
use crate::upload::{Chunks, FilePart};

/// How many whole streams stay in memory: the one under test and its warm-up.
const KEPT_STREAMS: usize = 2;
const MAX_REQUEST: usize = 64 * 1024;
/// How much of an upload is read at a time.
const UPLOAD_READ: usize = 256 * 1024;
/// 127.0.0.1 and those after it, where the system has them: one address has ports for some 28,000
/// connections, those that were closed a moment ago included.
const ADDRESSES: u8 = 4;
const BACKLOG: u32 = 4096;

#[derive(Debug)]
struct Shared {
    answers: Answers,
    bodies: Mutex<Vec<(Whole, Arc<Vec<u8>>)>>,
}

/// A stream that is kept as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    Events(Spec),
    Turn(Spec),
}

/// Serves until the standard input ends.
pub(crate) fn run(port: u16) -> Result<(), Box<dyn Error>> {
    end_with_standard_input();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = listen(Ipv4Addr::LOCALHOST, port)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answers: Answers::new(),
            bodies: Mutex::default(),
        });
        for number in 2..=ADDRESSES {
            if let Ok(listener) = listen(Ipv4Addr::new(127, 0, 0, number), address.port()) {
                tokio::spawn(accept(listener, Arc::clone(&shared)));
            }
        }
        crate::say(&address.to_string())?;
        accept(listener, shared).await?;
        Ok(())
    })
}

fn listen(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((address, port)))?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        // A client that goes away in the middle is that client's affair.
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { converse(socket, &shared).await.ok() });
    }
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
        let request = match http::parse(&buffer) {
            Ok(request) => request,
            Err(problem) => return refuse(&mut socket, problem).await,
        };
        // An upload is read as it comes, any other body before it is answered.
        let upload = request
            .as_ref()
            .is_some_and(|request| request.path == "/media/upload");
        let whole = request.as_ref().and_then(|request| match upload {
            true => Some(b"".as_slice()),
            false => request.whole_body(&buffer),
        });
        let (Some(request), Some(body)) = (&request, whole) else {
            if request.is_some_and(|request| request.body == Body::Chunked) {
                return refuse(&mut socket, "only an upload may come in chunks").await;
            }
            if buffer.len() > MAX_REQUEST || socket.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let (close, form, consumed) = (request.close, request.body, request.head + body.len());
        match shared.answers.to(request, body) {
            Answer::Ready(bytes) => socket.write_all(bytes).await?,
            Answer::Built(bytes) => socket.write_all(&bytes).await?,
            Answer::Stream(spec) => return stream(&mut socket, spec, shared).await,
            Answer::Turn(spec, key) => {
                let accept = derive_accept_key(key.as_bytes());
                return turn(&mut socket, spec, &accept, shared).await;
            }
            Answer::Upload => {
                buffer.drain(..consumed);
                let answer = match upload_size(&mut socket, &mut buffer, form).await? {
                    Some(size) => answers::uploaded(size),
                    None => return refuse(&mut socket, "no form whose last part is a file").await,
                };
                socket.write_all(&answer).await?;
                // The answer took the request's place in the buffer.
                continue;
            }
        }
        buffer.drain(..consumed);
        if close {
            return socket.shutdown().await;
        }
    }
}

async fn refuse(socket: &mut TcpStream, problem: &str) -> io::Result<()> {
    let answer = http::json("400 Bad Request", &format!(r#"{{"detail": "{problem}"}}"#));
    socket.write_all(&answer).await
}

/// Reads a form to its end and gives its file's size.
async fn upload_size(
    socket: &mut TcpStream,
    buffer: &mut Vec<u8>,
    body: Body,
) -> io::Result<Option<usize>> {
    let (mut file, mut chunks) = (FilePart::default(), Chunks::default());
    let mut left = match body {
        Body::Length(length) => length,
        Body::Chunked => usize::MAX,
    };
    loop {
        if body == Body::Chunked {
            let Some(taken) = chunks.take(buffer, &mut file) else {
                return Ok(None);
            };
            buffer.drain(..taken);
        } else {
            let length = left.min(buffer.len());
            file.feed(&buffer[..length]);
            buffer.drain(..length);
            left -= length;
        }
        if left == 0 || chunks.over {
            return Ok(file.size());
        }
        buffer.reserve(UPLOAD_READ);
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// All of a turn at once; the client's frames are read, and what they say is nobody's affair.
async fn turn(socket: &mut TcpStream, spec: Spec, accept: &str, shared: &Shared) -> io::Result<()> {
    let body = shared.body(Whole::Turn(spec));
    let (mut reader, mut writer) = socket.split();
    let write = async {
        writer.write_all(&http::switching(accept)).await?;
        writer.write_all(&body).await?;
        // Of two sides that have said their close, the server ends the connection.
        writer.shutdown().await
    };
    let mut heard = [0; 1024];
    let read = async {
        while reader.read(&mut heard).await? > 0 {}
        Ok(())
    };
    tokio::try_join!(write, read)?;
    Ok(())
}

async fn stream(socket: &mut TcpStream, spec: Spec, shared: &Shared) -> io::Result<()> {
    if let Delivery::Paced(per_second) = spec.delivery {
        socket.write_all(http::STREAM_HEAD).await?;
        let start = Instant::now();
        let mut id = 0;
        loop {
            sleep_until(start + Duration::from_secs_f64(id as f64 / f64::from(per_second.get())))
                .await;
            let Some(chunk) = spec.chunk_of(id + 1, clock::nanoseconds()) else {
                break;
            };
            socket.write_all(&chunk).await?;
            id += 1;
        }
        socket.write_all(b"0\r\n\r\n").await?;
    } else {
        // Built before the head goes out: whoever waits for the head does not measure the building.
        let body = shared.body(Whole::Events(spec));
        socket.write_all(http::STREAM_HEAD).await?;
        socket.write_all(&body).await?;
    }
    socket.shutdown().await
}

impl Shared {
    fn body(&self, whole: Whole) -> Arc<Vec<u8>> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = bodies.iter().position(|(known, _)| *known == whole) {
            let found = bodies.remove(place);
            bodies.push(found);
        } else {
            if bodies.len() == KEPT_STREAMS {
                bodies.remove(0);
            }
            let body = match whole {
                Whole::Events(spec) => spec.body(),
                Whole::Turn(spec) => spec.turn(),
            };
            bodies.push((whole, Arc::new(body)));
        }
        // The entry looked up or built is the last one.
        bodies
            .last()
            .map(|(_, body)| Arc::clone(body))
            .unwrap_or_default()
    }
}
