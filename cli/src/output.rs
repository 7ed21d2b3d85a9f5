//! The way to stdout.
//!
//! Stdout is written by a thread of its own: a reader that is slow or stands
//! still (a pager) must not keep Ctrl-C or the event stream waiting.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::screen;
use crate::terminal::escaped;

/// Most pieces that wait for a slow reader.
const WAITING: usize = 64;
/// How long an interrupted command waits for its last lines to be read.
const PATIENCE: Duration = Duration::from_millis(500);

/// Standard output.
pub(crate) struct Output {
    pieces: mpsc::Sender<Piece>,
    ended: oneshot::Receiver<()>,
    problem: Arc<Mutex<Option<io::Error>>>,
    terminal: bool,
    colour: bool,
}

enum Piece {
    Bytes(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        let problem = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&problem);
        std::thread::spawn(move || {
            if let Err(error) = write_all(receiver) {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            let _ = end.send(());
        });
        let terminal = io::stdout().is_terminal();
        Self {
            pieces,
            ended,
            problem,
            terminal,
            colour: terminal && colours_wanted(),
        }
    }

    /// Whether a person reads along.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether to use colours.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour
    }

    /// Writes a line; waits while the reader is behind.
    pub(crate) async fn line(&self, text: impl Into<String>) -> Result<(), Failure> {
        let mut text = text.into();
        text.push('\n');
        self.bytes(text.into_bytes()).await
    }

    /// Writes a line of JSON.
    pub(crate) async fn json(&self, text: String) -> Result<(), Failure> {
        self.line(escaped(&text)).await
    }

    /// Writes bytes as they are.
    pub(crate) async fn bytes(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.send(Piece::Bytes(bytes)).await
    }

    /// Waits until everything is written.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let (done, written) = oneshot::channel();
        self.send(Piece::Flush(done)).await?;
        written.await.map_err(|_| self.failure())
    }

    /// Writes what is left, and says if something could not be written.
    pub(crate) async fn finish(self, interrupt: &Interrupt) -> Result<(), Failure> {
        let Self {
            pieces,
            ended,
            problem,
            ..
        } = self;
        drop(pieces);
        tokio::select! {
            biased;
            _ = ended => {}
            () = async { interrupt.wait().await; tokio::time::sleep(PATIENCE).await } => return Err(Failure::Interrupted),
        }
        let mut problem = problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.take().map_or(Ok(()), |error| Err(failure(&error)))
    }

    async fn send(&self, piece: Piece) -> Result<(), Failure> {
        self.pieces.send(piece).await.map_err(|_| self.failure())
    }

    fn failure(&self) -> Failure {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.as_ref().map_or(Failure::OutputClosed, failure)
    }
}

fn failure(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::OutputClosed
    } else {
        Failure::Local(format!(
            "The output cannot be written: {error}. Free some space or write it elsewhere."
        ))
    }
}

fn write_all(mut pieces: mpsc::Receiver<Piece>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            // It may be the terminal that has the line of how things stand.
            Piece::Bytes(bytes) if is_terminal => screen::around(|| {
                write_patiently(&mut stdout, &bytes).and_then(|()| stdout.flush())
            })?,
            Piece::Bytes(bytes) => write_patiently(&mut stdout, &bytes)?,
            Piece::Flush(done) => {
                stdout.flush()?;
                let _ = done.send(());
            }
        }
        if pieces.is_empty() {
            stdout.flush()?;
        }
    }
    Ok(())
}

/// Like `write_all`, for a stdout that another program left in non-blocking
/// mode, too.
fn write_patiently(stdout: &mut io::StdoutLock<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stdout.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn colours_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes a text to stdout before there is an [`Output`].
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    write_patiently(&mut stdout, text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| failure(&error))
}
