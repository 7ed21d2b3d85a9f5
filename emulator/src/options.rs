//! How an emulator is set up.

use crate::agi::Agent;
use crate::browser::Browser;
use crate::clock::Clock;
use crate::faults::Fault;
use crate::raccoon::{Dialect, Resume, TurnAgent};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use url::Url;

/// How an emulator is set up. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The address to bind; loopback by default, any other only with `allow_remote`.
    pub host: String,
    /// Lets other machines use the emulator: without encryption unless it speaks TLS, and its agent opens any page it is asked for.
    pub allow_remote: bool,
    /// Names that the emulator answers to, beside `localhost` and IP addresses: those that other machines call this one by.
    pub allow_hosts: Vec<String>,
    /// The port; 0: any free one.
    pub port: u16,
    /// The address by which others reach it behind a forwarder, such as `https://abc.forwarder.example`: it stands in `vnc_url`,
    /// `agent_url` and webhooks. `None`: the address that it listens on.
    pub public_url: Option<String>,
    /// Speaks TLS (`https`, `wss`), with a certificate of an authority that is made at the start and whose own certificate is
    /// written to [`Emulator::ca_file`](crate::Emulator::ca_file). It holds for `localhost`, the addresses that the emulator
    /// listens on, `host`, the host of `public_url`, and `allow_hosts`.
    pub tls: bool,
    /// Where the certificate of that authority is written, in PEM; turns TLS on. `None`: to a temporary file, which goes with the
    /// emulator. A file that holds anything else is not overwritten.
    pub tls_ca: Option<PathBuf>,
    /// Speaks TLS with a certificate of one's own: a PEM file with it, followed by those between it and its authority.
    pub tls_cert: Option<PathBuf>,
    /// The key of `tls_cert`: a PEM file without a passphrase.
    pub tls_key: Option<PathBuf>,
    /// A folder for what all worlds hold (scenario, faults, clock, sessions, turns, snapshots, uploads): it is written as it
    /// changes and when the emulator ends, and read at the start, where a scenario, faults and a clock that are given count more.
    /// It holds keys. A file in it that is no such state is an error, and stays as it is.
    pub state: Option<PathBuf>,
    /// A file with a state as [`Emulator::export_state`](crate::Emulator::export_state) gives it: what exists at the start and after
    /// each reset. Where `state` holds something already, that counts.
    pub seed: Option<PathBuf>,
    /// The same as data, in place of a file.
    pub seed_state: Option<Value>,
    /// Origins whose pages may use the API from a browser, such as `http://localhost:5173`. None may otherwise.
    pub cors_origins: Vec<String>,
    /// The accepted keys; `None`: any non-empty key, or, where other machines can use the emulator, one of its own that nobody
    /// can guess.
    pub api_keys: Option<Vec<String>>,
    /// Keys that are known but barred: they get 403.
    pub barred_keys: Vec<String>,
    /// Offers the control API below `/_emulator/v1`, with a new token.
    pub control: bool,
    /// Offers the control API with this token: 8 or more visible ASCII characters.
    pub control_token: Option<String>,
    /// Seconds between heartbeats on a stream.
    pub heartbeat_interval: f64,
    /// Seconds between the steps of the built-in agent.
    pub step_delay: f64,
    /// More live sessions per key than this: 503 `Rate limit exceeded`.
    pub session_limit: Option<usize>,
    /// Report the execution status as `ready` (never started, cancelled) and `paused` too.
    pub extended_status: bool,
    /// Skip the events up to `Last-Event-ID` when a stream is resumed.
    pub honour_last_event_id: bool,
    /// Seconds a new session stays `initializing`.
    pub init_delay: f64,
    /// Seconds before the second try of a webhook; doubled for the third.
    pub webhook_backoff: f64,
    /// Seconds that a webhook's receiver has for its response.
    pub webhook_timeout: f64,
    /// What the agent does; `None`: the built-in agent works on every task.
    pub scenario: Option<Scenario>,
    /// The same, read from a file when the emulator starts: JSON or YAML.
    pub scenario_file: Option<PathBuf>,
    /// What becomes of a task or turn that no entry of the scenario fits, where no agent of one's own works on it.
    pub unmatched: Unmatched,
    /// Works on the tasks that the scenario has no script for, in place of the built-in agent.
    #[serde(skip)]
    pub agent: Option<Agent>,
    /// Raccoon: works on the turns that the scenario has no script for, in place of the built-in agent.
    #[serde(skip)]
    pub turn_agent: Option<TurnAgent>,
    /// Faults from the start; their order counts.
    pub faults: Vec<Fault>,
    /// How time passes: for steps, delays, the initialization, heartbeats and timestamps.
    pub clock: Clock,
    /// What shows the pages: a Chromium for each session that opens one, or the built-in page view.
    pub browser: Browser,
    /// Chromium's program; `None`: the one that `SESSIONWIRE_CHROMIUM` names, else `chromium`, `chromium-browser` or
    /// `google-chrome` on the path.
    pub chromium: Option<PathBuf>,
    /// Raccoon: how many turns of a key run at once.
    pub max_turns: usize,
    /// Raccoon: turns above `max_turns` wait in a queue instead of getting 429.
    pub queue_turns: bool,
    /// Raccoon: the largest upload, in bytes; above it: 413.
    pub upload_limit: u64,
    /// Raccoon: what a WebSocket makes of `last_stream_entry_id`.
    pub resume: Resume,
    /// Raccoon: the events on a WebSocket carry a `stream_entry_id`, as those in the history always do.
    pub entry_ids: bool,
    /// Raccoon: how it speaks, where the documentation leaves that open.
    pub dialect: Dialect,
    /// Raccoon: seconds between the pings on a WebSocket.
    pub ping_interval: f64,
    /// Raccoon: answer a message that is not understood with an error instead of ignoring it.
    pub strict_frames: bool,
    /// Raccoon: offer `DELETE /message/{message_id}/abort`, which an earlier revision had.
    pub abort_endpoint: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            allow_remote: false,
            allow_hosts: Vec::new(),
            port: 0,
            public_url: None,
            tls: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            state: None,
            seed: None,
            seed_state: None,
            cors_origins: Vec::new(),
            api_keys: None,
            barred_keys: Vec::new(),
            control: false,
            control_token: None,
            heartbeat_interval: 30.0,
            step_delay: 0.15,
            session_limit: None,
            extended_status: false,
            honour_last_event_id: false,
            init_delay: 0.0,
            webhook_backoff: 1.0,
            webhook_timeout: 10.0,
            scenario: None,
            scenario_file: None,
            unmatched: Unmatched::Agent,
            agent: None,
            turn_agent: None,
            faults: Vec::new(),
            clock: Clock::Real,
            browser: Browser::Auto,
            chromium: None,
            max_turns: 10,
            queue_turns: false,
            upload_limit: 25 * 1024 * 1024,
            resume: Resume::Honoured,
            entry_ids: true,
            dialect: Dialect::default(),
            ping_interval: 20.0,
            strict_frames: false,
            abort_endpoint: false,
        }
    }
}

