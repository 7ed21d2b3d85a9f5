//! Sends the requests of a recording again.

use super::drift::{Drift, DriftKind, Verification, of_answer, of_events};
use super::stream::{self, Came};
use crate::clock::new_uuid;
use crate::recorder;
use crate::scenario::{Exchange, Outcome, Shape, Standing};
use crate::sync::lock;
use crate::web;
use axum::http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

/// How often a session is asked how it stands.
const LOOK: Duration = Duration::from_millis(250);
/// How long a stream that the recorded client left early is read.
const LEFT: Duration = Duration::from_secs(10);
/// How long one request may take until its answer begins.
const ANSWER: Duration = Duration::from_secs(120);

/// The service that is asked.
#[derive(Clone)]
#[non_exhaustive]
pub struct Target {
    /// The address of AGI, with or without `/v1`.
    pub agi: String,
    /// The address of Raccoon.
    pub raccoon: String,
    /// The key for AGI.
    pub agi_key: String,
    /// The key for Raccoon.
    pub raccoon_key: String,
    /// How long a task may take.
    pub patience: Duration,
}

impl Target {
    /// One address and key for both services, with five minutes for a task.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        Self {
            agi: url.to_owned(),
            raccoon: url.to_owned(),
            agi_key: key.to_owned(),
            raccoon_key: key.to_owned(),
            patience: Duration::from_secs(300),
        }
    }
}

/// Without the keys.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("agi", &self.agi)
            .field("raccoon", &self.raccoon)
            .finish_non_exhaustive()
    }
}

/// Why nothing could be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The scenario was not made by the recorder.
    NothingRecorded,
    /// It has nothing that is sent again; why not.
    NothingToAsk(&'static str),
    /// An address is none.
    Address(String),
    /// The service was not reached.
    Unreachable(String),
    /// The service refuses the key.
    Refused(String),
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NothingRecorded => f.write_str(
                "The scenario has no `recorded` requests: only one that `sessionwire record --to` wrote can be verified. Record it anew",
            ),
            Self::NothingToAsk(why) => write!(
                f,
                "Nothing of the recording is asked again: {why}. Record it anew, with requests that succeed"
            ),
            Self::Address(why) | Self::Unreachable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for VerifyError {}

/// Asks `target` what was recorded, and compares the answers.
///
/// # Errors
/// When nothing was recorded, or the service cannot be used at all.
pub async fn verify(recorded: &[Exchange], target: &Target) -> Result<Verification, VerifyError> {
    if recorded.is_empty() {
        return Err(VerifyError::NothingRecorded);
    }
    if let Some(why) = recorded.iter().map(left_out).collect::<Option<Vec<_>>>() {
        return Err(VerifyError::NothingToAsk(why[0]));
    }
    let address = |text: &str| {
        let found = recorder::origin(text);
        found.map_err(|error| VerifyError::Address(error.to_string()))
    };
    let (agi, raccoon) = (address(&target.agi)?, address(&target.raccoon)?);
    let direct = [&agi, &raccoon].map(web::is_loopback).contains(&true);
    let mut player = Player {
        client: web::relay(direct).map_err(VerifyError::Address)?,
        target,
        agi,
        raccoon,
        sessions: HashMap::new(),
        streams: Vec::new(),
        accepted: [false; 2],
        outcomes: Vec::new(),
        found: Verification::default(),
    };
    let mut outcome = Ok(());
    for (index, exchange) in recorded.iter().enumerate() {
        outcome = player.play(index, exchange, recorded).await;
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        player.end_streams(None, recorded).await;
        outcome = player.end_tasks(recorded).await;
    }
    player.clean_up().await;
    outcome.map(|()| player.found)
}

struct Player<'a> {
    client: reqwest::Client,
    target: &'a Target,
    agi: Url,
    raccoon: Url,
    sessions: HashMap<u32, Live>,
    streams: Vec<Reading>,
    /// Whether AGI and Raccoon took the key.
    accepted: [bool; 2],
    /// Tasks that ended otherwise: the request that began each, and how.
    outcomes: Vec<(usize, String)>,
    found: Verification,
}

