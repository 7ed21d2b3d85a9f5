//! How a fault changes a response.

use super::altered::{AnswerFault, BodyAs, NewBody};
use super::bomb;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::place::Putting;
use axum::http::{HeaderName, HeaderValue};

/// The size of a bomb when none is given: 1 GiB.
const INFLATED: u64 = 1 << 30;
/// The largest: 64 GiB.
const LARGEST: u64 = 1 << 36;

impl Fault {
    pub(super) fn answer_fault(&self) -> Result<AnswerFault, String> {
        if self.at.is_some() && self.put.is_none() {
            return Err("`at` says where `put` acts: add that".to_owned());
        }
        if self.inflates_to.is_some() && self.body_as != Some(BodyAs::GzipBomb) {
            return Err("`inflates_to` belongs to body_as=gzip_bomb: add that".to_owned());
        }
        if self.put.is_some() && self.body_as.is_some() {
            return Err("`put` and `body_as` exclude one another: choose one".to_owned());
        }
        if !self.set.is_empty() && self.body_as.is_some() {
            return Err("`set` and `body_as` exclude one another: choose one".to_owned());
        }
        let is_stream = matches!(self.on, Endpoint::Events | Endpoint::Socket);
        let refused = self.is_refused();
        if self.then.is_some() && is_stream && !refused {
            return Err(
                "`then` is what comes after an answer; a stream has `close_after` and `silence_after`".to_owned(),
            );
        }
        if self.body_as.is_some() && self.is_open_socket() {
            return Err(
                "`body_as` belongs to an answer, and a WebSocket that opens has none: add `status`"
                    .to_owned(),
            );
        }
        Ok(AnswerFault {
            headers: self.added_headers()?,
            drop_headers: self.dropped_headers()?,
            body: self.new_body()?,
            putting: if is_stream && !refused {
                None
            } else {
                self.putting()?
            },
            then: self.then,
        })
    }

    /// What is put into JSON.
    pub(super) fn putting(&self) -> Result<Option<Putting>, String> {
        let place = self.at.as_deref().unwrap_or_default();
        let put = self.put.clone();
        let put = put.map(|put| Putting::new(put, place)).transpose()?;
        Putting::with_values(put, &self.set)
    }

    fn added_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let parse = |(name, value): (&String, &String)| {
            let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
            match parsed {
                (Ok(name), Ok(value)) => Ok((name, value)),
                _ => Err(format!("`{name}` in `headers` is not a valid HTTP header")),
            }
        };
        self.headers.iter().map(parse).collect()
    }

    fn dropped_headers(&self) -> Result<Vec<HeaderName>, String> {
        let parse = |name: &String| {
            HeaderName::try_from(name).map_err(|_| {
                format!("`{name}` in `drop_headers` is not the name of an HTTP header")
            })
        };
        self.drop_headers.iter().map(parse).collect()
    }

    fn new_body(&self) -> Result<Option<NewBody>, String> {
        let size = self.inflates_to.unwrap_or(INFLATED);
        if size > LARGEST {
            return Err(format!(
                "`inflates_to` is a number of bytes, at most {LARGEST}"
            ));
        }
        Ok(match self.body_as {
            None => None,
            Some(BodyAs::GzipBomb) => Some(NewBody::Bomb(bomb::gzip(size)?)),
            Some(kind) => Some(NewBody::Of(kind)),
        })
    }
}
