//! The response that a fault sends in place of the real one.

use super::effect::{CannedResponse, Replacement};
use super::endpoint::Endpoint;
use super::fault::Fault;
use axum::http::HeaderValue;
use serde_json::{Value, json};

impl Fault {
    pub(super) fn replacement(&self) -> Result<Option<Replacement>, String> {
        let given: Vec<&str> = [
            (self.status.is_some() && self.redirect.is_none(), "status"),
            (self.limit.is_some(), "limit"),
            (self.redirect.is_some(), "redirect"),
            (self.deleted.is_some(), "deleted"),
            (self.reset, "reset"),
            (self.hang, "hang"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect();
        if let [one, other, ..] = given[..] {
            return Err(format!(
                "`{one}` and `{other}` exclude one another: choose one"
            ));
        }
        if self.body.is_some() && (self.status.is_none() || self.redirect.is_some()) {
            return Err("`body` belongs to an answer: add `status`".to_owned());
        }
        if self.retry_after.is_some() && self.limit.is_none() {
            return Err(
                "`retry_after` belongs to `limit`; beside `status` write headers={\"Retry-After\": \"1\"}".to_owned(),
            );
        }
        if self.reset {
            return Ok(Some(Replacement::Reset));
        }
        if self.hang {
            return Ok(Some(Replacement::Hang));
        }
        if let Some(target) = &self.redirect {
            return self.redirect_to(target).map(Some);
        }
        if let Some(limit) = self.limit {
            return self.limit_response(limit).map(Some);
        }
        if let Some(deleted) = self.deleted {
            return self.deletion(deleted).map(Some);
        }
        match self.status {
            // Beyond its limit of a minute it is refused as the service does it, where nothing else is said.
            None if self.per_minute.is_some() && !self.says_more() => {
                self.limit_response(429).map(Some)
            }
            None => Ok(None),
            Some(status) if (200..=599).contains(&status) => {
                Ok(Some(self.canned(status, self.body.clone())))
            }
            Some(status) => Err(format!("`status` is {status}; it must be from 200 to 599")),
        }
    }

    /// Whether it has an action beside its conditions.
    fn says_more(&self) -> bool {
        let bare = Self {
            times: self.times,
            skip: self.skip,
            session_id: self.session_id.clone(),
            key: self.key.clone(),
            header: self.header.clone(),
            task: self.task.clone(),
            every: self.every,
            chance: self.chance,
            seed: self.seed,
            starts_after: self.starts_after,
            lasts: self.lasts,
            per_minute: self.per_minute,
            ..Self::new(self.on)
        };
        *self != bare
    }

    fn canned(&self, status: u16, body: Option<Value>) -> Replacement {
        Replacement::Canned(CannedResponse {
            status,
            headers: self.headers.clone(),
            body,
        })
    }

    fn redirect_to(&self, target: &str) -> Result<Replacement, String> {
        let status = self.status.unwrap_or(307);
        if ![301, 302, 303, 307, 308].contains(&status) {
            return Err(format!(
                "`status` is {status}; beside `redirect` it is 301, 302, 303, 307 or 308"
            ));
        }
        let known = ["/", "{path}", "http://", "https://"];
        if !known.iter().any(|start| target.starts_with(start))
            || HeaderValue::try_from(target).is_err()
        {
            return Err(
                "`redirect` is an address, a path that begins with `/`, or {path} for a loop"
                    .to_owned(),
            );
        }
        let response = CannedResponse {
            status,
            headers: self.headers.clone(),
            body: Some(Value::String(String::new())),
        };
        Ok(Replacement::Redirect {
            response,
            target: target.to_owned(),
        })
    }

    fn limit_response(&self, limit: u16) -> Result<Replacement, String> {
        let wait = match limit {
            429 => Some(self.retry_after.unwrap_or(1)),
            503 => self.retry_after,
            _ => {
                return Err(format!(
                    "`limit` is {limit}; the service answers 429 or 503"
                ));
            }
        };
        let mut headers = self.headers.clone();
        for name in self.on.wait_headers() {
            if let Some(seconds) = wait {
                headers.insert((*name).to_owned(), seconds.to_string());
            }
        }
        Ok(Replacement::Canned(CannedResponse {
            status: limit,
            headers,
            body: Some(json!({ "detail": "Rate limit exceeded" })),
        }))
    }

    fn deletion(&self, deleted: bool) -> Result<Replacement, String> {
        let text = match (self.on, deleted) {
            (Endpoint::Delete, true) => "Session deleted successfully",
            (Endpoint::Delete, false) => "Session not found",
            (Endpoint::DeleteAll, true) => "Sessions deleted successfully",
            (Endpoint::DeleteAll, false) => "No sessions to delete",
            _ => {
                return Err(
                    "`deleted` is the answer of a deletion: use it on delete or delete_all"
                        .to_owned(),
                );
            }
        };
        let body = json!({ "success": true, "deleted": deleted, "message": text });
        Ok(self.canned(200, Some(body)))
    }
}
