//! As much of HTTP/1.1 as the clients of the benchmark use.

/// The head of a request at the front of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) close: bool,
    /// What stands after `Bearer`.
    pub(crate) key: &'a str,
    /// The key of a client that wants to go on with a WebSocket.
    pub(crate) websocket: Option<&'a str>,
    pub(crate) body: Body,
    /// How many bytes the head has.
    pub(crate) head: usize,
}

/// How the end of a request's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Length(usize),
    Chunked,
}

impl Default for Body {
    fn default() -> Self {
        Self::Length(0)
    }
}

impl Request<'_> {
    /// The body, once all of it is there; `None` before that, and for one in chunks.
    pub(crate) fn whole_body<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self.body {
            Body::Length(length) => bytes.get(self.head..self.head + length),
            Body::Chunked => None,
        }
    }
}

/// The request at the front of `bytes`; `Ok(None)` while its head is incomplete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, &'static str> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head =
        std::str::from_utf8(&bytes[..head_end]).map_err(|_| "the request head is not UTF-8")?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (first.next(), first.next(), first.next())
    else {
        return Err("not an HTTP/1.1 request line");
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method,
        path,
        query,
        head: head_end + 4,
        ..Request::default()
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            request.body = Body::Length(value.parse().map_err(|_| "bad content-length")?);
        } else if name.eq_ignore_ascii_case("connection") {
            request.close = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            request.body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("authorization") {
            request.key = value.strip_prefix("Bearer ").unwrap_or_default();
        } else if name.eq_ignore_ascii_case("sec-websocket-key") {
            request.websocket = Some(value);
        }
    }
    Ok(Some(request))
}

/// A whole answer with a JSON body.
pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The head of an event stream; the body follows in chunks.
pub(crate) const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
cache-control: no-cache\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

/// The head of an answer that goes on as a WebSocket.
pub(crate) fn switching(accept: &str) -> Vec<u8> {
    format!("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_there_once_all_of_it_is() {
        let bytes = b"POST /v1/sessions?a=b HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}GET";
        let head = bytes.len() - 5;
        assert!(parse(&bytes[..head - 1]).expect("well formed").is_none());
        let request = parse(bytes).expect("well formed").expect("complete");
        assert_eq!(
            (request.method, request.path, request.query),
            ("POST", "/v1/sessions", "a=b")
        );
        assert!(request.close);
        assert_eq!(request.whole_body(bytes), Some(b"{}".as_slice()));
        assert_eq!(request.whole_body(&bytes[..=head]), None);
    }

    #[test]
    fn what_a_websocket_and_a_form_say_is_read() {
        let bytes =
            b"GET / HTTP/1.1\r\nSec-WebSocket-Key: abc==\r\nAuthorization: Bearer list-3\r\n\r\n";
        let request = parse(bytes).expect("well formed").expect("complete");
        assert_eq!((request.websocket, request.key), (Some("abc=="), "list-3"));
        let bytes = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let request = parse(bytes).expect("well formed").expect("complete");
        assert_eq!(request.body, Body::Chunked);
    }

    #[test]
    fn what_it_does_not_speak_is_an_error() {
        assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_err());
        assert!(parse(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").is_err());
    }
}
