//! Ctrl-C, SIGTERM, SIGQUIT, and the closing of the terminal.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::screen;

/// How long a signal that comes again is the same one.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Says when the user wants the command to end. Clones listen to the same
/// signal.
#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Takes the signals over from here on. The first one ends the command in
    /// good order, a later one ends the process. What comes within a second of
    /// the first is the same Ctrl-C: a program that runs this one, such as npm,
    /// passes on what the terminal sends to both.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut signals = Signals::open()?;
        let (sender, receiver) = watch::channel(false);
        // A task of its own: it also works while the command waits for
        // something that does not end.
        tokio::spawn(async move {
            signals.next().await;
            sender.send_replace(true);
            let same = Instant::now() + SAME_SIGNAL;
            while Instant::now() < same {
                signals.next().await;
            }
            screen::leave();
            std::process::exit(130);
        });
        Ok(Self(receiver))
    }

    /// Waits for the first signal.
    pub(crate) async fn wait(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|interrupted| *interrupted).await.is_err() {
            // The listener is gone with its runtime: no signal will come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// Ctrl-\\: what an agent costs goes on without this program, so that it ends in good order, too.
    quit: tokio::signal::unix::Signal,
    /// The terminal was closed.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn open() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = if survives_hangup() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup,
        })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.quit.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether `nohup` started the program: the closing of the terminal shall not
/// end it. Where that cannot be known, the signal keeps its usual effect.
#[cfg(unix)]
fn survives_hangup() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return true;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask & 1 != 0)
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Signals {
    fn open() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close};
        Ok(Self {
            interrupt: ctrl_c()?,
            close: ctrl_close()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.close.recv() => {}
        }
    }
}
