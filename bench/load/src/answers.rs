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

    pub(crate) fn to(&self, request: &Request<'_>) -> Answer<'_> {
        let Some(rest) = request.path.strip_prefix("/v1/sessions") else {
            return Answer::Ready(&self.not_found);
        };
        let (id, end) = rest
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((rest.trim_start_matches('/'), ""));
        Answer::Ready(match (request.method, id, end) {
            ("GET", "", "") => &self.list,
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

/// `?stream=n10-s120-each` wins over the session id, for clients whose id is fixed.
fn stream(id: &str, query: &str) -> Answer<'static> {
    match parameter(query, "stream").unwrap_or(id).parse() {
        Ok(spec) => Answer::Stream(spec),
        Err(error) => Answer::Built(json(
            "422 Unprocessable Entity",
            &format!(r#"{{"detail": {:?}}}"#, error.to_string()),
        )),
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
            close: false,
            length: 0,
        };
        let answers = Answers::new();
        let bytes = match answers.to(&request) {
            Answer::Ready(bytes) => bytes.to_vec(),
            Answer::Built(bytes) => bytes,
            Answer::Stream(spec) => panic!("{spec:?}"),
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
    fn a_session_id_that_names_no_stream_says_how_to_name_one() {
        assert!(body("/v1/sessions/abc/events", "").contains("n<events>-s<"));
    }
}
