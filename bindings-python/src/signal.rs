//! From tokio's threads to an event loop: a list of tokens and one file
//! descriptor that the loop watches, or a socket that it reads.
//!
//! A producer adds its token and writes to the descriptor only if nobody has
//! since the reader last cleared it. The reader clears first and takes then, so
//! that no wake-up is lost. Nobody takes the GIL on the way.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The producer's side.
#[derive(Debug)]
pub(crate) struct Signal {
    ready: Mutex<Vec<u64>>,
    armed: AtomicBool,
    wake: Wake,
}

/// How the loop is woken.
#[derive(Debug)]
enum Wake {
    /// It watches a descriptor of ours.
    Watched(wake::Wake),
    /// It reads the other end of this socket.
    Read(Socket),
}

#[cfg(unix)]
type Socket = std::os::unix::net::UnixStream;

#[cfg(windows)]
type Socket = std::net::TcpStream;

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self::of(Wake::Watched(wake::Wake::new()?)))
    }

    /// For a loop that reads the other end of this socket by itself. It stays the caller's: this
    /// writes to a copy.
    pub(crate) fn into_socket(socket: i64) -> io::Result<Self> {
        let socket = duplicate(socket)?;
        socket.set_nonblocking(true)?;
        Ok(Self::of(Wake::Read(socket)))
    }

    fn of(wake: Wake) -> Self {
        Self {
            ready: Mutex::default(),
            armed: AtomicBool::new(false),
            wake,
        }
    }

    /// The descriptor to watch; none where the loop reads a socket.
    pub(crate) fn fileno(&self) -> Option<i64> {
        match &self.wake {
            Wake::Watched(wake) => Some(wake.fileno()),
            Wake::Read(_) => None,
        }
    }

    /// Tells the loop that what this token stands for is ready.
    pub(crate) fn push(&self, token: u64) {
        self.ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(token);
        if !self.armed.swap(true, Ordering::SeqCst) {
            match &self.wake {
                Wake::Watched(wake) => wake.set(),
                // A full buffer means that the reader is awake already.
                Wake::Read(socket) => drop((&*socket).write(&[1])),
            }
        }
    }

    /// Clears the descriptor and takes the tokens that are ready. Of a socket the loop has read
    /// before what woke it.
    pub(crate) fn drain(&self) -> Vec<u64> {
        if let Wake::Watched(wake) = &self.wake {
            wake.clear();
        }
        self.armed.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A socket of ours for the one that Python owns.
#[cfg(unix)]
fn duplicate(socket: i64) -> io::Result<Socket> {
    use std::os::fd::BorrowedFd;
    let Some(fd) = i32::try_from(socket).ok().filter(|fd| *fd >= 0) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: Python holds the socket open while it calls this.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate(socket: i64) -> io::Result<Socket> {
    use std::os::windows::io::{BorrowedSocket, RawSocket};
    let Some(raw) = RawSocket::try_from(socket).ok() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: Python holds the socket open while it calls this.
    let borrowed = unsafe { BorrowedSocket::borrow_raw(raw) };
    Ok(borrowed.try_clone_to_owned()?.into())
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
