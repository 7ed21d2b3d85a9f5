//! What spans say: names, attributes and outcomes of calls, tasks and turns, by the
//! conventions of OpenTelemetry. A language binding makes the spans; what they say, and what
//! they must not say, is decided here.
//!
//! No text of a task, an answer, an event or an error is in them, unless the user asks for
//! content; the key is in none of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::agi::AGENT;
use crate::config::{ClientConfig, Service, is_ours};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventType};
use crate::transport::Secret;

/// Most events and most requests that a span tells of: the latest.
const REMEMBERED: usize = 128;
/// Most characters of a value that a server, or a caller, chose.
const LONGEST: usize = 256;
/// Most characters of a text, where content is wanted.
const LONGEST_CONTENT: usize = 10_000;
/// How a task ended whose stream broke for good.
const LOST: &str = "lost";
/// What a propagator may give that the service is not told: what the caller's own services
/// tell one another, and what lets somebody in.
const NOT_SENT: [&str; 3] = ["baggage", "authorization", "cookie"];

/// What one span is told. Clones share it.
#[derive(Clone)]
pub struct Trace(Arc<Told>);

struct Told {
    service: Service,
    host: Option<String>,
    port: Option<u16>,
    key: Secret,
    with_content: bool,
    headers: OnceLock<HeaderMap>,
    began: SystemTime,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    requests: VecDeque<Sent>,
    request_count: u64,
    events: VecDeque<Seen>,
    event_count: u64,
    session_id: Option<String>,
    failure: Option<Failed>,
    answered: bool,
    ended: Option<SystemTime>,
    ending: Option<Ending>,
    runs: Vec<Value>,
}

/// One request on the wire.
pub(crate) struct Sent {
    pub(crate) at: SystemTime,
    pub(crate) method: String,
    pub(crate) route: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'static str>,
    pub(crate) attempt: u32,
    pub(crate) duration: Duration,
}

struct Seen {
    at: SystemTime,
    name: String,
    id: Option<i64>,
    text: Option<String>,
}

#[derive(Debug)]
struct Failed {
    name: &'static str,
    request_id: Option<String>,
}

/// How a task or turn ended.
pub(crate) struct Ending {
    pub(crate) outcome: &'static str,
    pub(crate) error: Option<&'static str>,
    /// What the agent gave, for who wants content.
    pub(crate) text: Option<String>,
}

impl Ending {
    pub(crate) fn well(outcome: &'static str, text: String) -> Self {
        Self {
            outcome,
            error: None,
            text: Some(text),
        }
    }

    pub(crate) fn lost(kind: ErrorKind) -> Self {
        Self::badly(LOST, kind)
    }

    fn is_lost(&self) -> bool {
        self.outcome == LOST
    }

    pub(crate) fn with_text(self, text: String) -> Self {
        let text = Some(text);
        Self { text, ..self }
    }

    pub(crate) fn badly(outcome: &'static str, kind: ErrorKind) -> Self {
        Self {
            outcome,
            error: Some(kind.name()),
            text: None,
        }
    }
}

/// What a span is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The operation: `create_session`, `start_task`, ...
    pub(crate) operation: &'a str,
    /// The session, where it is known before.
    pub(crate) session_id: Option<&'a str>,
    /// The agent, where it is known.
    pub(crate) agent: Option<&'a str>,
    /// What is put to the agent: told only where content is wanted.
    pub(crate) input: Option<&'a str>,
}

impl Trace {
    /// For a span of a client of this configuration. `content` is what the environment
    /// variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says.
    pub(crate) fn new(config: &ClientConfig, content: Option<&str>) -> Self {
        let content = content.unwrap_or_default().to_ascii_lowercase();
        Self(Arc::new(Told {
            service: config.service,
            host: config.base_url.host_str().map(str::to_owned),
            port: config.base_url.port_or_known_default(),
            key: config.api_key.clone(),
            with_content: matches!(&*content, "true" | "1" | "span_only" | "span_and_event"),
            headers: OnceLock::new(),
            began: SystemTime::now(),
            log: Mutex::default(),
        }))
    }

