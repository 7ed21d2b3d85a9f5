//! Webhooks, for those who receive them: what the service posts to a session's
//! `webhook_url`, as typed events (docs/spec/agi.md, section 8).
//!
//! The service signs nothing. So [`url()`] adds a token to the address that
//! `create` is given, [`verify`] checks it when a request arrives, [`parse`]
//! reads the body, and a [`Deduplicator`] tells the repeats of a delivery that
//! the service tried again.
//!
//! ```
//! use sessionwire::webhooks::{self, Deduplicator, Kind};
//!
//! # fn example() -> sessionwire::Result<()> {
//! # let secret = "a long random text";
//! # let target = webhooks::url("https://shop.example/hook", secret)?;
//! # let body = br#"{"event": "task.question", "timestamp": "2026-03-04T09:15:40Z",
//! #     "session": {"id": "7c1f"}, "question": "Which colour?"}"#;
//! # let seen = Deduplicator::default();
//! if !webhooks::verify(&target, secret) {
//!     return Ok(()); // answer 401
//! }
//! let event = webhooks::parse(body)?; // an error: answer 400
//! if seen.is_repeat(event.key()) {
//!     return Ok(()); // answer 200
//! }
//! match &event.kind {
//!     Kind::TaskQuestion { question, .. } => println!("{}: {question}", event.session.id),
//!     Kind::Unknown { name } => println!("something new: {name}"),
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```
//!
//! Answer within 5 seconds, and do the work afterwards. Deliveries come in no
//! promised order, and their `session.status` may be stale: read the status
//! again before you act on it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use url::Url;

use crate::agi::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::meaning;

/// Largest body that [`parse`] reads, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// The query parameter that carries the token.
const TOKEN: &str = "token";
/// What the token says. A secret that also serves elsewhere gives nothing away.
const TOKEN_PURPOSE: &[u8] = b"sessionwire webhook token 1";

/// One delivery: what happened, when, in which session.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// What happened, with the fields of its kind.
    pub kind: Kind,
    /// When: ISO 8601 text as it came. Empty only where an unknown kind has none.
    pub timestamp: String,
    /// The session. Its id is empty only where an unknown kind has none.
    pub session: WebhookSession,
    /// Every field that this version does not know, as it came.
    pub extra: Map<String, Value>,
    key: String,
}

/// The session as the service describes it in a webhook.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct WebhookSession {
    /// The session's id.
    pub id: String,
    /// The life-cycle status; in the events of a task it may be stale.
    pub status: String,
    /// The agent that works in it.
    pub agent_name: String,
    /// When it was created: ISO 8601 text as it came.
    pub created_at: Option<String>,
    /// The live view, where the service gives one.
    pub vnc_url: Option<String>,
    /// Every other field.
    pub extra: Map<String, Value>,
}

/// What happened. The names on the wire are those of [`Kind::name`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// `session.created`: right after the creation.
    SessionCreated,
    /// `session.status_changed`: after a pause, resume or cancel, for example.
    SessionStatusChanged {
        /// The status before.
        old_status: String,
        /// The status now.
        new_status: String,
    },
    /// `session.deleted`: the session carries its last status.
    SessionDeleted,
    /// `task.started`: a message started a task.
    TaskStarted {
        /// The message.
        message: String,
    },
    /// `task.completed`: the task ended well.
    TaskCompleted {
        /// How it ended.
        result: Outcome,
    },
    /// `task.question`: the agent waits for an answer.
    TaskQuestion {
        /// The question.
        question: String,
        /// What the agent adds; often empty.
        context: Map<String, Value>,
    },
    /// `task.error`: the task failed.
    TaskError {
        /// What went wrong.
        error: String,
        /// What the service adds; often empty.
        details: Map<String, Value>,
    },
    /// A kind that this version does not know; its fields are in
    /// [`WebhookEvent::extra`].
    Unknown {
        /// Its name on the wire.
        name: String,
    },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// `success`, or a value not known yet.
    pub status: String,
    /// The result for a person.
    pub message: String,
    /// Every other field.
    pub extra: Map<String, Value>,
}

impl Kind {
    /// The kind's name on the wire, such as `task.completed`.
    pub fn name(&self) -> &str {
        match self {
            Self::SessionCreated => "session.created",
            Self::SessionStatusChanged { .. } => "session.status_changed",
            Self::SessionDeleted => "session.deleted",
            Self::TaskStarted { .. } => "task.started",
            Self::TaskCompleted { .. } => "task.completed",
            Self::TaskQuestion { .. } => "task.question",
            Self::TaskError { .. } => "task.error",
            Self::Unknown { name } => name,
        }
    }
}

impl WebhookEvent {
    /// Names this delivery: a repeat of it has the same key, in every process
    /// and language. Made of the event's name, session and timestamp.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// All fields as one JSON object, for language bindings.
    pub fn to_json(&self) -> String {
        let session = &self.session;
        let mut fields = json!({
            "type": self.kind.name(),
            "timestamp": self.timestamp,
            "session": {
                "id": session.id,
                "status": session.status,
                "agent_name": session.agent_name,
                "created_at": session.created_at,
                "vnc_url": session.vnc_url,
                "extra": session.extra,
            },
            "key": self.key,
            "extra": self.extra,
        });
        let own = match &self.kind {
            Kind::SessionStatusChanged {
                old_status,
                new_status,
            } => json!({ "old_status": old_status, "new_status": new_status }),
            Kind::TaskStarted { message } => json!({ "message": message }),
            Kind::TaskCompleted { result } => json!({ "result": {
                "status": result.status, "message": result.message, "extra": result.extra,
            } }),
            Kind::TaskQuestion { question, context } => {
                json!({ "question": question, "context": context })
            }
            Kind::TaskError { error, details } => json!({ "error": error, "details": details }),
            Kind::SessionCreated | Kind::SessionDeleted | Kind::Unknown { .. } => json!({}),
        };
        if let (Value::Object(fields), Value::Object(own)) = (&mut fields, own) {
            fields.extend(own);
        }
        fields.to_string()
    }
}

/// Reads the body of a webhook: UTF-8 JSON of at most [`MAX_BODY`] bytes.
///
/// Unknown kinds and fields pass through. What is not a webhook, or lacks what
/// its kind is documented to have, is an [`ErrorKind::Webhook`].
///
/// # Errors
/// `Webhook` for a body that is no event.
pub fn parse(body: impl AsRef<[u8]>) -> Result<WebhookEvent> {
    parse_with_event_type(body, None)
}

/// The same, with the value of the header `X-Event-Type` where the request has
/// one: it must name the body's event.
///
/// # Errors
/// `Webhook` for a body that is no event.
pub fn parse_with_event_type(
    body: impl AsRef<[u8]>,
    event_type: Option<&str>,
) -> Result<WebhookEvent> {
    let body = body.as_ref();
    if body.len() > MAX_BODY {
        return Err(refused(format!(
            "The body has {} bytes, more than the {MAX_BODY} that a webhook may have",
            body.len()
        )));
    }
    let decoded = meaning::decoded(body);
    if decoded.contains('\u{fffd}')
        && let Err(error) = std::str::from_utf8(body)
    {
        return Err(refused(format!("The body is not UTF-8: {error}")));
    }
    let text = decoded.strip_prefix('\u{feff}').unwrap_or(&decoded);
    if text.trim().is_empty() {
        return Err(refused(
            "The body is empty. Pass the request's raw body, before anything else reads it",
        ));
    }
    // The key is made of the body as it came.
    let plain = meaning::plain(text);
    let mut fields = Fields::read(plain.as_deref().unwrap_or(text))?;
    let name: String = fields
        .take("event")?
        .ok_or_else(|| fields.bad("event", "is missing or null"))?;
    if let Some(header) = event_type.filter(|header| header.trim() != name) {
        return Err(refused(format!(
            "The header X-Event-Type says {:?}, the body says {:?}",
            shortened(header.trim()),
            shortened(&name)
        )));
    }
    let kind = match name.as_str() {
        "session.created" => Kind::SessionCreated,
        "session.status_changed" => Kind::SessionStatusChanged {
            old_status: fields.needed("old_status")?,
            new_status: fields.needed("new_status")?,
        },
        "session.deleted" => Kind::SessionDeleted,
        "task.started" => Kind::TaskStarted {
            message: fields.needed("message")?,
        },
        "task.completed" => Kind::TaskCompleted {
            result: fields.object("result", |mut result| {
                Ok(Outcome {
                    message: result.needed("message")?,
                    status: result.or_default("status"),
                    extra: result.rest(),
                })
            })?,
        },
        "task.question" => Kind::TaskQuestion {
            question: fields.needed("question")?,
            context: fields.or_default("context"),
        },
        "task.error" => Kind::TaskError {
            error: fields.needed("error")?,
            details: fields.or_default("details"),
        },
        _ => Kind::Unknown { name },
    };
    let read_session = |mut session: Fields<'_>| {
        let AnId(id) = session.needed("id")?;
        if id.as_deref() == Some("") {
            return Err(session.bad("id", "is empty"));
        }
        Ok(WebhookSession {
            id: id.unwrap_or_default(),
            status: session.or_default("status"),
            agent_name: session.or_default("agent_name"),
            created_at: session.or_default("created_at"),
            vnc_url: session.or_default("vnc_url"),
            extra: session.rest(),
        })
    };
    let (timestamp, session) = if matches!(kind, Kind::Unknown { .. }) {
        // What is not known may be built otherwise: what does not fit stays in
        // `extra`.
        let session = fields.try_object("session", read_session);
        (fields.try_take("timestamp"), session.unwrap_or_default())
    } else {
        let timestamp: Option<String> = fields.needed("timestamp")?;
        if timestamp.as_deref() == Some("") {
            return Err(fields.bad("timestamp", "is empty"));
        }
        let timestamp = timestamp.unwrap_or_default();
        (timestamp, fields.object("session", read_session)?)
    };
    let key = key(kind.name(), &session.id, &timestamp, text);
    Ok(WebhookEvent {
        kind,
        timestamp,
        session,
        extra: fields.rest(),
        key,
    })
}

/// The spec's key of a delivery, in a form of fixed length; of the whole body
/// where a part is missing.
fn key(name: &str, session_id: &str, timestamp: &str, body: &str) -> String {
    let parts = [name, session_id, timestamp];
    let named = if parts.iter().all(|part| !part.is_empty()) {
        json!(parts).to_string()
    } else {
        body.to_owned()
    };
    let hash = digest::digest(&digest::SHA256, named.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..18])
}

/// A JSON object that is taken apart field by field.
struct Fields<'a> {
    /// For errors: `session.` within the session.
    place: &'a str,
    fields: HashMap<String, &'a RawValue>,
    /// In the order of the wire.
    order: Vec<String>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self> {
        // Only this tells a text that is no JSON from JSON of another kind.
        let whole: &RawValue = serde_json::from_str(text)
            .map_err(|error| refused(format!("The body is not JSON: {error}")))?;
        Self::of(whole, "").ok_or_else(|| {
            refused(format!(
                "The body is {}, not a JSON object",
                kind_of(whole.get())
            ))
        })
    }

    fn of(object: &'a RawValue, place: &'a str) -> Option<Self> {
        let Members { fields, order } = serde_json::from_str(object.get()).ok()?;
        Some(Self {
            place,
            fields,
            order,
        })
    }

    /// A field that must be there. One of another type than documented stays.
    fn needed<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T> {
        if self.lacks(name) {
            return Err(self.bad(name, "is missing or null"));
        }
        Ok(self.try_take(name))
    }

    /// A field that may be missing or null. One of another type stays.
    fn or_default<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        if self.lacks(name) {
            self.fields.remove(name);
            return T::default();
        }
        self.try_take(name)
    }

    /// Whether a field is missing or null.
    fn lacks(&self, name: &str) -> bool {
        self.fields.get(name).is_none_or(|raw| raw.get() == "null")
    }

    /// A field if it is what is expected; else it stays.
    fn try_take<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let taken = self
            .fields
            .get(name)
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        taken.map_or_else(T::default, |value| {
            self.fields.remove(name);
            value
        })
    }

    /// A field; none where it is missing or null.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(raw) = self.fields.remove(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get())
            .map_err(|_| self.bad(name, &format!("cannot be {}", kind_of(raw.get()))))
    }

    /// An object that must be there. What is none stays.
    fn object<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Fields<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.lacks(name) {
            return Err(self.bad(name, "is missing or null"));
        }
        let object = self.fields.get(name).and_then(|raw| Fields::of(raw, name));
        match object {
            Some(fields) => {
                let found = read(fields)?;
                self.fields.remove(name);
                Ok(found)
            }
            None => Ok(T::default()),
        }
    }

    /// An object if it is what is expected; else it stays.
    fn try_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Fields<'_>) -> Result<T>,
    ) -> Option<T> {
        let found = read(Fields::of(self.fields.get(name)?, name)?).ok()?;
        self.fields.remove(name);
        Some(found)
    }

    /// What nobody took.
    fn rest(mut self) -> Map<String, Value> {
        let order = std::mem::take(&mut self.order);
        let mut rest = Map::new();
        for name in order {
            if let Some(raw) = self.fields.remove(&name) {
                rest.insert(name, serde_json::from_str(raw.get()).unwrap_or_default());
            }
        }
        rest
    }

    fn bad(&self, name: &str, why: &str) -> Error {
        let dot = if self.place.is_empty() { "" } else { "." };
        refused(format!(
            "The field `{}{dot}{}` {why}",
            self.place,
            shortened(name)
        ))
    }
}

/// An id: a text, or a whole number as text.
#[derive(Default)]
struct AnId(Option<String>);

impl<'de> Deserialize<'de> for AnId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(Some(text))),
            Value::Number(number) if !number.is_f64() => Ok(Self(Some(number.to_string()))),
            _ => Err(D::Error::custom("no id")),
        }
    }
}

/// The members of a JSON object; of two with one name the last counts.
#[derive(Default)]
struct Members<'a> {
    fields: HashMap<String, &'a RawValue>,
    order: Vec<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if members.fields.insert(name.clone(), value).is_none() {
                        members.order.push(name);
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What a JSON text is, by its first character.
fn kind_of(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// What somebody sent must not fill an error's text.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Webhook, why)
}

/// The address to give to `create` as `webhook_url`: `base` with a token that
/// only who knows `secret` can make. Give the same secret to [`verify`].
///
/// The token is derived from the secret, which itself goes nowhere. Use https
/// outside of tests: who sees the address can post to it. An address that has a
/// token gets the new one.
///
/// # Errors
///
/// [`ErrorKind::InvalidRequest`]: `base` is not a web address, the result has
/// more than 2,000 characters, or the secret is empty.
pub fn url(base: &str, secret: &str) -> Result<String> {
    validate::web_url("base", base)?;
    let token = token(secret)?;
    let mut url = Url::parse(base).map_err(|error| Error::invalid(format!("`base`: {error}")))?;
    let others: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name != TOKEN)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let had_token = url.query_pairs().any(|(name, _)| name == TOKEN);
    if had_token {
        // Only then: rewriting a query may change how it is written.
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    url.query_pairs_mut().append_pair(TOKEN, &token);
    let url = String::from(url);
    validate::web_url("base", &url)?;
    Ok(url)
}

/// Whether a request came to an address that [`url()`] made with this secret.
///
/// `url_or_token` is the address of the request, in full or from its path on, or
/// the value of the query parameter `token` alone. The comparison takes the
/// same time wherever a wrong token differs. To change the secret, accept the
/// old one too for as long as sessions with it live. An empty secret is never
/// right.
pub fn verify(url_or_token: &str, secret: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let found = match url_or_token.split_once('?') {
        Some((_, query)) => {
            let query = query.split('#').next().unwrap_or_default();
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == TOKEN)
                .map(|(_, token)| token.into_owned())
        }
        None => Some(url_or_token.to_owned()),
    };
    found
        .and_then(|token| URL_SAFE_NO_PAD.decode(token).ok())
        .is_some_and(|token| hmac::verify(&signing_key(secret), TOKEN_PURPOSE, &token).is_ok())
}

fn token(secret: &str) -> Result<String> {
    if secret.is_empty() {
        return Err(Error::invalid(
            "`secret` is empty. Make a long random text once and keep it as you keep the API key",
        ));
    }
    Ok(URL_SAFE_NO_PAD.encode(hmac::sign(&signing_key(secret), TOKEN_PURPOSE)))
}

fn signing_key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

/// Remembers deliveries, to tell their repeats: the service tries a delivery up
/// to 3 times within 30 seconds when it got no answer in time, and may send one
/// twice. Bounded: the oldest are forgotten first. For any number of threads.
#[derive(Debug)]
pub struct Deduplicator {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<String>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl Deduplicator {
    /// How many deliveries [`Deduplicator::default`] remembers.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// Remembers so many deliveries, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            seen: Mutex::default(),
        }
    }

    /// Whether a delivery with this [key](WebhookEvent::key) came before;
    /// remembers it.
    pub fn is_repeat(&self, key: &str) -> bool {
        let mut seen = self.seen();
        if !seen.keys.insert(key.to_owned()) {
            return true;
        }
        seen.order.push_back(key.to_owned());
        if seen.order.len() > self.capacity
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.keys.remove(&oldest);
        }
        false
    }

    /// Forgets a delivery that could not be worked on, so that its repeat gets
    /// a chance.
    pub fn forget(&self, key: &str) {
        let mut seen = self.seen();
        if seen.keys.remove(key) {
            seen.order.retain(|other| other != key);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Deduplicator {
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}
