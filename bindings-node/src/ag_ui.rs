//! Tasks and turns in the words of AG-UI, by the core's rules.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use sessionwire::agi::{Event, EventType};
use sessionwire::seam::ag_ui::{self, Run};

use crate::reply::ErrorInfo;

/// One run: from its start to a question, or to the end of its task.
#[napi]
#[derive(Debug)]
pub struct AgUiRun(Mutex<Run>);

impl AgUiRun {
    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[napi]
impl AgUiRun {
    /// A run that a client asked for.
    #[napi(factory, catch_unwind)]
    pub fn of(thread_id: String, run_id: String) -> Self {
        Self(Mutex::new(Run::new(&thread_id, &run_id)))
    }

    /// What comes before all else.
    #[napi(catch_unwind)]
    pub fn started(&self) -> Vec<String> {
        self.run().started()
    }

    /// Whether nothing may follow.
    #[napi(catch_unwind, getter)]
    pub fn over(&self) -> bool {
        self.run().is_over()
    }

    /// The next event of a task.
    #[napi(catch_unwind)]
    pub fn add(&self, event_type: String, id: Option<i64>, raw: String) -> Vec<String> {
        let event_type = EventType::from_name(&event_type);
        self.run().add(&Event::new(event_type, id, raw))
    }

    /// The next event of a turn.
    #[napi(catch_unwind)]
    pub fn add_frame(&self, raw: String) -> Vec<String> {
        self.run().add(&Event::from_frame(raw))
    }

    /// There are no more events.
    #[napi(catch_unwind)]
    pub fn finished(&self) -> Vec<String> {
        self.run().finished()
    }

    /// The run cannot go on.
    #[napi(catch_unwind)]
    pub fn failed(&self, message: String, code: Option<String>) -> Vec<String> {
        self.run().failed(&message, code.as_deref())
    }
}

/// What a client asks for, as JSON, or an error.
#[napi(catch_unwind)]
pub fn ag_ui_input(body: String) -> Either<String, ErrorInfo> {
    match ag_ui::input(&body) {
        Ok(input) => Either::A(input),
        Err(error) => Either::B(error.into()),
    }
}