impl Options {
    /// The scenario, from whichever field has it.
    pub(crate) fn load_scenario(&self) -> Result<Scenario, StartError> {
        match (&self.scenario, &self.scenario_file) {
            (Some(_), Some(_)) => Err(StartError(
                "scenario and scenario_file are both set; use one of them".to_owned(),
            )),
            (None, Some(path)) => {
                Scenario::from_file(path).map_err(|error| StartError(error.to_string()))
            }
            (scenario, None) => Ok(scenario.clone().unwrap_or_default()),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let bad = |what: String| Err(StartError(what));
        for (name, value, least) in [
            ("heartbeat_interval", self.heartbeat_interval, 0.001),
            ("step_delay", self.step_delay, 0.0),
            ("init_delay", self.init_delay, 0.0),
            ("webhook_backoff", self.webhook_backoff, 0.0),
            ("webhook_timeout", self.webhook_timeout, 0.001),
            ("ping_interval", self.ping_interval, 0.001),
        ] {
            if !(least..=86_400.0).contains(&value) {
                return bad(format!(
                    "{name} is {value}; it is in seconds, from {least} to 86400"
                ));
            }
        }
        for origin in &self.cors_origins {
            crate::cors::check(origin).map_err(StartError)?;
        }
        if let Some(text) = &self.public_url {
            public_url(text).map_err(StartError)?;
        }
        check_tls(self).map_err(StartError)?;
        if self.max_turns == 0 {
            return bad(
                "max_turns is 0; it is how many turns may run at once, at least 1".to_owned(),
            );
        }
        let keys = self
            .api_keys
            .as_deref()
            .unwrap_or_default()
            .iter()
            .chain(&self.barred_keys);
        if self.api_keys.as_ref().is_some_and(Vec::is_empty)
            || keys.into_iter().any(|key| key.trim().is_empty())
        {
            return bad(
                "api_keys holds no usable key; name at least one, or leave it out to accept any"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// What is wrong with what the options say of TLS.
fn check_tls(options: &Options) -> Result<(), String> {
    let (cert, key) = (&options.tls_cert, &options.tls_key);
    let own = options.tls || options.tls_ca.is_some();
    match (cert, key) {
        (Some(_), None) => Err("tls_cert needs the certificate's key: set tls_key, too".to_owned()),
        (None, Some(_)) => Err("tls_key is the key of tls_cert: set that, too".to_owned()),
        (Some(_), Some(_)) if own => Err(
            "tls_cert is a certificate of your own, and tls (or tls_ca) asks for one that is made; use one of them"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// What becomes of a task or turn that no entry of the scenario fits.
///
/// It is asked only where the scenario has entries of that kind: one without tasks leaves every task to the built-in agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmatched {
    /// The built-in agent works on it, and a warning is logged.
    #[default]
    Agent,
    /// It fails with an error that names the nearest entry and the difference, and
    /// [`Emulator::unplayed`](crate::Emulator::unplayed) reports it. For tests.
    Error,
}

/// The address that others use, without a slash at its end.
pub(crate) fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    url.ok_or_else(|| {
        format!(
            "public_url is `{text}`, which is no address without a path; give the forwarder's, such as https://abc.forwarder.example"
        )
    })
}

/// Why an emulator did not start.
#[derive(Debug)]
pub struct StartError(pub(crate) String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