    /// A span's name, kind and attributes, as a JSON object: of this operation, in a session
    /// and by an agent where these are known, with what is put to the agent, which is told only
    /// where content is wanted.
    pub fn span(
        &self,
        operation: &str,
        session_id: Option<&str>,
        agent: Option<&str>,
        input: Option<&str>,
    ) -> String {
        let call = Call {
            operation,
            session_id,
            agent,
            input,
        };
        self.about(call).to_string()
    }

    fn about(&self, call: Call<'_>) -> Value {
        let told = &self.0;
        // What a create asks for where nobody says more.
        let usual = matches!(call.operation, "create_session" | "run_task");
        let agent = call.agent.filter(|agent| !agent.is_empty());
        let agent = agent.or(usual.then_some(AGENT));
        let agent = agent.map(|agent| self.clean(agent));
        let is_run = matches!(
            call.operation,
            "start_task" | "start_turn" | "resume" | "attach"
        );
        let is_ours = matches!(
            call.operation,
            "run_task" | "run_tasks" | "run_turn" | "run_turns"
        );
        let mut attributes = Map::new();
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        set("gen_ai.provider.name", self.provider().into());
        if is_run {
            set("gen_ai.operation.name", "invoke_agent".into());
        }
        set("sessionwire.operation", call.operation.into());
        if let Some(host) = &told.host {
            set("server.address", host.as_str().into());
        }
        if let Some(port) = told.port {
            set("server.port", port.into());
        }
        if let Some(agent) = &agent {
            set("gen_ai.agent.name", agent.as_str().into());
        }
        if let Some(session_id) = call.session_id {
            set("gen_ai.conversation.id", self.clean(session_id).into());
        }
        if let Some(input) = call.input.filter(|_| told.with_content) {
            let input = self.content(input);
            set("gen_ai.input.messages", message("user", &input, None));
        }
        let name = match (is_run, agent) {
            (true, Some(agent)) => format!("invoke_agent {agent}"),
            (true, None) => "invoke_agent".to_owned(),
            (false, _) => call.operation.to_owned(),
        };
        let kind = if is_ours { "internal" } else { "client" };
        json!({ "name": name, "kind": kind, "attributes": attributes })
    }

