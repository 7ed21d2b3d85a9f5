//! The self-check: clients without a parser, as fast as a socket can be read.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::events::{CLOSE, Spec};

const READ: usize = 256 * 1024;

/// Reads one stream, checks its number of events and bytes, and gives the speed as one JSON line.
pub(crate) fn stream(address: &str, session_id: &str) -> Result<String, Box<dyn Error>> {
    let request = format!(
        "GET /v1/sessions/{session_id}/events HTTP/1.1\r\nhost: load\r\naccept: text/event-stream\r\n\r\n"
    );
    read(address, session_id, &request, Tail::last_id)
}

/// Reads one turn in the same way.
pub(crate) fn turn(address: &str, session_id: &str) -> Result<String, Box<dyn Error>> {
    let request = format!(
        "GET /ws/sessions/x?message_id={session_id} HTTP/1.1\r\nhost: load\r\nsec-websocket-key: x\r\n\r\n"
    );
    read(address, session_id, &request, Tail::last_of_turn)
}

fn read(
    address: &str,
    session_id: &str,
    request: &str,
    last: fn(&Tail) -> Option<u64>,
) -> Result<String, Box<dyn Error>> {
    let spec: Spec = session_id.parse()?;
    let expected = spec.events + 1;
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(request.as_bytes())?;
    let mut buffer = vec![0; READ];
    let (mut bytes, mut seen) = (0, Tail::default());
    let mut start = None;
    loop {
        let count = socket.read(&mut buffer)?;
        // The clock starts with the first bytes: before them the server may still be building the stream.
        let _ = start.get_or_insert_with(Instant::now);
        if count == 0 {
            break;
        }
        bytes += count;
        seen.feed(&buffer[..count]);
        // Who waits for the end of a turn closes first.
        if seen.closed() {
            break;
        }
    }
    let seconds = start.map_or(0.0, |start: Instant| start.elapsed().as_secs_f64());
    if last(&seen) != Some(expected) {
        return Err(format!(
            "the stream ended with id {:?}, not with {expected}",
            last(&seen)
        )
        .into());
    }
    Ok(format!(
        r#"{{"events": {expected}, "bytes": {bytes}, "seconds": {seconds:.6}}}"#
    ))
}

/// Sends small requests one after another on one connection and gives the speed as one JSON line.
pub(crate) fn requests(address: &str, count: u32) -> Result<String, Box<dyn Error>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    let start = Instant::now();
    for _ in 0..count {
        socket.write_all(b"GET /v1/sessions/x/status HTTP/1.1\r\nhost: load\r\n\r\n")?;
        let read = socket.read(&mut buffer)?;
        if !buffer[..read].ends_with(b"{\"status\": \"finished\"}") {
            return Err("a request was not answered whole".into());
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(format!(
        r#"{{"requests": {count}, "seconds": {seconds:.6}}}"#
    ))
}

/// The last bytes of a stream: enough to see that its `done` came and which number it has.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    const KEPT: usize = 512;

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.0
            .extend_from_slice(&bytes[bytes.len().saturating_sub(Self::KEPT)..]);
        self.0.drain(..self.0.len().saturating_sub(Self::KEPT));
    }

    fn last_id(&self) -> Option<u64> {
        Self::last_in(self.0.strip_suffix(b"\r\n0\r\n\r\n")?)
    }

    /// The same, where the HTTP chunks were put together already.
    pub(crate) fn last_of_body(&self) -> Option<u64> {
        Self::last_in(&self.0)
    }

    fn last_in(bytes: &[u8]) -> Option<u64> {
        let text = String::from_utf8_lossy(bytes);
        let (_, done) = text.rsplit_once("event: done\n")?;
        let (_, number) = done.trim_end().strip_suffix('}')?.rsplit_once(": ")?;
        number.parse().ok()
    }

    fn closed(&self) -> bool {
        self.0.ends_with(CLOSE)
    }

    fn last_of_turn(&self) -> Option<u64> {
        let text = String::from_utf8_lossy(self.0.strip_suffix(CLOSE)?);
        let (_, number) = text.strip_suffix("}}")?.rsplit_once(": ")?;
        number.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_finds_the_last_id_however_the_stream_is_cut() {
        let spec: Spec = "n300-s120-each".parse().expect("spec");
        let body = spec.body();
        for step in [1, 7, 4096, body.len()] {
            let mut tail = Tail::default();
            body.chunks(step).for_each(|piece| tail.feed(piece));
            assert_eq!(tail.last_id(), Some(301));
        }
        let turn = spec.turn();
        for step in [1, 7, 4096, turn.len()] {
            let mut tail = Tail::default();
            turn.chunks(step).for_each(|piece| tail.feed(piece));
            assert!(tail.closed());
            assert_eq!(tail.last_of_turn(), Some(301));
        }
        let mut cut = Tail::default();
        cut.feed(&body[..body.len() - 1]);
        assert_eq!(cut.last_id(), None);
    }
}
