//! The protocol on standard input and output.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncRead, AsyncReadExt as _, DuplexStream, ReadBuf, Stdin};
use tokio::sync::watch;

use super::host::Host;
use super::server::Server;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// How much is written at once.
const CHUNK: usize = 64 * 1024;
/// How long the last answers may take.
const GRACE: Duration = Duration::from_millis(500);

/// Serves one client until it closes standard input, or a signal comes.
pub(super) async fn serve(
    server: Server,
    host: &Host,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let (sender, mut closed) = watch::channel(false);
    let input = Input {
        stdin: tokio::io::stdin(),
        closed: sender.clone(),
    };
    let (answers, written) = tokio::io::duplex(CHUNK);
    let serving = async {
        match server.serve((input, answers)).await {
            Ok(running) => drop(running.waiting().await),
            // A client that left before it said hello.
            Err(ServerInitializeError::ConnectionClosed(_)) => {}
            Err(why) => {
                return Err(Failure::Usage(format!(
                    "Standard input does not speak the Model Context Protocol: {why}. This command is for a client of it: \
                     `sessionwire mcp --help` says how."
                )));
            }
        }
        Ok(())
    };
    let all = async {
        let write = async {
            if pass_on(written, output).await.is_err() {
                sender.send_replace(true);
            }
        };
        tokio::join!(serving, write).0
    };
    let ended = async {
        tokio::select! {
            () = interrupt.wait() => {}
            _ = closed.wait_for(|closed| *closed) => {}
        }
    };
    tokio::pin!(all);
    tokio::select! {
        served = &mut all => served,
        () = ended => {
            // Calls that wait end with their tasks, and their answers are written.
            host.close().await;
            tokio::time::timeout(GRACE, all).await.unwrap_or(Ok(()))
        }
    }
}

/// What is answered, by the thread that has standard output.
async fn pass_on(mut written: DuplexStream, output: &Output) -> Result<(), Failure> {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = written.read(&mut chunk).await {
        output.bytes(chunk[..length].to_vec()).await?;
    }
    Ok(())
}

/// Standard input, which says when it is at its end: the calls that are at work would hold the end
/// of the service up.
struct Input {
    stdin: Stdin,
    closed: watch::Sender<bool>,
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stdin).poll_read(context, buffer);
        if matches!(&read, Poll::Ready(read) if read.is_err() || buffer.filled().len() == before) {
            self.closed.send_replace(true);
        }
        read
    }
}
