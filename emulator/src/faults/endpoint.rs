//! The endpoints: one table, from which faults, the middleware and the refusal of an unknown route know them.
//!
//! A new endpoint is a line here. `make generate` writes the lists of the other languages from it.

use axum::http::Method;
use serde::{Deserialize, Serialize};

/// Which of the two services a route belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Agi,
    Raccoon,
}

struct Route {
    service: Service,
    method: &'static str,
    path: &'static str,
}

macro_rules! endpoints {
    ($($variant:ident $name:literal $($service:ident $method:literal $path:literal),+;)+) => {
        /// Which requests a fault is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Endpoint {
            $(
                $(#[doc = concat!("- ", stringify!($service), ": `", $method, " ", $path, "`")])+
                #[serde(rename = $name)]
                $variant,
            )+
            /// No request, but what AGI sends itself: its webhooks.
            #[serde(rename = "webhook")]
            Webhook,
            /// Every endpoint.
            #[serde(rename = "*")]
            Any,
        }

        const TABLE: &[(Endpoint, &str, &[Route])] = &[$((
            Endpoint::$variant,
            $name,
            &[$(Route { service: Service::$service, method: $method, path: $path }),+],
        )),+];
    };
}

endpoints! {
    Create "create" Agi "POST" "/v1/sessions";
    List "list" Agi "GET" "/v1/sessions", Raccoon "GET" "/sessions";
    Get "get" Agi "GET" "/v1/sessions/{session_id}", Raccoon "GET" "/sessions/{session_id}";
    Delete "delete" Agi "DELETE" "/v1/sessions/{session_id}", Raccoon "DELETE" "/sessions/{session_id}";
    DeleteAll "delete_all" Agi "DELETE" "/v1/sessions";
    Message "message" Agi "POST" "/v1/sessions/{session_id}/message";
    Status "status" Agi "GET" "/v1/sessions/{session_id}/status";
    Messages "messages" Agi "GET" "/v1/sessions/{session_id}/messages";
    Events "events" Agi "GET" "/v1/sessions/{session_id}/events";
    Pause "pause" Agi "POST" "/v1/sessions/{session_id}/pause";
    Resume "resume" Agi "POST" "/v1/sessions/{session_id}/resume";
    Cancel "cancel" Agi "POST" "/v1/sessions/{session_id}/cancel";
    Navigate "navigate" Agi "POST" "/v1/sessions/{session_id}/navigate";
    Screenshot "screenshot" Agi "GET" "/v1/sessions/{session_id}/screenshot";
    Models "models" Agi "GET" "/v1/models";
    StartTurn "start_turn" Raccoon "POST" "/sessions/new";
    Rename "rename" Raccoon "PUT" "/sessions/{session_id}/title";
    Upload "upload" Raccoon "PUT" "/media/upload";
    Socket "socket" Raccoon "GET" "/ws/sessions/{session_id}";
    AbortTurn "abort_turn" Raccoon "DELETE" "/message/{message_id}/abort";
}

impl Endpoint {
    /// Every endpoint but [`Self::Webhook`] and [`Self::Any`], AGI's first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(endpoint, ..)| *endpoint)
    }

    /// The name in a fault.
    #[must_use]
    pub fn name(self) -> &'static str {
        if self == Self::Webhook {
            return "webhook";
        }
        TABLE
            .iter()
            .find(|(endpoint, ..)| *endpoint == self)
            .map_or("*", |(_, name, _)| name)
    }

    /// Whether AGI has it.
    #[must_use]
    pub fn is_of_agi(self) -> bool {
        self.is_of(Service::Agi)
    }

    /// Whether its requests are about one session. Of [`Self::Any`] those that are.
    pub(super) fn has_session(self) -> bool {
        let mut routes = self.routes().iter();
        routes.all(|route| route.path.contains("{session_id}") || route.path == "/sessions/new")
            && self != Self::Any
    }

    /// Method and path of each request that it stands for: of AGI, of Raccoon, or of both. None of [`Self::Any`].
    pub fn requests(self) -> impl Iterator<Item = String> {
        self.routes()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
    }

    /// The endpoint of a request to a route of either service.
    pub(crate) fn of(method: &Method, path: Option<&str>) -> Option<Self> {
        let (method, path) = (method.as_str(), path?);
        let is_it = |route: &Route| route.method == method && route.path == path;
        let found = TABLE.iter().find(|(.., routes)| routes.iter().any(is_it));
        found.map(|(endpoint, ..)| *endpoint)
    }

    /// Where the response of a limit says how long to wait; an endpoint of both services says it for both.
    pub(super) fn wait_headers(self) -> &'static [&'static str] {
        const BOTH: &[&str] = &["Retry-After", "X-Rate-Limit-Retry-After"];
        match (self.is_of_agi(), self.is_of(Service::Raccoon)) {
            (true, false) => &BOTH[..1],
            (false, true) => &BOTH[1..],
            _ => BOTH,
        }
    }

    fn is_of(self, service: Service) -> bool {
        self == Self::Any || self.routes().iter().any(|route| route.service == service)
    }

    fn routes(self) -> &'static [Route] {
        TABLE
            .iter()
            .find(|(endpoint, ..)| *endpoint == self)
            .map_or(&[], |(.., routes)| routes)
    }
}
