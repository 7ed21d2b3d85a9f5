//! What the browser tells of its tab: which document it shows, and how far that is.

use crate::sync::lock;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long a page may take.
pub(super) const PAGE: Duration = Duration::from_secs(15);
/// How long its scripts may go on building it after that.
const SETTLING: Duration = Duration::from_millis(1500);
/// A page that asked for nothing as long as this is there.
const QUIET: Duration = Duration::from_millis(250);

/// The tab.
#[derive(Debug, Default)]
pub(super) struct Tab {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    frame: String,
    /// The document that is shown, by the name of its loading.
    document: String,
    loaded: bool,
    /// What it asked for, other than itself and its icon, and does not have yet.
    asked: HashSet<String>,
    /// When it was loaded, asked or got something last.
    stirred: Option<Instant>,
    /// Its own script sends it elsewhere.
    leaving: bool,
    response: Option<Response>,
    broken: bool,
}

/// The response that a document came with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Response {
    document: String,
    pub(super) status: u16,
    pub(super) status_text: String,
    /// Without parameters, lower-case.
    pub(super) kind: String,
}

/// How far a page came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Complete,
    /// It is shown, but the rest of it does not come.
    Partial,
    /// Nothing of it came.
    Nothing,
    /// The browser or the page crashed.
    Broken,
}

impl Tab {
    /// The tab's frame; what happens in the frames of a page does not count.
    pub(super) fn watch(&self, frame: &str) {
        frame.clone_into(&mut lock(&self.state).frame);
    }

    pub(super) fn document(&self) -> String {
        lock(&self.state).document.clone()
    }

    /// The response that the document came with.
    pub(super) fn response(&self) -> Option<Response> {
        let state = lock(&self.state);
        let response = state.response.as_ref()?;
        (response.document == state.document).then(|| response.clone())
    }

    pub(super) fn is_broken(&self) -> bool {
        lock(&self.state).broken
    }

    pub(super) fn end(&self) {
        lock(&self.state).broken = true;
        self.changed.notify_waiters();
    }

