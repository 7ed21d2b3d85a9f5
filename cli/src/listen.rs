//! `sessionwire listen`: what happens in a session, as the webhooks that the service would send, to
//! an address of this machine (docs/spec/agi.md, section 8).

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::{Event, EventOptions, EventType, ListMessages, Message, Session};
use sessionwire::meaning::iso_text;
use sessionwire::{Error, ErrorKind, webhooks};
use sessionwire_emulator::{WebhookAttempt, WebhookOutcome, WebhookSender};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use url::Url;

use crate::args::{self, Global, Listen};
use crate::client::connect;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::render::one_line;
use crate::terminal::{end_line, note};

/// The receiver's secret: no option takes it.
const SECRET: &str = "WEBHOOK_SECRET";
/// Seconds before the second attempt, and how many a receiver may take, as the service has them.
const BACKOFF: f64 = 1.0;
const TIMEOUT: f64 = 10.0;

pub(crate) async fn run(
    args: Listen,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let address = address(&args.forward_to)?;
    let client = connect(global)?;
    let id = &args.session.id;
    let (tell, attempts) = mpsc::unbounded_channel();
    let listening = async {
        let session = client.sessions().get(id).await?;
        let mut relay = Relay {
            courier: Courier {
                sender: WebhookSender::new(address, BACKOFF, TIMEOUT),
                tell,
                under_way: JoinSet::new(),
            },
            session,
            last_id: 0,
            in_task: false,
            poll_interval: args::duration(args.poll_interval),
        };
        let outcome = async {
            relay.begin(args.history).await?;
            // From here on nothing is missed.
            note(&format!(
                "Listening to {}; Ctrl-C ends it. Deliveries go to {}",
                one_line(id),
                one_line(&without_secrets(&args.forward_to))
            ));
            relay.listen().await
        }
        .await;
        relay.courier.settle().await;
        outcome
    };
    tokio::select! {
        biased;
        () = interrupt.wait() => {
            end_line();
            Err(Failure::Interrupted)
        }
        result = async {
            let (outcome, printed) = tokio::join!(listening, print(attempts, global.json, output));
            outcome.and(printed)
        } => result,
    }
}

/// The receiver's address, with the token where there is a secret.
fn address(forward_to: &str) -> Result<String, Failure> {
    let secret = std::env::var(SECRET).unwrap_or_default();
    let with_token = match secret.as_str() {
        "" => webhooks::url(forward_to, "checked, not used").map(|_| forward_to.to_owned()),
        secret => webhooks::url(forward_to, secret),
    };
    with_token.map_err(|error| {
        let why = error.message().replace("`base`", "--forward-to");
        Failure::Usage(format!(
            "{why}. Name the whole address of your receiver, such as http://127.0.0.1:3000/hook."
        ))
    })
}

/// An address as it may be shown: without a password and a query.
fn without_secrets(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return address.to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return url.origin().ascii_serialization();
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    url.to_string()
}

/// Sends what happened; tells of each attempt.
struct Courier {
    sender: WebhookSender,
    tell: mpsc::UnboundedSender<WebhookAttempt>,
    under_way: JoinSet<()>,
}

impl Courier {
    /// Comes back when the first attempt has ended: what is tried again holds nobody up.
    async fn send(&mut self, event: &'static str, session_id: &str, body: Value) {
        let (sender, tell) = (self.sender.clone(), self.tell.clone());
        let (ended, first) = oneshot::channel();
        let session_id = session_id.to_owned();
        self.under_way.spawn(async move {
            let mut ended = Some(ended);
            sender
                .send(event, &session_id, &body, |attempt| {
                    // Nobody reads them once the command ends.
                    let _ = tell.send(attempt);
                    if let Some(ended) = ended.take() {
                        let _ = ended.send(());
                    }
                })
                .await;
        });
        let _ = first.await;
        while self.under_way.try_join_next().is_some() {}
    }