    /// Headers that name the span to the service. Told once; what HTTP does not allow, and
    /// baggage, stays out.
    pub fn carry<N: AsRef<str>, V: AsRef<str>>(&self, headers: impl IntoIterator<Item = (N, V)>) {
        let carried = headers.into_iter().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_ref().as_bytes()).ok()?;
            let value = HeaderValue::from_str(value.as_ref()).ok()?;
            let is_sent = !NOT_SENT.contains(&name.as_str()) && is_ours(&name).is_none();
            is_sent.then_some((name, value))
        });
        let _ = self.0.headers.set(carried.collect());
    }

    /// What a call brought, as a JSON object: attributes, events, whether it failed, and
    /// when it ended if that was not now. `error` is what the language knows, such as that
    /// the caller left; what the call itself says goes first.
    pub fn report(&self, error: Option<&str>) -> String {
        let log = self.lock();
        let own = log.failure.as_ref();
        let failed = match log.answered {
            true => own.map(|failed| failed.name),
            false => error,
        };
        let mut attributes = self.attributes(&log, failed);
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        if let Some(request_id) = own.and_then(|failed| failed.request_id.as_deref()) {
            set("sessionwire.request_id", request_id.into());
        }
        if let Some(last) = log.requests.back() {
            set("http.request.method", last.method.as_str().into());
            if let Some(route) = &last.route {
                set("url.template", route.as_str().into());
            }
            if let Some(status) = last.status {
                set("http.response.status_code", status.into());
            }
            if last.attempt > 1 {
                set("http.request.resend_count", (last.attempt - 1).into());
            }
        }
        // A call of one request says it all by its attributes.
        let requests = log.requests.iter().filter(|_| log.request_count > 1);
        let events = requests.map(Sent::told).collect();
        written(attributes, events, failed, None).to_string()
    }

    /// The same of a task or a turn, whose end is known by its stream, perhaps.
    pub(crate) fn told(&self, ending: Option<Ending>, error: Option<&str>) -> String {
        self.outcome(ending, error).to_string()
    }

    /// For one of many tasks or turns, whose span is made when it is over: until then the
    /// service is told of the span of all.
    pub(crate) fn child(&self) -> Self {
        let told = &self.0;
        let headers = OnceLock::new();
        if let Some(carried) = told.headers.get() {
            let _ = headers.set(carried.clone());
        }
        Self(Arc::new(Told {
            service: told.service,
            host: told.host.clone(),
            port: told.port,
            key: told.key.clone(),
            with_content: told.with_content,
            headers,
            began: SystemTime::now(),
            log: Mutex::default(),
        }))
    }

    /// One of many is over.
    pub(crate) fn ran<T>(&self, child: &Self, call: Call<'_>, outcome: &Result<T, Error>) {
        child.ended();
        let error = outcome.as_ref().err().map(|error| error.kind().name());
        let mut run = child.about(call);
        let told = child.outcome(None, error);
        for part in ["events", "failed", "end"] {
            run[part] = told[part].clone();
        }
        if let (Some(all), Value::Object(more)) = (
            run["attributes"].as_object_mut(),
            told["attributes"].clone(),
        ) {
            all.extend(more);
        }
        run["start"] = json!(moment(child.0.began));
        self.lock().runs.push(run);
    }

    /// What the spans of those are to say that are over by now, each told once: a JSON list.
    pub fn runs(&self) -> String {
        Value::Array(std::mem::take(&mut self.lock().runs)).to_string()
    }

    fn outcome(&self, ending: Option<Ending>, error: Option<&str>) -> Value {
        let log = self.lock();
        let ending = ending.as_ref().or(log.ending.as_ref());
        // Who had given up by then lost nothing: its session went with it, mostly.
        let ending =
            ending.filter(|ending| !ending.is_lost() || [None, ending.error].contains(&error));
        let failed = match ending {
            Some(ending) => ending.error,
            None => error,
        };
        let mut attributes = self.attributes(&log, failed);
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        let outcome = ending.map_or("unfinished", |ending| ending.outcome);
        set("sessionwire.outcome", outcome.into());
        set("sessionwire.event_count", log.event_count.into());
        let text = ending.and_then(|ending| ending.text.as_deref());
        if let Some(text) = text.filter(|_| self.0.with_content) {
            let messages = message("assistant", &self.content(text), Some("stop"));
            set("gen_ai.output.messages", messages);
        }
        let seen = log.events.iter().map(|seen| (seen.at, seen.told()));
        let sent = log.requests.iter().map(|sent| (sent.at, sent.told()));
        let mut events: Vec<_> = seen.chain(sent).collect();
        events.sort_by_key(|(at, _)| *at);
        let latest = events.last().map(|(at, _)| *at);
        let end = log.ended.map(|ended| ended.max(latest.unwrap_or(ended)));
        let events = events.into_iter().map(|(_, told)| told).collect();
        written(attributes, events, failed, end)
    }

    fn attributes(&self, log: &Log, failed: Option<&str>) -> Map<String, Value> {
        let mut attributes = Map::new();
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        if let Some(session_id) = &log.session_id {
            set("gen_ai.conversation.id", session_id.as_str().into());
        }
        if log.request_count > 1 {
            set("sessionwire.request_count", log.request_count.into());
        }
        if let Some(failed) = failed {
            set("error.type", failed.into());
        }
        attributes
    }

    /// The headers to send.
    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        self.0.headers.get()
    }

    /// A request was answered, or failed.
    pub(crate) fn sent(&self, sent: Sent) {
        let mut log = self.lock();
        log.request_count += 1;
        push(&mut log.requests, sent);
    }

    /// An event came.
    pub(crate) fn saw(&self, event: &Event) {
        let text = self.0.with_content.then(|| self.content(&event.text()));
        let seen = Seen {
            at: SystemTime::now(),
            name: match event.event_type() {
                // Its name is the server's.
                EventType::Other(_) => "other".to_owned(),
                known => known.name().to_owned(),
            },
            id: event.id(),
            text: text.filter(|text| !text.is_empty()),
        };
        let mut log = self.lock();
        log.event_count += 1;
        push(&mut log.events, seen);
    }

    /// The task or turn has ended.
    pub(crate) fn ended(&self) {
        self.lock().ended.get_or_insert_with(SystemTime::now);
    }

    /// The task or turn was seen to have ended like this, by whatever told it.
    pub(crate) fn concluded(&self, ending: Ending) {
        let mut log = self.lock();
        log.ended.get_or_insert_with(SystemTime::now);
        log.ending.get_or_insert(ending);
    }

    /// A call has its outcome.
    pub(crate) fn answered<T>(&self, outcome: &Result<T, Error>) {
        let failure = outcome.as_ref().err().map(|error| Failed {
            name: error.kind().name(),
            request_id: error.request_id().and_then(|id| self.plain(id)),
        });
        let mut log = self.lock();
        log.answered = true;
        log.failure = failure;
    }

    /// Which session a call made.
    pub(crate) fn of_session(&self, session_id: &str) {
        let session_id = self.clean(session_id);
        self.lock().session_id = Some(session_id);
    }

    fn provider(&self) -> &'static str {
        match self.0.service {
            Service::Agi => "agi",
            Service::Raccoon => "raccoon",
        }
    }

    fn clean(&self, text: &str) -> String {
        start(&self.0.key.redact(text), LONGEST)
    }

    fn content(&self, text: &str) -> String {
        start(&self.0.key.redact(text), LONGEST_CONTENT)
    }

    /// An id that a server chose, if it looks like one.
    fn plain(&self, id: &str) -> Option<String> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
        (id.len() <= 128 && id.chars().all(is_plain)).then(|| self.clean(id))
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl Sent {
    fn told(&self) -> Value {
        let mut attributes = json!({
            "http.request.method": self.method,
            "sessionwire.attempt": self.attempt,
            "sessionwire.duration": self.duration.as_secs_f64(),
        });
        for (name, value) in [
            ("url.template", self.route.as_deref().map(Value::from)),
            ("http.response.status_code", self.status.map(Value::from)),
            ("error.type", self.error.map(Value::from)),
        ] {
            if let Some(value) = value {
                attributes[name] = value;
            }
        }
        json!(["sessionwire.request", moment(self.at), attributes])
    }
}

