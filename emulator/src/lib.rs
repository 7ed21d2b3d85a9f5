//! A local server that speaks the agent session API, for development, tests and demos without a key.
//!
//! [`Emulator::start`] serves all AGI endpoints on a real socket: sessions, tasks, questions, the event stream,
//! webhooks, snapshots, a browser with screenshots. It keeps everything in memory (and in the folder of
//! [`Options::state`], where one is named) and shares no code with the
//! client, so that it is an independent witness of the wire.
//!
//! # The built-in agent
//!
//! Without a [`Scenario`] a built-in agent works on each task. It is a program, not an AI, and says so.
//!
//! - **A page.** It fetches the page that `start_url` names, or the first `http://` or `https://` address (or
//!   `www.` name) in the task's text, and ends with what it found: title, final address, headings, links, prices and
//!   forms. A task without an address is done on the page the browser shows when a `navigate` request opened it, or when
//!   the text says "this page" or "the page". A page that cannot be read ends the task with an error that says why.
//! - **No page.** It answers from the task's own text: words, sentences, and the numbers, dates, prices, addresses and
//!   e-mail addresses in it.
//! - **A question.** A task with the word `ask` in it makes the agent ask first; the answer is in the result's
//!   `answer`, and what matches it in `matches`.
//! - **Updates.** Messages sent while it works are acknowledged and listed in the result's `updates`.
//!
//! # An agent of your own
//!
//! An [`Agent`] is a function that works on the tasks which no scenario plays, in place of the built-in agent; a
//! [`TurnAgent`] does the same with Raccoon's turns.
//!
//! # Decisions where the wire is silent
//!
//! - Every message and event takes the next id of its session, from 1. A `step` event has an id and a `message_id`
//!   from that counter and is replayed with the history. `/messages` lists it as a `THOUGHT` (the wire calls that
//!   "reasoning or action") with `metadata.origin` `step`. A `USER` message has an id and no event.
//! - With `sanitize=false` the built-in agent's first `LOG` (`metadata.origin` is `system`) is visible, in
//!   `/messages` and in the stream.
//! - Cancelling adds a `LOG` message and event, then streams end.
//! - A key is a user: it sees its own sessions and snapshots only. `restore_default_environment_from_user_id` accepts any
//!   user id and restores the default environment of the key that asks, since the API never tells a user id.
//! - A task of a script or of one's own agent with a `start_url` shows that address in the browser without fetching it;
//!   a Chromium opens it when somebody looks.
//! - `save_snapshot_mode` `memory` and `filesystem` save the same: the page, and the profile of a Chromium.
//! - What it says has no field that is not documented; which browser shows the pages, [`Emulator::chromium`] and the live view
//!   say.
//! - On a fast clock ([`Clock::Fast`]) each session has its own time, which moves with its agent's waits alone.
//! - A request for a host that is neither `localhost` nor an address is refused (421), so that no web page reaches the
//!   emulator by a name of its own; [`Options::allow_hosts`] has the names that are its own.
//! - A webhook that is sent once more is the same event: the body is that of the first time, with its `timestamp`. The service signs nothing and
//!   numbers no delivery; [`WebhookAttempt::replay`] tells it apart.
//! - A request that is refused for its key (401, 403) is struck by no fault, and uses none up.
//! - The session limit counts all sessions that are not deleted.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod agent;
mod agi;
mod browser;
mod clock;
mod connection;
mod control;
mod cors;
mod emulator;
mod errors;
mod faults;
mod fill;
mod foreign;
mod host;
mod keeping;
mod kept;
mod keys;
mod live_link;
mod live_view;
mod matching;
mod middleware;
mod options;
mod page;
mod plain;
mod raccoon;
mod recorder;
mod requests;
mod saved;
mod scenario;
mod screenshot;
mod script;
mod seed;
mod state;
mod sync;
mod temporary;
mod timeline;
mod tls;
mod unknown_route;
mod unplayed;
mod verify;
mod web;
mod whole_file;
mod words;
mod workers;
mod world;

pub use agent::{
    AgentFunction, AgentJob, AgentJobs, AgentResult, JobHandle, PendingReply, TaskOver,
};
pub use agi::{
    Agent, AgentCall, AgentHandle, AgentPage, AgentTask, WebhookAttempt, WebhookOutcome,
    WebhookSender,
};
pub use browser::Browser;
pub use clock::Clock;
pub use control::CONTROL_OPENAPI;
pub use emulator::{Emulator, StateError};
pub use faults::{BodyAs, Endpoint, Fault, FaultError, Put, Then};
pub use kept::Unkept;
pub use options::{Options, StartError, Unmatched};
pub use raccoon::{
    AgentFile, AgentTurn, Dialect, Envelope, EventIds, PageMarks, PayloadPlace, Resume, TextFrames,
    TurnAgent, TurnCall, TurnHandle,
};
pub use recorder::{Recorded, Recorder, RecorderOptions};
pub use regex_lite::Regex;
pub use requests::{CapturedRequest, PathRegex, RequestFilter};
pub use scenario::{
    Beside, Branch, Choice, Conditions, CutStream, Exchange, Match, Outcome, RecordedEvent,
    RecordedMessage, RecordedTurnEvent, SCENARIO_SCHEMA, SHORTEST_SECRET, Scenario, ScenarioError,
    ScenarioProblem, ScriptedTask, ScriptedTurn, Sent, SessionRecording, Shape, Standing, Step,
    Todo, TurnRecording, TurnStep, Until, Wanted, WantedFile, When, Which,
};
pub use state::WorldError;
pub use unplayed::Unplayed;
pub use verify::{Drift, DriftKind, Target, Verification, VerifyError, verify};
