//! What to deliver, what to drop, and where to look for what is missing.
//!
//! A pure state machine. It is told what arrives; it knows neither sockets nor
//! clocks. One instance lives as long as the consumer's stream, over any number
//! of connections.

use std::collections::BTreeMap;
use std::time::Duration;

use super::gaps::Gaps;
use super::unnumbered::Unnumbered;
use crate::event::Event;
use crate::transport::retry::backoff;

/// How many ranges of ids that never came are remembered: some 4 MB of them.
const MAX_GAPS: usize = 65_536;
/// How many look-ups in a row may find nothing before some gaps of a first
/// connection pass: a service whose ids just have gaps is not asked each time.
const FREE_LOOK_UPS: u32 = 8;
/// Most gaps that pass between two look-ups, as a power of two.
const MOST_PASSES: u32 = 10;

/// What to do with an event that arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Give it to the consumer.
    Deliver,
    /// The consumer has it already, or it belongs to an older task.
    Drop,
    /// Ids are missing before it: read the messages after this id, hand them
    /// to [`Resume::looked_up`], and ask again.
    LookUp {
        /// The highest id before the oldest gap in question.
        after: i64,
    },
}

/// The position in a session's events.
#[derive(Debug)]
pub struct Resume {
    /// The id before the first one of interest.
    start: i64,
    /// The highest id delivered, or `start`.
    high: i64,
    /// Ids below `high` that never came.
    gaps: Gaps,
    /// Connections so far.
    connections: u64,
    /// Up to this id the messages were looked up.
    looked_up_to: i64,
    /// Looked up, and not delivered yet.
    found: BTreeMap<i64, Event>,
    first_gaps: FirstGaps,
    unnumbered: Unnumbered,
    /// Of a consumer that had events before: until this id came, what has none may be a
    /// replay of what that consumer has.
    old_until: Option<i64>,
}

/// What is done about gaps on the first connection.
#[derive(Debug)]
enum FirstGaps {
    /// Ids just have gaps.
    Natural,
    /// A gap may be a loss.
    Checked(GapChecks),
}

/// Which gaps of a first connection were looked up.
#[derive(Debug, Default)]
struct GapChecks {
    /// The id before the oldest gap that passed without a look.
    unchecked_after: Option<i64>,
    /// The id that asked for the look-up that is under way.
    asking: Option<i64>,
    /// Look-ups in a row that found nothing.
    fruitless: u32,
    /// Gaps that pass before the next look-up.
    passes: u32,
}

impl Resume {
    /// A position after `baseline`: everything up to that id is old.
    pub fn new(baseline: i64) -> Self {
        Self {
            start: baseline,
            high: baseline,
            gaps: Gaps::new(MAX_GAPS),
            connections: 0,
            looked_up_to: baseline,
            found: BTreeMap::new(),
            first_gaps: FirstGaps::Natural,
            unnumbered: Unnumbered::default(),
            old_until: None,
        }
    }

    /// The same for a consumer that another process gave everything up to `position`.
    pub fn going_on_after(mut self, position: i64) -> Self {
        if position > self.high {
            self.high = position;
            self.looked_up_to = position;
            self.old_until = Some(position);
        }
        self
    }

    /// The same for a service whose ids hardly have gaps: those of the first
    /// connection are looked up too. Where that finds nothing time after time
    /// some pass at first; they are looked up before the end of a task.
    pub fn checking_first_gaps(mut self) -> Self {
        self.first_gaps = FirstGaps::Checked(GapChecks::default());
        self
    }

    /// The highest id delivered.
    pub fn high(&self) -> i64 {
        self.high
    }

    /// Whether this id never came, although a later one did.
    #[cfg(feature = "raccoon")]
    pub fn is_missing(&self, id: i64) -> bool {
        self.gaps.contains(id)
    }

    /// How many connections were opened.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// A connection was opened.
    pub fn connected(&mut self) {
        self.connections += 1;
        self.unnumbered.connected();
    }

    /// Decides about an event. After [`Step::Deliver`] it counts as delivered.
    pub fn admit(&mut self, event: &Event) -> Step {
        let Some(id) = event.id() else {
            let is_new = self.unnumbered.is_new(event.fingerprint());
            // An end that comes twice is better than none.
            let may_be_had = self.old_until.is_some() && !event.is_terminal();
            return match is_new && !may_be_had {
                true => Step::Deliver,
                false => Step::Drop,
            };
        };
        if self.old_until.is_some_and(|until| id >= until) {
            self.old_until = None;
        }
        self.admit_id(id, event.is_terminal())
    }

