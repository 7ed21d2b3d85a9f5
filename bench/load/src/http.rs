//! As much of HTTP/1.1 as the clients of the benchmark use.

/// A complete request at the front of a buffer.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) close: bool,
    /// Head and body together: what to drop from the buffer.
    pub(crate) length: usize,
}

/// The request at the front of `bytes`; `Ok(None)` while it is incomplete.
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
        close: false,
        length: head_end + 4,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            request.length += value.parse::<usize>().map_err(|_| "bad content-length")?;
        } else if name.eq_ignore_ascii_case("connection") {
            request.close = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("chunked requests are not served: send a content-length");
        }
    }
    Ok((bytes.len() >= request.length).then_some(request))
}

/// A whole answer with a JSON body.
pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The head of an event stream; the body follows in chunks.
pub(crate) const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
cache-control: no-cache\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let bytes = b"POST /v1/sessions?a=b HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}GET";
        let head = bytes.len() - 5;
        assert!(parse(&bytes[..head]).expect("so far well formed").is_none());
        let request = parse(bytes).expect("well formed").expect("complete");
        assert_eq!(
            (request.method, request.path, request.query),
            ("POST", "/v1/sessions", "a=b")
        );
        assert!(request.close);
        assert_eq!(request.length, bytes.len() - 3);
    }

    #[test]
    fn what_it_does_not_speak_is_an_error() {
        assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_err());
        assert!(parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