    async fn settle(&mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

/// Reads a session, and says what a webhook would.
struct Relay {
    courier: Courier,
    session: Session,
    /// What was told of, by its id.
    last_id: i64,
    in_task: bool,
    poll_interval: Duration,
}

impl Relay {
    /// Until the session is deleted.
    async fn listen(&mut self) -> Result<(), Failure> {
        match self.follow().await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.tell("session.deleted", None, json!({})).await;
                note("The session was deleted.");
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Finds out where to begin.
    async fn begin(&mut self, with_history: bool) -> Result<(), Error> {
        if with_history {
            self.tell("session.created", None, json!({})).await;
            return Ok(());
        }
        let known = self.session.messages(ListMessages::new()).await?;
        self.last_id = known.messages.last().map_or(0, |message| message.id);
        self.in_task = matches!(known.status.as_str(), "running" | "waiting_for_input");
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), Error> {
        loop {
            let new = self.news().await?;
            if new.is_empty() && !self.in_task {
                tokio::time::sleep(self.poll_interval).await;
                continue;
            }
            self.begin_task(&new, i64::MAX).await;
            self.task().await?;
        }
    }

    /// The messages that were not told of.
    async fn news(&self) -> Result<Vec<Message>, Error> {
        let asked = ListMessages::new().after_id(self.last_id);
        Ok(self.session.messages(asked).await?.messages)
    }

    /// Tells that a task began, where one of these messages before that id began it.
    async fn begin_task(&mut self, new: &[Message], before: i64) {
        let message = new
            .iter()
            .find(|message| message.message_type == "USER" && message.id < before);
        if let (Some(message), false) = (message, self.in_task) {
            self.last_id = message.id;
            self.in_task = true;
            let fields = json!({ "message": message.text() });
            self.tell("task.started", Some("running"), fields).await;
        }
    }

    /// One connection to the stream. It ends with a task, or with the session's deletion.
    async fn task(&mut self) -> Result<(), Error> {
        let mut events = self.session.events(EventOptions::new())?;
        let began_at = self.last_id;
        while let Some(event) = events.next().await {
            self.event(&event?).await?;
        }
        if self.in_task {
            // Cancelled: there is no event of it.
            self.in_task = false;
            self.session.refresh().await?;
            let status = self.session.info().status.clone();
            self.changed("running", &status).await;
        }
        // What brought nothing is asked again a little later.
        if self.last_id == began_at {
            tokio::time::sleep(self.poll_interval).await;
        }
        Ok(())
    }

    async fn event(&mut self, event: &Event) -> Result<(), Error> {
        if let Some(id) = event.id() {
            if id <= self.last_id {
                return Ok(());
            }
            if !self.in_task {
                let new = self.news().await?;
                self.begin_task(&new, id).await;
            }
            self.last_id = id;
        }
        let text = event.text();
        match event.event_type() {
            EventType::Question => {
                let fields = json!({ "question": text, "context": {} });
                self.tell("task.question", Some("ready"), fields).await;
            }
            EventType::Done => {
                self.in_task = false;
                let fields = json!({ "result": { "status": "success", "message": text } });
                self.tell("task.completed", Some("ready"), fields).await;
            }
            EventType::Error => {
                self.in_task = false;
                let fields = json!({ "error": text, "details": {} });
                self.tell("task.error", Some("ready"), fields).await;
            }
            EventType::Paused => self.changed("running", "paused").await,
            EventType::Resumed => self.changed("paused", "running").await,
            _ => {}
        }
        Ok(())
    }

    async fn changed(&mut self, old: &str, new: &str) {
        let fields = json!({ "old_status": old, "new_status": new });
        self.tell("session.status_changed", Some(new), fields).await;
    }

    /// Sends an event; its session has this status in place of the last one that is known.
    async fn tell(&mut self, event: &'static str, status: Option<&str>, fields: Value) {
        let info = self.session.info();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let mut session = json!({
            "id": info.session_id,
            "status": status.unwrap_or(&info.status),
            "agent_name": info.agent_name,
            "created_at": info.created_at,
        });
        if let Some(url) = &info.vnc_url {
            session["vnc_url"] = url.as_str().into();
        }
        let mut body = json!({ "event": event, "timestamp": iso_text(now), "session": session });
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let id = info.session_id.clone();
        self.courier.send(event, &id, body).await;
    }
}

/// What is told of an attempt: not what was sent, which may be long.
const TOLD: [&str; 8] = [
    "event",
    "session_id",
    "attempt",
    "at",
    "outcome",
    "status",
    "error",
    "retry_in",
];

/// A line for each attempt.
async fn print(
    mut attempts: mpsc::UnboundedReceiver<WebhookAttempt>,
    json: bool,
    output: &Output,
) -> Result<(), Failure> {
    while let Some(attempt) = attempts.recv().await {
        if json {
            let mut line = json!({ "type": "delivery" });
            let attempt = json!(attempt);
            for name in TOLD {
                line[name] = attempt[name].clone();
            }
            output.json(line.to_string()).await?;
        } else {
            output.line(line_of(&attempt)).await?;
        }
    }
    Ok(())
}

fn line_of(attempt: &WebhookAttempt) -> String {
    let status = attempt
        .status
        .map_or(String::new(), |status| status.to_string());
    let why = attempt.error.as_deref().unwrap_or_default();
    let what = match (attempt.outcome, attempt.retry_in) {
        (WebhookOutcome::Delivered, _) => "delivered".to_owned(),
        (_, Some(wait)) => format!(
            "attempt {} failed: {why}; the next in {wait} s",
            attempt.attempt
        ),
        (_, None) => format!("given up after attempt {}: {why}", attempt.attempt),
    };
    let line = format!("{:<22}  {status:>3}  {what}", attempt.event);
    // Not `one_line`: the columns stay.
    crate::terminal::visible(&line).replace('\n', " ")
}
