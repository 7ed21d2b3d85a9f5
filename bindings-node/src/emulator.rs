//! The emulator, in this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Either, Function, PromiseRaw};
use napi_derive::napi;
use sessionwire_emulator as core;

use crate::agent::{self, AgentPort};
use crate::promises;
use crate::reply::ErrorInfo;

/// A running emulator. When JavaScript drops it, it stops.
#[napi]
pub struct Emulator {
    inner: Arc<core::Emulator>,
    /// Of the agents that it was started with, until they are asked for.
    port: Mutex<Option<AgentPort>>,
    turn_port: Mutex<Option<AgentPort>>,
    /// It was said that what it held is lost.
    told: Arc<AtomicBool>,
}

#[napi]
impl Emulator {
    /// Starts an emulator from JSON options; with `wake`, which is called when there is
    /// something to take, its agent is a function of JavaScript; with `wake_turns` that for turns.
    #[napi(catch_unwind)]
    pub fn start<'env>(
        env: &'env Env,
        options: String,
        wake: Option<Function<'env, (), ()>>,
        wake_turns: Option<Function<'env, (), ()>>,
    ) -> napi::Result<PromiseRaw<'env, Either<Emulator, ErrorInfo>>> {
        let options = serde_json::from_str::<core::Options>(&options);
        let wake = wake.as_ref().map(agent::wake).transpose()?;
        let wake_turns = wake_turns.as_ref().map(agent::wake).transpose()?;
        promises::spawn(env, async move {
            let mut options = match options {
                Ok(options) => options,
                Err(error) => return Either::B(ErrorInfo::unreadable_options(&error)),
            };
            let (agent, port) = wake.map(port_of(core::Agent::queue)).unzip();
            let (turn_agent, turn_port) = wake_turns.map(port_of(core::TurnAgent::queue)).unzip();
            options.agent = agent;
            options.turn_agent = turn_agent;
            match core::Emulator::start(options).await {
                Ok(emulator) => Either::A(Self {
                    inner: Arc::new(emulator),
                    port: Mutex::new(port),
                    turn_port: Mutex::new(turn_port),
                    told: Arc::default(),
                }),
                Err(error) => Either::B(ErrorInfo::config(error)),
            }
        })
    }

    /// The same emulator with a world of its own for one key; null: a new key.
    #[napi(catch_unwind)]
    pub fn world(&self, key: Option<String>) -> Either<Emulator, ErrorInfo> {
        match self.inner.world(key.as_deref()) {
            Ok(world) => Either::A(Self {
                inner: Arc::new(world),
                port: Mutex::default(),
                turn_port: Mutex::default(),
                told: Arc::default(),
            }),
            Err(error) => Either::B(ErrorInfo::invalid(error)),
        }
    }

    /// Sets everything back to how it began.
    #[napi(catch_unwind)]
    pub fn reset(&self) {
        self.inner.reset();
    }

    /// Sets the clock of the sessions that are created from now on, as JSON.
    #[napi(catch_unwind)]
    pub fn clock(&self, clock: String) -> Option<ErrorInfo> {
        match serde_json::from_str::<core::Clock>(&clock) {
            Ok(clock) => self.inner.clock(clock),
            Err(error) => return Some(ErrorInfo::unreadable(&error)),
        }
        None
    }

    /// The tasks of the agent that it was started with; once.
    #[napi(catch_unwind)]
    pub fn agent_port(&self) -> Option<AgentPort> {
        take(&self.port)
    }

    /// The same of the agent for turns.
    #[napi(catch_unwind)]
    pub fn turn_agent_port(&self) -> Option<AgentPort> {
        take(&self.turn_port)
    }

    /// Gives it another agent, or the built-in one; the tasks of the new agent.
    #[napi(catch_unwind)]
    pub fn agent(&self, wake: Option<Function<'_, (), ()>>) -> napi::Result<Option<AgentPort>> {
        let wake = wake.as_ref().map(agent::wake).transpose()?;
        let (agent, port) = wake.map(port_of(core::Agent::queue)).unzip();
        self.inner.agent(agent);
        Ok(port)
    }

    /// The same for turns.
    #[napi(catch_unwind)]
    pub fn turn_agent(
        &self,
        wake: Option<Function<'_, (), ()>>,
    ) -> napi::Result<Option<AgentPort>> {
        let wake = wake.as_ref().map(agent::wake).transpose()?;
        let (agent, port) = wake.map(port_of(core::TurnAgent::queue)).unzip();
        self.inner.turn_agent(agent);
        Ok(port)
    }

    /// The address.
    #[napi(getter, catch_unwind)]
    pub fn url(&self) -> String {
        self.inner.url().to_owned()
    }

    /// The address of Raccoon's endpoints.
    #[napi(getter, catch_unwind)]
    pub fn raccoon_url(&self) -> String {
        self.inner.raccoon_url().to_owned()
    }

    /// A key that it accepts.
    #[napi(getter, catch_unwind)]
    pub fn api_key(&self) -> String {
        self.inner.api_key().to_owned()
    }

    /// The page that shows all sessions.
    #[napi(getter, catch_unwind)]
    pub fn live_url(&self) -> String {
        self.inner.live_url().to_owned()
    }

    /// The base URL of the control API.
    #[napi(getter, catch_unwind)]
    pub fn control_url(&self) -> Option<String> {
        self.inner.control_url()
    }

    /// What the control API wants as a token.
    #[napi(getter, catch_unwind)]
    pub fn control_token(&self) -> Option<String> {
        self.inner.control_token().map(str::to_owned)
    }

    /// The file with what clients must trust.
    #[napi(getter, catch_unwind)]
    pub fn ca_file(&self) -> Option<String> {
        let file = self.inner.ca_file();
        file.map(|path| path.to_string_lossy().into_owned())
    }

    /// Whether other machines can use it.
    #[napi(getter, catch_unwind)]
    pub fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    /// What users should hear of when it has started.
    #[napi(getter, catch_unwind)]
    pub fn warnings(&self) -> Vec<String> {
        self.inner.warnings().to_vec()
    }

    /// Event streams open now.
    #[napi(getter, catch_unwind)]
    pub fn open_streams(&self) -> u32 {
        u32::try_from(self.inner.open_streams()).unwrap_or(u32::MAX)
    }

    /// Sessions alive now.
    #[napi(getter, catch_unwind)]
    pub fn session_count(&self) -> u32 {
        u32::try_from(self.inner.session_count()).unwrap_or(u32::MAX)
    }

    /// The requests that are meant, as a JSON array.
    #[napi(catch_unwind)]
    pub fn requests(&self, filter: String) -> Either<String, ErrorInfo> {
        match serde_json::from_str::<core::RequestFilter>(&filter) {
            Ok(filter) => Either::A(
                serde_json::to_string(&self.inner.requests_matching(&filter))
                    .unwrap_or_else(|_| "[]".to_owned()),
            ),
            Err(error) => Either::B(ErrorInfo::unreadable(&error)),
        }
    }

    /// The nearest request and what differs, and what happened so far.
    #[napi(catch_unwind)]
    pub fn explain(&self, filter: String) -> String {
        let filter = serde_json::from_str::<Option<core::RequestFilter>>(&filter);
        self.inner.explain(filter.unwrap_or_default().as_ref())
    }

    /// How often a request arrived or got its response.
    #[napi(getter, catch_unwind)]
    #[allow(clippy::cast_precision_loss)] // Nobody counts to 2^53.
    pub fn request_changes(&self) -> f64 {
        self.inner.request_changes() as f64
    }

    /// Waits for the next change, so many milliseconds at most; false once the emulator is closed.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It came from request_changes.
    pub fn requests_changed<'env>(
        &self,
        env: &'env Env,
        seen: f64,
        timeout: u32,
    ) -> napi::Result<PromiseRaw<'env, bool>> {
        let inner = self.inner.clone();
        let limit = Duration::from_millis(timeout.into());
        promises::spawn(env, async move {
            let changed = tokio::time::timeout(limit, inner.requests_changed(seen as u64)).await;
            changed.unwrap_or(true)
        })
    }

    /// Forgets what it received.
    #[napi(catch_unwind)]
    pub fn clear_requests(&self) {
        self.inner.clear_requests();
    }

    /// Injects a fault.
    #[napi(catch_unwind)]
    pub fn fail(&self, fault: String) -> Option<ErrorInfo> {
        let fault: core::Fault = match serde_json::from_str(&fault) {
            Ok(fault) => fault,
            Err(error) => return Some(ErrorInfo::unreadable(&error)),
        };
        self.inner.fail(fault).err().map(ErrorInfo::invalid)
    }

    /// The faults that still wait, as text.
    #[napi(catch_unwind)]
    pub fn faults(&self) -> Vec<String> {
        let faults = self.inner.faults();
        faults.iter().map(ToString::to_string).collect()
    }

    /// What a test should hear of when it ends: what no entry fits, and what was not used.
    #[napi(catch_unwind, ts_return_type = "[string[], string[]]")]
    pub fn unplayed(&self) -> Vec<Vec<String>> {
        let unplayed = self.inner.unplayed();
        vec![unplayed.unmatched, unplayed.unused]
    }

    /// The attempts to deliver webhooks, as a JSON array.
    #[napi(catch_unwind)]
    pub fn webhook_attempts(&self) -> String {
        serde_json::to_string(&self.inner.webhook_attempts()).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Takes all faults back.
    #[napi(catch_unwind)]
    pub fn clear_faults(&self) {
        self.inner.clear_faults();
    }

    /// Says what the agent does with the next tasks.
    #[napi(catch_unwind)]
    pub fn scenario(&self, scenario: String) -> Option<ErrorInfo> {
        match serde_json::from_str::<core::Scenario>(&scenario) {
            Ok(scenario) => self.inner.scenario(scenario),
            Err(error) => return Some(ErrorInfo::unreadable(&error)),
        }
        None
    }

    /// The same, from a file.
    #[napi(catch_unwind)]
    pub fn scenario_file(&self, path: String) -> Option<ErrorInfo> {
        self.inner.scenario_file(path).err().map(ErrorInfo::invalid)
    }

    /// Stops it and ends every connection. Can be called twice. An error says once that what it held could not be kept.
    #[napi(catch_unwind, ts_return_type = "Promise<ErrorInfo | null>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Option<ErrorInfo>>> {
        let (inner, told) = (self.inner.clone(), self.told.clone());
        promises::spawn(env, async move {
            inner.close().await;
            let unkept = inner
                .unkept()
                .filter(|_| !told.swap(true, Ordering::AcqRel));
            unkept.map(|unkept| ErrorInfo::config(unkept.lost()))
        })
    }
}

fn take(port: &Mutex<Option<AgentPort>>) -> Option<AgentPort> {
    port.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Makes an agent whose work comes through a port.
fn port_of<A>(queue: fn() -> (A, core::AgentJobs)) -> impl FnOnce(agent::Wake) -> (A, AgentPort) {
    move |wake| {
        let (agent, jobs) = queue();
        (agent, AgentPort::new(jobs, wake))
    }
}

/// The scenario of a recording, as JSON; also written to a file, if one is named.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn record_scenario(
    recording: String,
    secrets: Vec<String>,
    path: Option<String>,
) -> Either<String, ErrorInfo> {
    let recording = match serde_json::from_str::<core::SessionRecording>(&recording) {
        Ok(recording) => recording,
        Err(error) => return Either::B(ErrorInfo::unreadable(&error)),
    };
    let scenario = core::Scenario::from_recording(&recording, &secrets);
    if let Some(path) = path
        && let Err(error) = scenario.write(&path)
    {
        return Either::B(ErrorInfo::invalid(format!(
            "The scenario cannot be saved as {path}: {error}. Name a file that can be written"
        )));
    }
    Either::A(scenario.to_json())
}
