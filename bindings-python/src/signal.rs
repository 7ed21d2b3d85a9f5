//! From tokio's threads to an event loop: a list of tokens and one file
//! descriptor that the loop watches.
//!
//! A producer adds its token and writes to the descriptor only if nobody has
//! since the reader last cleared it. The reader clears first and takes then, so
//! that no wake-up is lost. Nobody takes the GIL on the way.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The producer's side.
#[derive(Debug)]
pub(crate) struct Signal {
    ready: Mutex<Vec<u64>>,
    armed: AtomicBool,
    wake: wake::Wake,
}

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            ready: Mutex::default(),
            armed: AtomicBool::new(false),
            wake: wake::Wake::new()?,
        })
    }

    /// The descriptor to watch.
    pub(crate) fn fileno(&self) -> i64 {
        self.wake.fileno()
    }

    /// Tells the loop that what this token stands for is ready.
    pub(crate) fn push(&self, token: u64) {
        self.ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(token);
        if !self.armed.swap(true, Ordering::SeqCst) {
            self.wake.set();
        }
    }

    /// Clears the descriptor and takes the tokens that are ready.
    pub(crate) fn drain(&self) -> Vec<u64> {
        self.wake.clear();
        self.armed.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(target_os = "linux")]
mod wake {
    use std::fs::File;
    use std::io::{self, Read as _, Write as _};
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

    /// An eventfd.
    #[derive(Debug)]
    pub(super) struct Wake(File);

    impl Wake {
        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: `eventfd` takes no pointer; it returns a new descriptor or -1.
            let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: `fd` was just opened and belongs to nobody else.
            Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
        }

        pub(super) fn fileno(&self) -> i64 {
            self.0.as_raw_fd().into()
        }

        // A full counter means that the reader is awake already.
        pub(super) fn set(&self) {
            let _ = (&self.0).write(&1_u64.to_ne_bytes());
        }

        pub(super) fn clear(&self) {
            let _ = (&self.0).read(&mut [0; 8]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod wake {
    use std::io::{self, Read as _, Write as _};

    #[cfg(unix)]
    use std::os::unix::net::UnixStream as Socket;

    #[cfg(not(unix))]
    use std::net::TcpStream as Socket;

    /// Two connected sockets.
    #[derive(Debug)]
    pub(super) struct Wake {
        reader: Socket,
        writer: Socket,
    }

    impl Wake {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        #[cfg(unix)]
        pub(super) fn fileno(&self) -> i64 {
            use std::os::fd::AsRawFd as _;
            self.reader.as_raw_fd().into()
        }

        #[cfg(windows)]
        pub(super) fn fileno(&self) -> i64 {
            use std::os::windows::io::AsRawSocket as _;
            self.reader.as_raw_socket() as i64
        }

        // A full buffer means that the reader is awake already.
        pub(super) fn set(&self) {
            let _ = (&self.writer).write(&[1]);
        }

        pub(super) fn clear(&self) {
            while matches!((&self.reader).read(&mut [0; 64]), Ok(64)) {}
        }
    }

    #[cfg(unix)]
    fn pair() -> io::Result<(Socket, Socket)> {
        Socket::pair()
    }

    #[cfg(not(unix))]
    fn pair() -> io::Result<(Socket, Socket)> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let writer = Socket::connect(listener.local_addr()?)?;
        let own = writer.local_addr()?;
        loop {
            let (reader, peer) = listener.accept()?;
            if peer == own {
                return Ok((reader, writer));
            }
        }
    }
}