impl Seen {
    fn told(&self) -> Value {
        let mut attributes = Map::new();
        if let Some(id) = self.id {
            attributes.insert("sessionwire.event.id".to_owned(), id.into());
        }
        if let Some(text) = &self.text {
            attributes.insert("sessionwire.event.text".to_owned(), text.as_str().into());
        }
        let name = format!("sessionwire.{}", self.name);
        json!([name, moment(self.at), attributes])
    }
}

fn written(
    attributes: Map<String, Value>,
    events: Vec<Value>,
    failed: Option<&str>,
    end: Option<SystemTime>,
) -> Value {
    json!({
        "attributes": attributes,
        "events": events,
        "failed": failed.is_some(),
        "end": end.map(moment),
    })
}

/// A moment as seconds since 1970 and nanoseconds: a language may hold no such integer.
fn moment(at: SystemTime) -> [u64; 2] {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    [since.as_secs(), since.subsec_nanos().into()]
}

/// One message as the conventions write it: JSON in a text.
fn message(role: &str, text: &str, finish: Option<&str>) -> Value {
    let mut message = json!({ "role": role, "parts": [{ "type": "text", "content": text }] });
    if let Some(finish) = finish {
        message["finish_reason"] = finish.into();
    }
    json!([message]).to_string().into()
}

fn push<T>(latest: &mut VecDeque<T>, item: T) {
    if latest.len() == REMEMBERED {
        latest.pop_front();
    }
    latest.push_back(item);
}

