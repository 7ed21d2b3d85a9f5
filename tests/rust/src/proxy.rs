//! A proxy that cuts event streams at arbitrary bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How streams are cut. The same seed cuts at the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct Cuts {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Three streams of four live for 1 to this many bytes of what is new; the fourth is cut anywhere, its head and
    /// what was sent before included.
    pub longest: u64,
    /// The server replays the history: new is what no stream of the session brought before.
    pub replays: bool,
}

/// About the bytes of an answer's head.
const HEAD: u64 = 200;

/// Forwards to one server; cuts every answer to a request for events, by RST or FIN. Other answers pass.
#[derive(Debug)]
pub struct Cutter {
    /// Where it listens, as a base URL.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    cuts: Cuts,
    /// Event streams that were opened.
    opened: AtomicU64,
    /// Event streams that were cut.
    cut: AtomicU64,
    /// By path, the most bytes that a stream brought.
    most: Mutex<HashMap<Vec<u8>, u64>>,
}

impl Cutter {
    /// Starts in front of `server`.
    pub async fn start(server: &str, cuts: Cuts) -> Self {
        let server = server.trim_start_matches("http://").trim_end_matches("/v1");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            server: server.parse().expect("an address"),
            cuts,
            opened: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            most: Mutex::default(),
        });
        let accepting = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, accepting.clone()));
            }
        });
        Self { url, shared }
    }

    /// How many event streams were opened through it.
    pub fn streams(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// How many of them it cut.
    pub fn cuts(&self) -> u64 {
        self.shared.cut.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// The stream that this request opens, if it opens one.
    fn stream(&self, request: &[u8]) -> Option<Stream> {
        let path = request.strip_prefix(b"GET ")?;
        let path = &path[..path.iter().position(|byte| matches!(byte, b' ' | b'?'))?];
        if !path.ends_with(b"/events") {
            return None;
        }
        let dice = mixed(self.cuts.seed + self.opened.fetch_add(1, Ordering::Relaxed));
        let most = self.most.lock().expect("no thread panicked");
        let before = most.get(path).copied().unwrap_or(0);
        // The dice's low bits choose how, its high ones where.
        let (anywhere, place) = (dice & 0b11 == 0, dice >> 8);
        let cut_at = match (self.cuts.replays, anywhere) {
            (true, true) => 1 + place % (before + self.cuts.longest),
            (true, false) => before + 1 + place % self.cuts.longest,
            (false, true) => 1 + place % self.cuts.longest,
            (false, false) => HEAD + 1 + place % self.cuts.longest,
        };
        Some(Stream {
            path: path.to_vec(),
            passed: 0,
            cut_at,
            reset: dice & 0b100 == 0,
        })
    }

    fn close(&self, stream: &Stream) {
        let mut most = self.most.lock().expect("no thread panicked");
        let most = most.entry(stream.path.clone()).or_default();
        *most = stream.passed.max(*most);
    }
}

/// An event stream on its way.
struct Stream {
    path: Vec<u8>,
    passed: u64,
    cut_at: u64,
    /// Cut by RST, not by FIN.
    reset: bool,
}

async fn forward(mut client: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(shared.server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut from_server) = ([0; 16 * 1024], [0; 16 * 1024]);
    let mut stream: Option<Stream> = None;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let request = &from_client[..read?];
                // What follows on this connection is another answer.
                if let Some(over) = std::mem::replace(&mut stream, shared.stream(request)) {
                    shared.close(&over);
                }
                if request.is_empty() {
                    return Ok(());
                }
                server.write_all(request).await?;
            }
            read = server.read(&mut from_server) => {
                let read = read?;
                let Some(stream) = &mut stream else {
                    if read == 0 {
                        return Ok(());
                    }
                    client.write_all(&from_server[..read]).await?;
                    continue;
                };
                let left = usize::try_from(stream.cut_at - stream.passed).unwrap_or(usize::MAX);
                let passed = read.min(left);
                client.write_all(&from_server[..passed]).await?;
                stream.passed += passed as u64;
                if read == 0 || passed == left {
                    shared.close(stream);
                    if read > 0 {
                        shared.cut.fetch_add(1, Ordering::Relaxed);
                        if stream.reset {
                            client.set_zero_linger()?;
                        }
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// A number that looks random (SplitMix64), the same for the same seed.
fn mixed(seed: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
