//! `sessionwire doctor --live`: one session of the service, each of its answers held against the
//! specification. The session is deleted, whatever happens.

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::{Client, EventOptions, EventType, RawRequest};
use sessionwire::{Error, ErrorKind};

use crate::failure::Failure;
use crate::finding::{Report, bad, doubtful, good};
use crate::interrupt::Interrupt;
use crate::shapes::{self, Field, deviations, deviations_of_all, unknown_value};
use crate::stop::CREATE_GRACE;
use crate::terminal::{end_line, note, word};

/// The name of these findings.
const LIVE: &str = "live";
/// The agent that is quick and cheap.
const AGENT: &str = "agi-0-fast";
const TASK: &str = "Reply with the word ok. Open no page.";
/// How long the task may take.
const PATIENCE: Duration = Duration::from_secs(120);

const OF_SESSIONS: &[&str] = &[
    "initializing",
    "ready",
    "running",
    "paused",
    "completed",
    "error",
    "terminated",
];
const OF_TASKS: &[&str] = &[
    "running",
    "waiting_for_input",
    "finished",
    "error",
    "ready",
    "paused",
];
const OF_MESSAGES: &[&str] = &["THOUGHT", "QUESTION", "USER", "DONE", "ERROR", "LOG"];

/// Creates a session, works in it, and deletes it.
pub(crate) async fn look(
    client: &Client,
    report: &mut Report<'_>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let create = ask(
        client,
        "POST",
        "/sessions",
        Some(json!({ "agent_name": AGENT })),
    );
    tokio::pin!(create);
    let created = tokio::select! {
        biased;
        created = &mut create => created,
        () = interrupt.wait() => {
            // It may be there all the same.
            end_line();
            if let Ok(Ok(session)) = tokio::time::timeout(CREATE_GRACE, create).await {
                if let Some(id) = session["session_id"].as_str() {
                    delete(client, id, report).await?;
                }
            } else {
                note("warning: a session was being created and may go on costing. Look for it with `sessionwire sessions list`.");
            }
            return Err(Failure::Interrupted);
        }
    };
    let session = match created {
        Ok(session) => session,
        Err(error) => {
            return report
                .tell(bad(LIVE, format!("POST /sessions: {error}")))
                .await;
        }
    };
    let mut found = deviations(&session, shapes::SESSION);
    found.extend(unknown_value("status", &session, OF_SESSIONS));
    let Some(id) = session["session_id"].as_str().filter(|id| !id.is_empty()) else {
        return report
            .tell(bad(
                LIVE,
                "POST /sessions: there is no `session_id`, so the session can be neither used nor deleted. Look for it in \
                 `sessionwire sessions list`.",
            ))
            .await;
    };
    let told = tell(report, "POST /sessions", &found).await;
    let result = tokio::select! {
        biased;
        () = interrupt.wait() => {
            end_line();
            Err(Failure::Interrupted)
        }
        result = async { told?; steps(client, id, report).await } => result,
    };
    // The first failure is the one to report.
    let deleted = delete(client, id, report).await;
    result.and(deleted)
}

async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Value, Error> {
    let mut request = RawRequest::new(method, path);
    request.body = body;
    let response = client.request(request).await?;
    serde_json::from_str(&response.body).map_err(|error| {
        let text = format!("{method} {path}: the answer is no JSON: {error}");
        Error::new(ErrorKind::Status, text)
    })
}