/// The session that stands for one of the recording.
struct Live {
    id: String,
    is_agi: bool,
    message_id: Option<String>,
    /// Nobody made it: there is nothing to delete.
    is_missing: bool,
    /// The request that began its task, and how that ended; until that was compared.
    expects: Option<(usize, Outcome)>,
    /// Why its task comes no further: nobody waits for that twice.
    stuck: Option<String>,
}

impl Live {
    fn new(id: String, is_agi: bool) -> Self {
        Self {
            id,
            is_agi,
            message_id: None,
            is_missing: false,
            expects: None,
            stuck: None,
        }
    }
}

/// A stream that is read meanwhile.
struct Reading {
    exchange: usize,
    session: Option<u32>,
    came: Came,
    work: JoinHandle<()>,
}

impl Player<'_> {
    async fn play(
        &mut self,
        index: usize,
        exchange: &Exchange,
        recorded: &[Exchange],
    ) -> Result<(), VerifyError> {
        if let Some(why) = left_out(exchange) {
            self.note(exchange, why);
            return Ok(());
        }
        let (method, template) = exchange.request.split_once(' ').unwrap_or(("GET", ""));
        let is_agi = template.starts_with("/v1/");
        let creates = matches!(
            exchange.request.as_str(),
            "POST /v1/sessions" | "POST /sessions/new"
        );
        if let Some(number) = exchange.session {
            let is_known = self.sessions.contains_key(&number) || creates && is_agi;
            if !is_known {
                // One that was not there then is asked for by an id that nobody has.
                self.begin(number, is_agi, exchange.status == 404).await?;
            }
            if let Some(when) = exchange.when {
                let stuck = self
                    .sessions
                    .get(&number)
                    .and_then(|live| live.stuck.clone());
                let stands = match stuck {
                    Some(why) => Err(why),
                    None => self.stands(number, when, recorded).await,
                };
                if let Err(why) = stands {
                    let skipped =
                        Drift::whole(exchange, DriftKind::Skipped, None, Some(why.clone()));
                    self.found.drifts.push(skipped);
                    if let Some(live) = self.sessions.get_mut(&number) {
                        live.stuck = Some(why);
                    }
                    return Ok(());
                }
            }
        }
        let request = self.request(method, template, exchange);
        let (request, is_agi) = request;
        let response = self.send(request, is_agi).await?;
        self.found.played += 1;
        let status = response.status().as_u16();
        if status == exchange.status && !exchange.events.is_empty() {
            self.read(index, exchange, response);
            return Ok(());
        }
        let body = response.bytes().await.unwrap_or_default();
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if let Some(number) = exchange.session {
            self.learn(number, is_agi, creates, answer.as_ref());
            if let (Some(outcome), Some(live)) = (exchange.outcome, self.sessions.get_mut(&number))
            {
                live.expects = Some((index, outcome)).filter(|_| status == exchange.status);
                live.stuck = None;
            }
        }
        let shape = answer.as_ref().map(Shape::of);
        self.found
            .drifts
            .extend(of_answer(exchange, status, shape.as_ref()));
        Ok(())
    }

    fn note(&mut self, exchange: &Exchange, why: &str) {
        self.found
            .notes
            .push(format!("{}: not asked again: {why}.", exchange.request));
    }

    /// A session for one that the recording did not make.
    async fn begin(
        &mut self,
        number: u32,
        is_agi: bool,
        is_missing: bool,
    ) -> Result<(), VerifyError> {
        let mut id = new_uuid();
        if is_agi && !is_missing {
            let url = format!("{}/v1/sessions", base(&self.agi));
            let request = self.client.post(url).body("{}");
            let request = request
                .header("content-type", "application/json")
                .bearer_auth(&self.target.agi_key);
            let response = self.send(request, true).await?;
            let body = response.bytes().await.unwrap_or_default();
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(made) = answer["session_id"].as_str() {
                made.clone_into(&mut id);
            }
        }
        let mut live = Live::new(id, is_agi);
        live.is_missing = is_missing;
        self.sessions.insert(number, live);
        Ok(())
    }

    /// What an answer says of the session.
    fn learn(&mut self, number: u32, is_agi: bool, creates: bool, answer: Option<&Value>) {
        let Some(answer) = answer.filter(|_| creates) else {
            return;
        };
        let inner = answer
            .get("data")
            .filter(|data| data.is_object())
            .unwrap_or(answer);
        let text = |name: &str| inner[name].as_str().map(str::to_owned);
        let message_id = text("agent_message_id").or_else(|| text("assistant_message_id"));
        match self.sessions.get_mut(&number) {
            Some(live) => live.message_id = message_id.or(live.message_id.take()),
            None => {
                let Some(id) = text("session_id") else { return };
                let mut live = Live::new(id, is_agi);
                live.message_id = message_id;
                self.sessions.insert(number, live);
            }
        }
    }

    fn request(&self, method: &str, template: &str, exchange: &Exchange) -> (RequestBuilder, bool) {
        let is_agi = template.starts_with("/v1/");
        let live = exchange
            .session
            .and_then(|number| self.sessions.get(&number));
        let id = live.map_or("", |live| live.id.as_str());
        let path = template.replace(
            "{session_id}",
            &utf8_percent_encode(id, NON_ALPHANUMERIC).to_string(),
        );
        let base = if is_agi {
            base(&self.agi)
        } else {
            base(&self.raccoon)
        };
        let key = match is_agi {
            true => &self.target.agi_key,
            false => &self.target.raccoon_key,
        };
        let is_socket = path.starts_with("/ws/");
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &exchange.query {
            let value = value.as_str().unwrap_or_default();
            let message_id = live.and_then(|live| live.message_id.as_deref());
            let value = value.replace("{message_id}", message_id.unwrap_or_default());
            pairs.append_pair(name, &self.filled(&value));
        }
        if is_socket {
            pairs.append_pair("token", key);
        }
        let query = pairs.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let url = format!("{base}{path}{mark}{query}");
        let mut request = self.client.request(method, url);
        if is_socket {
            return (
                request.headers(recorder::handshake(&HeaderMap::new())),
                is_agi,
            );
        }
        if path.ends_with("/events") {
            request = request.header("accept", "text/event-stream");
        }
        if let Some(body) = &exchange.body {
            request = request
                .header("content-type", "application/json")
                .body(self.filled_in(body).to_string());
        }
        if exchange.upload {
            request = upload(request, id);
        }
        (request.bearer_auth(key), is_agi)
    }

    /// A text with the ids of this time.
    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (number, live) in &self.sessions {
            filled = filled.replace(&format!("{{session:{number}}}"), &live.id);
        }
        filled
    }

    fn filled_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled(text).into(),
            Value::Array(items) => items.iter().map(|item| self.filled_in(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.filled_in(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    async fn send(
        &mut self,
        request: RequestBuilder,
        is_agi: bool,
    ) -> Result<Response, VerifyError> {
        let base = if is_agi { &self.agi } else { &self.raccoon };
        let unreachable = |why: String| {
            VerifyError::Unreachable(format!(
                "The service is not reached: {why}. Look at the address and the network"
            ))
        };
        let sent = tokio::time::timeout(ANSWER, request.send()).await;
        let response = sent
            .map_err(|_| unreachable(format!("no answer within {} s", ANSWER.as_secs())))?
            .map_err(|error| unreachable(web::reason(&error, base)))?;
        match response.status().as_u16() {
            // Where it took the key before, it refuses the request.
            status @ (401 | 403) if !self.accepted[usize::from(is_agi)] => {
                Err(VerifyError::Refused(format!(
                    "The service refuses the key, with status {status}: set {}",
                    if is_agi {
                        "AGI_API_KEY"
                    } else {
                        "RACCOON_API_KEY"
                    }
                )))
            }
            401 | 403 => Ok(response),
            _ => {
                self.accepted[usize::from(is_agi)] = true;
                Ok(response)
            }
        }
    }

    /// Reads a stream beside what follows.
    fn read(&mut self, exchange: usize, recorded: &Exchange, response: Response) {
        let came = Came::default();
        let work = match recorded.status {
            101 => {
                let sends = recorded.sends.clone();
                tokio::spawn(stream::frames(response, came.clone(), sends))
            }
            _ => tokio::spawn(stream::events(response, came.clone())),
        };
        self.streams.push(Reading {
            exchange,
            session: recorded.session,
            came,
            work,
        });
    }

    /// Waits until the session's task stands as it did.
    async fn stands(
        &mut self,
        number: u32,
        when: Standing,
        recorded: &[Exchange],
    ) -> Result<(), String> {
        let until = Instant::now() + self.target.patience;
        let Some(live) = self.sessions.get(&number) else {
            return Ok(());
        };
        if !live.is_agi {
            // The socket tells it, where there is one.
            self.end_streams(Some(number), recorded).await;
            return Ok(());
        }
        match (self.status(number, until).await?.as_str(), when) {
            ("waiting_for_input", Standing::Ended) => {
                return Err("the agent asks something that it did not ask before".to_owned());
            }
            (status, Standing::Question) if Outcome::of_status(status).is_some() => {
                return Err("the agent asked nothing this time".to_owned());
            }
            _ => {}
        }
        if when == Standing::Ended {
            self.end_streams(Some(number), recorded).await;
        }
        Ok(())
    }

    /// The status of a session of AGI once its task waits or has ended; empty where there is none.
    async fn status(&mut self, number: u32, until: Instant) -> Result<String, String> {
        let started = Instant::now();
        loop {
            let Some(live) = self.sessions.get(&number) else {
                return Ok(String::new());
            };
            let url = format!("{}/v1/sessions/{}/status", base(&self.agi), live.id);
            let request = self.client.get(&url).bearer_auth(&self.target.agi_key);
            let response = self
                .send(request, true)
                .await
                .map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Ok(String::new());
            }
            let body = response.bytes().await.unwrap_or_default();
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            let status = answer["status"].as_str().unwrap_or_default();
            if status == "waiting_for_input" || Outcome::of_status(status).is_some() {
                self.ended(number, Outcome::of_status(status));
                return Ok(status.to_owned());
            }
            if Instant::now() >= until {
                let seconds = started.elapsed().as_secs();
                return Err(format!("the task did not come that far within {seconds} s"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Compares how a task ended.
    fn ended(&mut self, number: u32, outcome: Option<Outcome>) {
        let live = self.sessions.get_mut(&number);
        if let (Some(live), Some(is)) = (live, outcome)
            && let Some((index, was)) = live.expects.take()
            && was != is
        {
            self.outcomes.push((index, is.word().to_owned()));
        }
    }

    /// Waits for the tasks that ended in the recording, and that nothing was asked of since.
    async fn end_tasks(&mut self, recorded: &[Exchange]) -> Result<(), VerifyError> {
        let until = Instant::now() + self.target.patience;
        let mut numbers: Vec<u32> = self.sessions.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let live = self.sessions.get(&number);
            let Some((index, _)) = live.and_then(|live| live.expects) else {
                continue;
            };
            let stuck = live.and_then(|live| live.stuck.clone());
            let is_agi = live.is_some_and(|live| live.is_agi);
            let status = match stuck {
                Some(why) => Err(why),
                None if is_agi => self.status(number, until).await,
                // A turn is followed on its socket alone.
                None => Ok(String::new()),
            };
            match status {
                Ok(status) if status == "waiting_for_input" => {
                    self.outcomes.push((index, "a question".to_owned()));
                }
                Ok(status) if status.is_empty() => self.found.notes.push(format!(
                    "{}: how its task ended was not seen.",
                    recorded[index].request
                )),
                Ok(_) => {}
                Err(why) => self.outcomes.push((index, format!("nothing: {why}"))),
            }
        }
        for (index, is) in std::mem::take(&mut self.outcomes) {
            let exchange = &recorded[index];
            let was = exchange.outcome.map(|outcome| outcome.word().to_owned());
            let drift = Drift::whole(exchange, DriftKind::Outcome, was, Some(is));
            self.found.drifts.push(drift);
        }
        Ok(())
    }

    /// Ends the streams, or those of a session, and compares what they told.
    async fn end_streams(&mut self, session: Option<u32>, recorded: &[Exchange]) {
        let streams = std::mem::take(&mut self.streams);
        for mut reading in streams {
            if session.is_some() && reading.session != session {
                self.streams.push(reading);
                continue;
            }
            let exchange = &recorded[reading.exchange];
            let ended = exchange.events.keys().any(|kind| {
                ["done", "error"].contains(&kind.as_str()) || kind.starts_with("task.")
            });
            let patience = if ended {
                self.target.patience
            } else {
                LEFT.min(self.target.patience)
            };
            if tokio::time::timeout(patience, &mut reading.work)
                .await
                .is_err()
            {
                reading.work.abort();
                if ended {
                    self.found.notes.push(format!(
                        "{}: the stream did not end within {} s.",
                        exchange.request,
                        patience.as_secs()
                    ));
                }
            }
            let outcome = {
                let came = lock(&reading.came);
                let (drifts, notes) = of_events(exchange, &came.shapes, &came.order);
                self.found.drifts.extend(drifts);
                self.found.notes.extend(notes);
                came.order
                    .iter()
                    .rev()
                    .find_map(|kind| Outcome::of_event(kind))
            };
            // A stream that was left early may tell of the task before.
            if let Some(number) = reading.session.filter(|_| ended) {
                self.ended(number, outcome);
            }
        }
    }

    /// Deletes the sessions that were made.
    async fn clean_up(&mut self) {
        for reading in self.streams.drain(..) {
            reading.work.abort();
        }
        for live in self.sessions.values().filter(|live| !live.is_missing) {
            let (base, path, key) = match live.is_agi {
                true => (base(&self.agi), "/v1/sessions", &self.target.agi_key),
                false => (base(&self.raccoon), "/sessions", &self.target.raccoon_key),
            };
            let url = format!("{base}{path}/{}", live.id);
            let request = self.client.delete(url).bearer_auth(key).timeout(ANSWER);
            if let Err(error) = request.send().await {
                tracing::warn!(%error, "a session was not deleted");
            }
        }
    }
}

/// Why a request is not sent again.
fn left_out(exchange: &Exchange) -> Option<&'static str> {
    if exchange.request == "DELETE /v1/sessions" {
        return Some("it would delete sessions that are none of the recording");
    }
    match exchange.status {
        408 | 425 | 429 | 500.. => Some("the recording has an accident there"),
        401 | 403 => Some("the recording has a key there that is refused"),
        _ => None,
    }
}

fn base(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// A small file in place of the recorded one.
fn upload(request: RequestBuilder, session: &str) -> RequestBuilder {
    let boundary = "sessionwire-verify";
    let key = match session {
        "" => "sessionwire-verify.txt".to_owned(),
        session => format!("{session}/sessionwire-verify.txt"),
    };
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--{boundary}\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"sessionwire-verify.txt\"\r\nContent-Type: text/plain\r\n\r\nsessionwire\r\n--{boundary}--\r\n"
    );
    let kind = format!("multipart/form-data; boundary={boundary}");
    request.header("content-type", kind).body(body)
}

/// For a person and for `--json` alike.
impl Verification {
    /// As JSON, with whether it breaks clients.
    #[must_use]
    pub fn summary(&self) -> Value {
        let breaking = self
            .drifts
            .iter()
            .filter(|drift| drift.kind.breaks())
            .count();
        json!({ "played": self.played, "breaking": breaking, "added": self.drifts.len() - breaking, "notes": self.notes })
    }
}
