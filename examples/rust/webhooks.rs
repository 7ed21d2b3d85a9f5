//! A receiver of webhooks, without a web framework, on the emulator. With a key:
//! `Client::from_env()`, and an address that the service can reach.

use sessionwire::agi::{Client, CreateSession, RunTask};
use sessionwire::webhooks::{self, Deduplicator, Kind};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "the receiver's own secret";

/// Receives the webhooks of one task.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(ClientConfig::resolve(
        ClientOptions::new()
            .api_key(Secret::new(emulator.api_key()))
            .base_url(emulator.url()),
    )?)?;
    let receiver = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/hook", receiver.local_addr()?);
    // The service signs nothing: a token in the address says that it is the service who calls.
    let create = CreateSession::new("agi-0").webhook_url(webhooks::url(&address, SECRET)?);
    let session = client.sessions().create(create).await?;
    let task = session.run_task(RunTask::new("Count the words"));
    let (result, received) = tokio::join!(task, receive(receiver));
    println!("{}", result?.text);
    received?;
    session.delete().await?;
    Ok(())
}

/// Takes deliveries until the task is over.
async fn receive(receiver: TcpListener) -> Result<(), Box<dyn std::error::Error>> {
    let seen = Deduplicator::new(1000);
    loop {
        let (mut socket, _) = receiver.accept().await?;
        let (target, body) = request(&mut socket).await?;
        let event = webhooks::verify(&target, SECRET).then(|| webhooks::parse(&body));
        let status = match &event {
            None => "401 Unauthorized",
            Some(Err(_)) => "400 Bad Request",
            Some(Ok(_)) => "200 OK",
        };
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.write_all(response.as_bytes()).await?;
        let Some(Ok(event)) = event else { continue };
        // The service may deliver one twice.
        if seen.is_repeat(event.key()) {
            continue;
        }
        println!("{} in {}", event.kind.name(), event.session.id);
        if let Kind::TaskCompleted { .. } = event.kind {
            return Ok(());
        }
    }
}

/// The target and the body of a request: a web framework does this.
async fn request(socket: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).await? > 0 {}
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let lengths = head.lines().filter_map(|line| line.split_once(": "));
    let length = lengths
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).await?;
    Ok((target, body))
}
