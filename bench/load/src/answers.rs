//! The small JSON answers, whole and ready to send.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::events::Spec;
use crate::http::{Request, json};

/// Size of the screenshot's JSON body.
const SCREENSHOT_JSON: usize = 300 * 1024;

/// The answers that are the same for every session.
#[derive(Debug)]
pub(crate) struct Answers {
    session: Vec<u8>,
    status: Vec<u8>,
    sent: Vec<u8>,
    deleted: Vec<u8>,
    list: Vec<u8>,
    screenshot: Vec<u8>,
    not_found: Vec<u8>,
}

/// What to send for a request.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    Ready(&'a [u8]),
    Built(Vec<u8>),
    Stream(Spec),
    Turn(Spec, &'a str),
    Upload,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let session = r#"{"session_id": "n1000-s120-each", "vnc_url": null, "agent_name": "agi-0", "status": "ready", "created_at": "2026-03-04T09:15:27.418Z"}"#;
        Self {
            session: json("200 OK", session),
            status: json("200 OK", r#"{"status": "finished"}"#),
            sent: json(
                "200 OK",
                r#"{"success": true, "message": "Message sent successfully"}"#,
            ),
            deleted: json(
                "200 OK",
                r#"{"success": true, "deleted": true, "message": "Session deleted successfully"}"#,
            ),
            list: json("200 OK", &format!("[{session}]")),
            screenshot: json("200 OK", &screenshot()),
            not_found: json(
                "404 Not Found",
                r#"{"detail": "The load server has no such endpoint"}"#,
            ),
        }
    }

    pub(crate) fn to<'a>(&'a self, request: &Request<'a>, body: &[u8]) -> Answer<'a> {
        match (request.method, request.path) {
            ("PUT", "/media/upload") => return Answer::Upload,
            ("POST", "/sessions/new") => return started(body),
            ("GET", path) if path.starts_with("/ws/sessions/") => {
                return turn(request);
            }
            _ => {}
        }
        let Some(rest) = request.path.strip_prefix("/v1/sessions") else {
            return Answer::Ready(&self.not_found);
        };
        let (id, end) = rest
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((rest.trim_start_matches('/'), ""));
        Answer::Ready(match (request.method, id, end) {
            ("GET", "", "") => match request.key.strip_prefix("list-").map(str::parse) {
                Some(Ok(count)) => return Answer::Built(list(count)),
                _ => &self.list,
            },
            ("POST", "", "") | ("GET", _, "") => &self.session,
            ("DELETE", _, "") => &self.deleted,
            ("POST", _, "message") => &self.sent,
            ("GET", _, "status") => &self.status,
            ("GET", _, "screenshot") => &self.screenshot,
            ("GET", _, "messages") => return messages(id, request.query),
            ("GET", _, "events") => return stream(id, request.query),
            _ => &self.not_found,
        })
    }
}

/// So many sessions.
fn list(count: usize) -> Vec<u8> {
    let sessions: Vec<String> = (1..=count)
        .map(|number| {
            format!(
                r#"{{"session_id": "s{number:09}", "vnc_url": null, "agent_name": "agi-0", "status": "ready", "created_at": "2026-03-04T09:15:27.418Z"}}"#
            )
        })
        .collect();
    json("200 OK", &format!("[{}]", sessions.join(", ")))
}

/// A turn whose prompt says what comes; the message's id says it again to the WebSocket.
fn started(body: &[u8]) -> Answer<'static> {
    let body = String::from_utf8_lossy(body);
    let prompt = body
        .split_once("\"prompt\"")
        .and_then(|(_, rest)| rest.split('"').nth(1))
        .unwrap_or_default();
    Answer::Built(match prompt.parse::<Spec>() {
        Ok(_) => json(
            "200 OK",
            &format!(
                r#"{{"session_id": "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415", "workflow_id": "wf_1", "status": "running", "message": "Turn accepted", "queue_position": 0, "user_message_id": "u", "agent_message_id": "{prompt}"}}"#
            ),
        ),
        Err(error) => unusable(&error.to_string()),
    })
}

fn turn<'a>(request: &Request<'a>) -> Answer<'a> {
    let message = parameter(request.query, "message_id").unwrap_or_default();
    match (message.parse(), request.websocket) {
        (Ok(spec), Some(key)) => Answer::Turn(spec, key),
        (Err(error), _) => Answer::Built(unusable(&error.to_string())),
        (_, None) => Answer::Built(unusable("no Sec-WebSocket-Key")),
    }
}

