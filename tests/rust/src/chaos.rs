//! The chaos run: tasks through a proxy that cuts their streams. `tests/chaos/plan.json` says what and how.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use sessionwire::agi::{Client, StartTask};
use sessionwire_emulator::Emulator;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::proxy::{Cuts, Cutter};
use crate::{all, build, emulator_with, ids, session};

/// What every language runs.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    /// Tasks at the same time.
    pub workers: usize,
    longest: u64,
    last_id: i64,
    result: String,
    steps: Value,
}

/// How a run went.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    /// Events that were delivered.
    pub events: usize,
    /// Streams that were cut.
    pub cuts: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Ids that never came.
    pub lost: usize,
    /// Ids that came again.
    pub repeated: usize,
    /// Ids that came after a higher one.
    pub out_of_order: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} cuts of {} streams: {} lost, {} repeated, {} out of order ({:.1} s)",
            self.events,
            self.cuts,
            self.streams,
            self.lost,
            self.repeated,
            self.out_of_order,
            self.elapsed.as_secs_f64()
        )
    }
}

impl Figures {
    /// Nothing was lost, repeated or mixed up.
    pub fn is_clean(&self) -> bool {
        (self.lost, self.repeated, self.out_of_order) == (0, 0, 0)
    }

    pub(crate) fn count(&mut self, got: &[i64], wanted: RangeInclusive<i64>) {
        let unique: BTreeSet<i64> = got.iter().copied().collect();
        let (mut highest, mut seen) = (0, BTreeSet::new());
        for id in got {
            if seen.insert(*id) && *id < highest {
                self.out_of_order += 1;
            }
            highest = highest.max(*id);
        }
        self.events += got.len();
        self.lost += wanted.filter(|id| !unique.contains(id)).count();
        self.repeated += got.len() - unique.len();
    }
}

/// The plan of all languages.
pub fn plan() -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chaos/plan.json");
    let text = std::fs::read_to_string(path).expect("the plan is there");
    serde_json::from_str(&text).expect("the plan can be read")
}

/// Runs tasks until there were so many events and cuts.
pub async fn run(plan: &Plan, events: usize, cuts: u64, seed: u64) -> Figures {
    let started = Instant::now();
    let (replaying, resuming) = (
        Place::new(plan, false, seed).await,
        Place::new(plan, true, seed).await,
    );
    let figures = Arc::new(Mutex::new(Figures::default()));
    let mut workers = JoinSet::new();
    for worker in 0..plan.workers {
        let places = [replaying.clone(), resuming.clone()];
        let (plan, figures) = (plan.clone(), figures.clone());
        workers.spawn(async move {
            let place = &places[worker % 2];
            loop {
                let got = place.task(&plan).await;
                let mut figures = figures.lock().await;
                figures.count(&got, 2..=plan.last_id);
                let cut: u64 = places.iter().map(|place| place.cutter.cuts()).sum();
                if figures.events >= events && cut >= cuts {
                    return;
                }
            }
        });
    }
    workers.join_all().await;
    let mut figures = figures.lock().await.clone();
    figures.cuts = replaying.cutter.cuts() + resuming.cutter.cuts();
    figures.streams = replaying.cutter.streams() + resuming.cutter.streams();
    figures.elapsed = started.elapsed();
    figures
}

/// A service, the proxy before it, and a client.
#[derive(Clone)]
struct Place {
    _emulator: Arc<Emulator>,
    cutter: Arc<Cutter>,
    client: Client,
}

impl Place {
    async fn new(plan: &Plan, honours: bool, seed: u64) -> Self {
        let options = json!({
            "honour_last_event_id": honours,
            "scenario": {"tasks": [{"steps": plan.steps}]},
        });
        let emulator = emulator_with(options).await;
        let cuts = Cuts {
            seed,
            longest: plan.longest,
            replays: !honours,
        };
        let cutter = Cutter::start(emulator.url(), cuts).await;
        let options = json!({"base_url": cutter.url, "api_key": emulator.api_key()});
        Self {
            _emulator: Arc::new(emulator),
            cutter: Arc::new(cutter),
            client: build(options).expect("the options are right"),
        }
    }

    /// Runs one task; the ids of its events as they came.
    async fn task(&self, plan: &Plan) -> Vec<i64> {
        let session = session(&self.client).await;
        let task = session
            .start_task(StartTask::new("go"))
            .await
            .expect("a task");
        let got = ids(&all(&mut task.events()).await);
        let result = task.result(None).await.expect("a result");
        assert_eq!(result.text, plan.result);
        session.delete().await.expect("it is deleted");
        got
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn every_fault_is_counted() {
        let count = |got: &[i64]| {
            let mut figures = Figures::default();
            figures.count(got, 2..=5);
            (figures.lost, figures.repeated, figures.out_of_order)
        };
        assert_eq!(count(&[2, 3, 4, 5]), (0, 0, 0));
        assert_eq!(count(&[2, 4, 5]), (1, 0, 0));
        assert_eq!(count(&[2, 3, 3, 4, 5]), (0, 1, 0));
        assert_eq!(count(&[2, 4, 3, 5]), (0, 0, 1));
        assert_eq!(count(&[]), (4, 0, 0));
    }
}
