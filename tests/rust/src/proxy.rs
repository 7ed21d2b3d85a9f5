//! A proxy that cuts event streams at arbitrary bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Forwards to one server; cuts every answer to a request for events after a
/// number of bytes that a seed decides. Other answers pass.
#[derive(Debug)]
pub struct Cutter {
    /// Where it listens, as a base URL.
    pub url: String,
    streams: Arc<AtomicU64>,
}

impl Cutter {
    /// Starts in front of `server`. Streams live for 1 to `longest` bytes.
    pub async fn start(server: &str, seed: u64, longest: u64) -> Self {
        let server: SocketAddr = server
            .trim_start_matches("http://")
            .parse()
            .expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let streams = Arc::new(AtomicU64::new(0));
        let counter = streams.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server, seed, longest, counter.clone()));
            }
        });
        Self { url, streams }
    }

    /// How many event streams were opened through it.
    pub fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }
}

async fn forward(
    client: TcpStream,
    server: SocketAddr,
    seed: u64,
    longest: u64,
    streams: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut request, mut answer) = ([0; 16 * 1024], [0; 16 * 1024]);
    let mut left = None;
    loop {
        tokio::select! {
            read = from_client.read(&mut request) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                if request[..read].windows(8).any(|part| part == b"/events ") {
                    left = Some(1 + mixed(seed + streams.fetch_add(1, Ordering::Relaxed)) % longest);
                }
                to_server.write_all(&request[..read]).await?;
            }
            read = from_server.read(&mut answer) => {
                let read = read?;
                let passed = left.map_or(read, |left| read.min(usize::try_from(left).unwrap_or(read)));
                to_client.write_all(&answer[..passed]).await?;
                if read == 0 || passed < read {
                    return Ok(());
                }
                left = left.map(|left| left - passed as u64);
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