/// The answer to an upload whose file had so many bytes.
pub(crate) fn uploaded(size: usize) -> Vec<u8> {
    json(
        "200 OK",
        &format!(
            r#"{{"key": "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415/file", "size": {size}, "contentType": "application/octet-stream", "filename": "file", "uploadedAt": "2026-03-04T09:15:20Z"}}"#
        ),
    )
}

fn unusable(why: &str) -> Vec<u8> {
    json(
        "422 Unprocessable Entity",
        &format!(r#"{{"detail": {why:?}}}"#),
    )
}

/// `?stream=n10-s120-each` wins over the session id, for clients whose id is fixed.
fn stream(id: &str, query: &str) -> Answer<'static> {
    match parameter(query, "stream").unwrap_or(id).parse() {
        Ok(spec) => Answer::Stream(spec),
        Err(error) => Answer::Built(unusable(&error.to_string())),
    }
}

/// The `done` of the session's stream as its only message, unless the caller has it already.
fn messages(id: &str, query: &str) -> Answer<'static> {
    let done = id.parse::<Spec>().map_or(1, |spec| spec.events + 1);
    let seen: u64 = parameter(query, "after_id")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let message = if done > seen {
        format!(
            r#"{{"id": {done}, "type": "DONE", "content": {{"price": 129}}, "timestamp": "2026-03-04T09:16:02.001Z"}}"#
        )
    } else {
        String::new()
    };
    Answer::Built(json(
        "200 OK",
        &format!(r#"{{"messages": [{message}], "status": "finished", "has_agent": true}}"#),
    ))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A JPEG header (1280 x 720) and filler, as the service wraps it.
fn screenshot() -> String {
    let head: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0,
        0xff, 0xc0, 0x00, 0x11, 8, 0x02, 0xd0, 0x05, 0x00, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0,
        0xff, 0xda, 0x00, 0x0c, 3, 1, 0, 2, 0, 3, 0, 0, 0x3f, 0,
    ];
    let mut image = head.to_vec();
    let filler = (0u32..).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8);
    image.extend(filler.take(SCREENSHOT_JSON / 4 * 3 - 150 - head.len()));
    image.extend_from_slice(&[0xff, 0xd9]);
    let image = STANDARD.encode(image);
    format!(
        r#"{{"screenshot": "data:image/jpeg;base64,{image}", "url": "https://shop.example/cart", "title": "Your cart"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(path: &str, query: &str) -> String {
        let request = Request {
            method: "GET",
            path,
            query,
            ..Request::default()
        };
        told(&request, b"")
    }

    fn told(request: &Request<'_>, body: &[u8]) -> String {
        let answers = Answers::new();
        let bytes = match answers.to(request, body) {
            Answer::Ready(bytes) => bytes.to_vec(),
            Answer::Built(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.split_once("\r\n\r\n")
            .expect("head and body")
            .1
            .to_owned()
    }

    #[test]
    fn the_done_message_has_the_id_of_the_streams_done_and_is_given_once() {
        assert!(
            body("/v1/sessions/n5-s120-each/messages", "").contains(r#""id": 6, "type": "DONE""#)
        );
        assert!(
            body(
                "/v1/sessions/n5-s120-each/messages",
                "sanitize=true&after_id=6"
            )
            .contains(r#""messages": []"#)
        );
    }

    #[test]
    fn the_screenshot_is_about_300_kilobytes_and_says_it_is_a_jpeg() {
        let body = body("/v1/sessions/x/screenshot", "");
        assert!(body.starts_with(r#"{"screenshot": "data:image/jpeg;base64,/9j/4AAQSkZJRg"#));
        assert!(
            (SCREENSHOT_JSON - 200..=SCREENSHOT_JSON + 200).contains(&body.len()),
            "{}",
            body.len()
        );
    }

    #[test]
    fn the_key_says_how_many_sessions_the_list_has() {
        let request = Request {
            method: "GET",
            path: "/v1/sessions",
            key: "list-12",
            ..Request::default()
        };
        let list = told(&request, b"");
        assert_eq!(list.matches("session_id").count(), 12);
        assert!(list.contains("s000000012"));
    }

    #[test]
    fn the_prompt_becomes_the_messages_id() {
        let request = Request {
            method: "POST",
            path: "/sessions/new",
            ..Request::default()
        };
        let answer = told(&request, br#"{"mode": "auto", "prompt": "n7-s120-each"}"#);
        assert!(answer.contains(r#""agent_message_id": "n7-s120-each""#));
        let answer = told(&request, br#"{"prompt": "Hello"}"#);
        assert!(answer.contains("n<events>-s<"));
    }

    #[test]
    fn a_session_id_that_names_no_stream_says_how_to_name_one() {
        assert!(body("/v1/sessions/abc/events", "").contains("n<events>-s<"));
    }
}
