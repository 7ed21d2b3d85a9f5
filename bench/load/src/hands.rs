//! What it costs to hand something to another thread and to get an answer: the part of a call that
//! belongs to the machine and its scheduler.

use std::error::Error;
use std::io;
use std::time::Instant;

const WARM_UP: usize = 1_000;

/// Two threads pass one byte there and back, `count` times; the median, in microseconds, as one
/// JSON line.
pub(crate) fn over(count: usize) -> Result<String, Box<dyn Error>> {
    let (near, far) = pair()?;
    let other = std::thread::spawn(move || answer(far));
    let mut took = Vec::with_capacity(count);
    for _ in 0..WARM_UP + count {
        let start = Instant::now();
        pass(&near)?;
        receive(&near)?;
        took.push(start.elapsed());
    }
    drop(near);
    other.join().map_err(|_| "the other thread panicked")?;
    let mut took = took.split_off(WARM_UP);
    took.sort_unstable();
    let median = took.get(count / 2).ok_or("nothing was passed")?;
    let p50 = median.as_secs_f64() * 1e6;
    Ok(format!(r#"{{"calls": {count}, "p50": {p50:.1}}}"#))
}

/// Until the other side is gone.
fn answer(far: Socket) {
    while receive(&far).and_then(|()| pass(&far)).is_ok() {}
}

fn pass(mut socket: &Socket) -> io::Result<()> {
    io::Write::write_all(&mut socket, &[1])
}

fn receive(mut socket: &Socket) -> io::Result<()> {
    io::Read::read_exact(&mut socket, &mut [0])
}

#[cfg(unix)]
type Socket = std::os::unix::net::UnixStream;

#[cfg(unix)]
fn pair() -> io::Result<(Socket, Socket)> {
    Socket::pair()
}

#[cfg(not(unix))]
type Socket = std::net::TcpStream;

#[cfg(not(unix))]
fn pair() -> io::Result<(Socket, Socket)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let near = Socket::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_comes_back() {
        let told = super::over(10).expect("two threads");
        assert!(told.starts_with(r#"{"calls": 10, "p50": "#), "{told}");
        assert!(super::over(0).is_err());
    }
}
