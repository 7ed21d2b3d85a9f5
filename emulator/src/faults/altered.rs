//! A response that is changed: its headers, its body, and what becomes of the connection after it.

use super::place::Putting;
use crate::connection::{Break, Connection};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Which body comes in the place of the response's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyAs {
    /// None.
    Empty,
    /// A web page, as proxies and sign-in pages answer.
    Html,
    /// The first half of its own.
    Half,
    /// Its own behind a byte-order mark.
    ByteOrderMark,
    /// Its own with a byte that is no UTF-8 in the middle of it.
    NotUtf8,
    /// A gzip file of blanks that becomes as large as `inflates_to` says.
    GzipBomb,
}

/// What becomes of a connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is closed with a FIN.
    Close,
    /// It stays open, and nothing that comes on it is read or answered.
    Silence,
}

/// What a fault does to one response.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AnswerFault {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) drop_headers: Vec<HeaderName>,
    pub(super) body: Option<NewBody>,
    pub(super) putting: Option<Putting>,
    pub(super) then: Option<Then>,
}

/// The body that comes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NewBody {
    Of(BodyAs),
    Bomb(Bytes),
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to go on</h1></body></html>\n";

impl AnswerFault {
    /// Whether the response stays as it is.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a response. A stream keeps its body unless another one comes in its place.
    pub(crate) async fn apply(&self, response: Response, connection: &Connection) -> Response {
        let (mut head, body) = response.into_parts();
        let is_stream = head.status == StatusCode::SWITCHING_PROTOCOLS
            || head
                .headers
                .get(header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body = if self.body.is_none() && (is_stream || !self.reads_body()) {
            body
        } else {
            if self.body.is_some() {
                self.name_body(&mut head.headers);
            }
            head.headers.remove(header::CONTENT_LENGTH);
            let body = self
                .changed(if is_stream { Body::empty() } else { body })
                .await;
            self.ending(body, connection)
        };
        for name in &self.drop_headers {
            head.headers.remove(name);
        }
        for (name, value) in &self.headers {
            head.headers.insert(name, value.clone());
        }
        Response::from_parts(head, body)
    }

    fn reads_body(&self) -> bool {
        self.putting.is_some() || self.then.is_some()
    }

    /// The headers of the new body.
    fn name_body(&self, headers: &mut axum::http::HeaderMap) {
        match &self.body {
            Some(NewBody::Of(BodyAs::Empty)) => {
                headers.remove(header::CONTENT_TYPE);
            }
            Some(NewBody::Of(BodyAs::Html)) => {
                let kind = HeaderValue::from_static("text/html; charset=utf-8");
                headers.insert(header::CONTENT_TYPE, kind);
            }
            Some(NewBody::Bomb(_)) => {
                let encoding = HeaderValue::from_static("gzip");
                headers.insert(header::CONTENT_ENCODING, encoding);
            }
            _ => {}
        }
    }

    async fn changed(&self, body: Body) -> Bytes {
        let own = match &self.body {
            Some(NewBody::Bomb(bytes)) => return bytes.clone(),
            Some(NewBody::Of(BodyAs::Empty)) => return Bytes::new(),
            Some(NewBody::Of(BodyAs::Html)) => return Bytes::from_static(PAGE.as_bytes()),
            // The emulator's own bodies are in memory.
            _ => match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::new(),
            },
        };
        let half = own.len() / 2;
        match &self.body {
            Some(NewBody::Of(BodyAs::Half)) => own.slice(..half),
            Some(NewBody::Of(BodyAs::ByteOrderMark)) => [b"\xef\xbb\xbf", &*own].concat().into(),
            Some(NewBody::Of(BodyAs::NotUtf8)) => {
                [&own[..half], b"\xff", &own[half..]].concat().into()
            }
            _ => self.put_in(own),
        }
    }

    fn put_in(&self, own: Bytes) -> Bytes {
        let text = std::str::from_utf8(&own).ok();
        let changed = self
            .putting
            .as_ref()
            .zip(text)
            .and_then(|(putting, text)| putting.apply(text));
        changed.map_or(own, Bytes::from)
    }

    /// The body, after which the connection obeys `then`.
    fn ending(&self, bytes: Bytes, connection: &Connection) -> Body {
        match self.then {
            None => Body::from(bytes),
            Some(then) if bytes.is_empty() => {
                order(then, connection);
                Body::empty()
            }
            Some(then) => Body::new(Last {
                bytes: Some(bytes),
                then,
                connection: connection.clone(),
            }),
        }
    }
}

fn order(then: Then, connection: &Connection) {
    match then {
        Then::Close => connection.break_after_flush(Break::Close),
        Then::Silence => connection.fall_silent(),
    }
}

/// The last body on a connection. Its only piece gives the order: what was written is sent before a break.
struct Last {
    bytes: Option<Bytes>,
    then: Then,
    connection: Connection,
}

impl http_body::Body for Last {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let bytes = self.bytes.take();
        if bytes.is_some() {
            order(self.then, &self.connection);
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}