/// Everything between the creation and the deletion.
async fn steps(client: &Client, id: &str, report: &mut Report<'_>) -> Result<(), Failure> {
    let list = ask(client, "GET", "/sessions", None).await;
    let list = list.map(|list| match list.as_array() {
        Some(sessions) => deviations_of_all(sessions, shapes::SESSION),
        None => vec!["it is no list".to_owned()],
    });
    outcome(report, "GET /sessions", list).await?;

    let session = |path: &str| format!("/sessions/{id}{path}");
    let shown = ask(client, "GET", &session(""), None).await;
    let shown = shown.map(|shown| with_status(&shown, shapes::SESSION, OF_SESSIONS));
    outcome(report, "GET /sessions/{id}", shown).await?;

    let home = json!({ "url": client.config().base_url() });
    let went = ask(client, "POST", &session("/navigate"), Some(home)).await;
    let went = went.map(|went| deviations(&went, shapes::NAVIGATION));
    outcome(report, "POST /navigate", went).await?;

    let picture = ask(client, "GET", &session("/screenshot"), None).await;
    let picture = picture.map(|picture| {
        let mut found = deviations(&picture, shapes::SCREENSHOT);
        let data = picture["screenshot"].as_str().unwrap_or_default();
        if !data.starts_with("data:image/jpeg;base64,") {
            found.push("`screenshot` is no JPEG as a data URL".to_owned());
        }
        found
    });
    outcome(report, "GET /screenshot", picture).await?;

    let sent = json!({ "message": TASK });
    let sent = ask(client, "POST", &session("/message"), Some(sent)).await;
    let sent = sent.map(|sent| deviations(&sent, shapes::SUCCESS));
    outcome(report, "POST /message", sent).await?;
    events(client, id, report).await?;

    let status = ask(client, "GET", &session("/status"), None).await;
    let status = status.map(|status| with_status(&status, shapes::STATUS, OF_TASKS));
    outcome(report, "GET /status", status).await?;

    let messages = ask(client, "GET", &session("/messages"), None).await;
    let messages = messages.map(|messages| {
        let mut found = with_status(&messages, shapes::MESSAGES, OF_TASKS);
        let all = messages["messages"].as_array();
        let all = all.map(Vec::as_slice).unwrap_or_default();
        found.extend(deviations_of_all(all, shapes::MESSAGE));
        found.extend(
            all.iter()
                .filter_map(|one| unknown_value("type", one, OF_MESSAGES)),
        );
        found
    });
    outcome(report, "GET /messages", messages).await?;

    let cancelled = ask(client, "POST", &session("/cancel"), None).await;
    let cancelled = cancelled.map(|cancelled| deviations(&cancelled, shapes::SUCCESS));
    outcome(report, "POST /cancel", cancelled).await
}

fn with_status(answer: &Value, fields: &[Field], known: &[&str]) -> Vec<String> {
    let mut found = deviations(answer, fields);
    found.extend(unknown_value("status", answer, known));
    found
}

/// The stream of the task, to its end.
async fn events(client: &Client, id: &str, report: &mut Report<'_>) -> Result<(), Failure> {
    let mut found: Vec<String> = Vec::new();
    let mut is_over = false;
    let reading = async {
        let session = client.sessions().attach(id)?;
        let mut events = session.events(EventOptions::new())?;
        while let Some(event) = events.next().await {
            let event = event?;
            let name = event.event_type().name();
            let new = match (EventType::unknown(name), shapes::event(name)) {
                (Some(_), _) => vec![format!("the event `{name}` is not documented")],
                (None, Some(fields)) => {
                    let of_event = deviations(&event.data(), fields);
                    of_event
                        .iter()
                        .map(|text| format!("`{name}`: {text}"))
                        .collect()
                }
                (None, None) => Vec::new(),
            };
            for text in new {
                if !found.contains(&text) {
                    found.push(text);
                }
            }
            is_over = matches!(event.event_type(), EventType::Done | EventType::Error);
            // Nobody answers here.
            if is_over || *event.event_type() == EventType::Question {
                break;
            }
        }
        Ok::<_, Error>(())
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Err(error)) => return outcome(report, "GET /events", Err(error)).await,
        Ok(Ok(())) if is_over => {}
        _ => found.push(format!(
            "the task \"{TASK}\" did not end within {} s",
            PATIENCE.as_secs()
        )),
    }
    tell(report, "GET /events", &found).await
}

async fn outcome(
    report: &mut Report<'_>,
    request: &str,
    found: Result<Vec<String>, Error>,
) -> Result<(), Failure> {
    match found {
        Ok(found) => tell(report, request, &found).await,
        Err(error) => report.tell(bad(LIVE, format!("{request}: {error}"))).await,
    }
}

async fn tell(report: &mut Report<'_>, request: &str, found: &[String]) -> Result<(), Failure> {
    let finding = match found {
        [] => good(LIVE, format!("{request}: as documented")),
        found => doubtful(LIVE, format!("{request}: {}", found.join("; "))),
    };
    report.tell(finding).await
}

async fn delete(client: &Client, id: &str, report: &mut Report<'_>) -> Result<(), Failure> {
    let deleted = ask(client, "DELETE", &format!("/sessions/{id}"), None).await;
    match deleted {
        Ok(deleted) => {
            let found = deviations(&deleted, shapes::DELETED);
            tell(report, "DELETE /sessions/{id}", &found).await
        }
        Err(error) => {
            let text = format!(
                "DELETE /sessions/{{id}}: {error} The session goes on costing: delete it with `sessionwire sessions delete {}`.",
                word(id)
            );
            report.tell(bad(LIVE, text)).await
        }
    }
}