    fn admit_id(&mut self, id: i64, terminal: bool) -> Step {
        if id <= self.high {
            // One that arrives late is better than one that is lost.
            return if self.gaps.take(id) {
                Step::Deliver
            } else {
                Step::Drop
            };
        }
        let gap = id > self.high.saturating_add(1) && self.looked_up_to < id - 1;
        if gap && self.connections > 1 {
            return Step::LookUp { after: self.high };
        }
        // The message that starts a task has an id and no event.
        let opening = self.high == self.start && id == self.start.saturating_add(2);
        if let FirstGaps::Checked(checks) = &mut self.first_gaps
            && let Some(after) = checks.look_up_before(id, self.high, gap && !opening, terminal)
        {
            return Step::LookUp { after };
        }
        self.advance(id);
        self.found.remove(&id);
        Step::Deliver
    }

    /// Takes the reply to a look-up: events by their ids. `up_to` is the
    /// highest id that the reply speaks of; the id before the event that
    /// asked counts as looked up in any case.
    pub fn looked_up(&mut self, events: impl IntoIterator<Item = Event>, up_to: i64) {
        self.looked_up_to = self.looked_up_to.max(up_to);
        for event in events {
            if let Some(id) = event
                .id()
                .filter(|id| *id > self.high || self.gaps.contains(*id))
            {
                self.found.insert(id, event);
            }
        }
        if let FirstGaps::Checked(checks) = &mut self.first_gaps {
            checks.looked_up(self.found.keys().next().copied());
        }
    }

    /// The next event that a look-up found below `id`. It counts as delivered.
    pub fn next_found_before(&mut self, id: i64) -> Option<Event> {
        loop {
            let entry = self.found.first_entry()?;
            if *entry.key() >= id {
                return None;
            }
            let (found, event) = entry.remove_entry();
            if found > self.high {
                self.advance(found);
                return Some(event);
            }
            if self.gaps.take(found) {
                return Some(event);
            }
        }
    }

    fn advance(&mut self, id: i64) {
        if id > self.high.saturating_add(1) {
            self.gaps.add(self.high + 1..=id - 1);
        }
        self.high = id;
    }
}

impl GapChecks {
    /// Whether to look before `id` is delivered, and after which id. `gap`:
    /// there is a new one between `high` and `id`. `terminal`: it is the last
    /// chance.
    fn look_up_before(&mut self, id: i64, high: i64, gap: bool, terminal: bool) -> Option<i64> {
        let look = match (gap, terminal) {
            (true, true) => true,
            (true, false) => self.passes == 0,
            (false, true) => self.unchecked_after.is_some(),
            (false, false) => false,
        };
        if look {
            self.asking = Some(id);
            return Some(self.unchecked_after.unwrap_or(high));
        }
        if gap {
            self.passes -= 1;
            self.unchecked_after.get_or_insert(high);
        }
        None
    }

    /// Takes note of a look-up; `lowest` is the lowest id that it found.
    fn looked_up(&mut self, lowest: Option<i64>) {
        let Some(asking) = self.asking.take() else {
            return;
        };
        self.unchecked_after = None;
        if lowest.is_some_and(|lowest| lowest < asking) {
            self.fruitless = 0;
        } else {
            self.fruitless = self.fruitless.saturating_add(1);
        }
        let beyond = self.fruitless.saturating_sub(FREE_LOOK_UPS);
        self.passes = (1 << beyond.min(MOST_PASSES)) - 1;
    }
}

/// The waits between attempts to connect.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    most: u32,
    first: Duration,
}

impl Backoff {
    /// Gives up after `most` failures in a row. The second wait is a second long.
    pub fn new(most: u32) -> Self {
        Self::starting_at(Duration::from_secs(1), most)
    }

    /// The same with another second wait; from there on they double.
    pub fn starting_at(first: Duration, most: u32) -> Self {
        Self {
            failures: 0,
            most,
            first,
        }
    }

    /// Something new arrived: the next failure is the first again.
    pub fn progress(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next attempt, or `None` to give up. A connection
    /// that broke after it had brought something new is opened again at once,
    /// or after what the server's `retry:` asks.
    pub fn next(&mut self, server_retry: Option<Duration>, jitter: f64) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(30);
        if self.failures >= self.most {
            return None;
        }
        let step = self.failures;
        self.failures += 1;
        let wait = match step {
            0 => Duration::ZERO,
            step => backoff(step - 1, self.first, LONGEST, jitter),
        };
        Some(wait.max(server_retry.unwrap_or_default().min(LONGEST)))
    }
}