    /// Takes note of an event.
    pub(super) fn heed(&self, method: &str, event: &Value) {
        let mut state = lock(&self.state);
        let own = event["frameId"] == state.frame.as_str();
        match method {
            "Inspector.targetCrashed" | "Target.targetCrashed" => state.broken = true,
            "Page.frameRequestedNavigation" if own => state.leaving = true,
            "Page.frameStoppedLoading" if own => state.leaving = false,
            "Network.requestWillBeSent"
                if event["type"] != "Document" && event["type"] != "Other" =>
            {
                state.stirred = Some(Instant::now());
                let request = event["requestId"].as_str().unwrap_or_default();
                state.asked.insert(request.to_owned());
            }
            "Network.loadingFinished" | "Network.loadingFailed" => {
                let request = event["requestId"].as_str().unwrap_or_default();
                if state.asked.remove(request) {
                    state.stirred = Some(Instant::now());
                }
            }
            "Network.responseReceived" if own && event["type"] == "Document" => {
                let response = &event["response"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let status = response["status"].as_u64().unwrap_or_default();
                state.response = Some(Response {
                    document: text(&event["loaderId"]),
                    status: u16::try_from(status).unwrap_or_default(),
                    status_text: text(&response["statusText"]),
                    kind: text(&response["mimeType"]).to_ascii_lowercase(),
                });
            }
            "Page.lifecycleEvent" if own => {
                let document = event["loaderId"].as_str().unwrap_or_default();
                let name = event["name"].as_str().unwrap_or_default();
                if name == "init" {
                    document.clone_into(&mut state.document);
                    (state.loaded, state.leaving) = (false, false);
                    state.asked.clear();
                } else if document == state.document && name == "load" {
                    state.loaded = true;
                    state.stirred = Some(Instant::now());
                }
            }
            _ => return,
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits for a document other than `before`, until it and what its scripts add is there.
    pub(super) async fn arrival(&self, before: &str) -> Arrival {
        let end = Instant::now() + PAGE;
        let arrived = |state: &State| is_now(state.document != before && state.loaded);
        match self.until(end, arrived).await {
            Arrival::Complete => {}
            Arrival::Partial if self.document() == before => return Arrival::Nothing,
            other => return other,
        }
        let settled = State::settles_at;
        let soon = end.min(Instant::now() + SETTLING);
        let mut arrival = self.until(soon, settled).await;
        if arrival == Arrival::Partial && lock(&self.state).leaving {
            arrival = self.until(end, settled).await;
        }
        match arrival {
            // A page that polls is never quiet; it is there all the same.
            Arrival::Partial => Arrival::Complete,
            other => other,
        }
    }

    /// Waits for the moment that `when` names, unless something changes before.
    async fn until(&self, end: Instant, when: impl Fn(&State) -> Option<Instant>) -> Arrival {
        loop {
            // Made before the state is looked at, so that no change in between is missed.
            let changed = self.changed.notified();
            let moment = {
                let state = lock(&self.state);
                if state.broken {
                    return Arrival::Broken;
                }
                when(&state)
            };
            let now = Instant::now();
            if moment.is_some_and(|moment| moment <= now) {
                return Arrival::Complete;
            }
            if end <= now {
                return Arrival::Partial;
            }
            // It ends with a change, or with the time for another look.
            drop(timeout_at(moment.map_or(end, |moment| moment.min(end)), changed).await);
        }
    }
}

impl State {
    /// When the document is there with all that its scripts add, unless it stirs again before.
    fn settles_at(&self) -> Option<Instant> {
        let settles = self.loaded && !self.leaving && self.asked.is_empty();
        self.stirred
            .filter(|_| settles)
            .map(|stirred| stirred + QUIET)
    }
}

fn is_now(is: bool) -> Option<Instant> {
    is.then(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lifecycle(tab: &Tab, frame: &str, document: &str, name: &str) {
        tab.heed(
            "Page.lifecycleEvent",
            &json!({"frameId": frame, "loaderId": document, "name": name}),
        );
    }

    fn traffic(tab: &Tab, method: &str, request: &str, kind: &str) {
        tab.heed(method, &json!({"requestId": request, "type": kind}));
    }

    #[tokio::test]
    async fn a_page_arrives_when_its_own_frame_is_loaded_and_quiet() {
        let tab = Tab::default();
        tab.watch("main");
        lifecycle(&tab, "main", "old", "init");
        let settles = || lock(&tab.state).settles_at().is_some();
        for (frame, document, name, then) in [
            ("main", "old", "load", true),
            ("main", "new", "init", false),
            ("inner", "x", "load", false),
            ("main", "old", "load", false),
            ("main", "new", "load", true),
        ] {
            lifecycle(&tab, frame, document, name);
            assert_eq!(settles(), then, "{frame} {document} {name}");
        }
        traffic(&tab, "Network.requestWillBeSent", "1", "Fetch");
        assert!(!settles(), "it waits for something");
        traffic(&tab, "Network.loadingFinished", "1", "");
        traffic(&tab, "Network.requestWillBeSent", "2", "Other");
        assert!(settles(), "an icon does not count");
        tab.heed("Page.frameRequestedNavigation", &json!({"frameId": "main"}));
        assert!(!settles(), "its script leads on");
        tab.heed("Page.frameStoppedLoading", &json!({"frameId": "main"}));
        assert_eq!(tab.arrival("old").await, Arrival::Complete);
    }

    #[tokio::test]
    async fn a_page_that_is_never_quiet_is_not_waited_for_for_ever() {
        let tab = Tab::default();
        tab.watch("main");
        lifecycle(&tab, "main", "a", "init");
        lifecycle(&tab, "main", "a", "load");
        traffic(&tab, "Network.requestWillBeSent", "1", "EventSource");
        assert_eq!(tab.arrival("").await, Arrival::Complete);
    }

    #[test]
    fn an_answer_belongs_to_its_document() {
        let tab = Tab::default();
        tab.watch("main");
        let answer = json!({"frameId": "main", "loaderId": "a", "type": "Document",
            "response": {"status": 404, "statusText": "Not Found", "mimeType": "text/HTML"}});
        tab.heed("Network.responseReceived", &answer);
        assert_eq!(tab.response(), None);
        lifecycle(&tab, "main", "a", "init");
        let response = tab.response().unwrap();
        assert_eq!(
            (response.status, response.kind.as_str()),
            (404, "text/html")
        );
        lifecycle(&tab, "main", "b", "init");
        assert_eq!(tab.response(), None);
    }

    #[tokio::test]
    async fn a_crash_ends_the_waiting() {
        let tab = Tab::default();
        let (arrival, ()) = tokio::join!(tab.arrival(""), async { tab.end() });
        assert_eq!(arrival, Arrival::Broken);
    }
}