fn start(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::config::ClientOptions;

    fn trace(content: Option<&str>) -> Trace {
        let options = ClientOptions::new()
            .api_key(Secret::new("sk-very-secret"))
            .base_url("https://gateway.example:8443/agi");
        let config = ClientConfig::resolve(options).expect("it is complete");
        Trace::new(&config, content)
    }

    fn read(json: &str) -> Value {
        serde_json::from_str(json).expect("it is JSON")
    }

    #[test]
    fn a_span_is_named_by_the_conventions() {
        let call = Call {
            operation: "start_task",
            session_id: Some("s1"),
            agent: Some("agi-0-fast"),
            input: Some("Buy it"),
        };
        let told = trace(None).about(call);
        assert_eq!(told["name"], "invoke_agent agi-0-fast");
        let wanted = json!({
            "gen_ai.provider.name": "agi",
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "agi-0-fast",
            "gen_ai.conversation.id": "s1",
            "sessionwire.operation": "start_task",
            "server.address": "gateway.example",
            "server.port": 8443,
        });
        assert_eq!(told["attributes"], wanted);
        let asked = &trace(Some("true")).about(call)["attributes"]["gen_ai.input.messages"];
        assert!(asked.as_str().is_some_and(|asked| asked.contains("Buy it")));
    }

    #[test]
    fn what_others_chose_is_cut_and_has_no_key() {
        let long = format!("sk-very-secret {}", "x".repeat(LONGEST));
        let told = trace(None).span("get_session", Some(&long), None, None);
        assert!(!told.contains("very-secret"), "{told}");
        assert!(told.len() < LONGEST + 300, "{told}");
        assert_eq!(trace(None).plain("no id: MY TASK"), None);
        assert_eq!(trace(None).plain("req-1").as_deref(), Some("req-1"));
    }

    #[test]
    fn headers_that_are_not_for_the_service_stay_here() {
        let trace = trace(None);
        let given = [
            ("traceparent", "00-a-b-01"),
            ("baggage", "a=b"),
            ("Authorization", "x"),
            ("content-length", "5"),
            ("odd name", "x"),
            ("tracestate", "a\r\nb"),
        ];
        trace.carry(given);
        let headers = trace.headers().expect("they were told");
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["traceparent"], "00-a-b-01");
    }

    #[test]
    fn the_latest_events_stay_by_their_types() {
        let trace = trace(None);
        for id in 0..200 {
            trace.saw(&Event::new(EventType::Thought, Some(id), "hidden"));
        }
        trace.saw(&Event::new(
            EventType::from_name("sk-very-secret"),
            None,
            "hidden",
        ));
        trace.ended();
        let told = read(&trace.told(Some(Ending::well("completed", "hidden".to_owned())), None));
        let events = told["events"].as_array().expect("a list");
        assert_eq!(events.len(), REMEMBERED);
        assert_eq!(events[REMEMBERED - 1][0], "sessionwire.other");
        assert_eq!(told["attributes"]["sessionwire.event_count"], 201);
        assert_eq!(told["failed"], false);
        assert!(!told.to_string().contains("hidden") && !told["end"].is_null());
    }

    #[test]
    fn a_task_that_is_lost_after_its_caller_gave_up_is_not_finished() {
        let lost = || Some(Ending::lost(ErrorKind::Stream));
        let told = |error| read(&trace(None).told(lost(), error))["attributes"].clone();
        let given_up = told(Some("QuestionPending"));
        assert_eq!(given_up["error.type"], "QuestionPending");
        assert_eq!(given_up["sessionwire.outcome"], "unfinished");
        for error in [None, Some("StreamError")] {
            assert_eq!(told(error)["error.type"], "StreamError");
            assert_eq!(told(error)["sessionwire.outcome"], "lost");
        }
    }

    #[test]
    fn who_leaves_is_told_of_unless_the_outcome_is_known() {
        let left = read(&trace(None).report(Some("CancelledError")));
        assert_eq!(left["attributes"]["error.type"], "CancelledError");
        let trace = trace(None);
        trace.answered(&Ok(()));
        assert_eq!(read(&trace.report(Some("CancelledError")))["failed"], false);
    }
}
