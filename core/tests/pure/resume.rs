//! The resume machine against servers that cut, repeat, leave out and mix up.
//!
//! What it covers, and each property below holds:
//! - any number of cuts with the history replayed, repeats, and holes in the
//!   ids: exactly once and in order;
//! - from the second connection on also events that the stream leaves out or
//!   mixes up, as long as the messages have them: exactly once and in order;
//! - a first connection that mixes up its events: exactly once, each as soon
//!   as it comes.
//!
//! Where ids just have gaps, an event that the first connection leaves out is not
//! missed before a later connection brings it; where they hardly have any, it
//! is looked up.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sessionwire::agi::{Event, EventType};
use sessionwire::stream::resume::{Backoff, Resume, Step};

fn numbered(id: i64) -> Event {
    Event::new(EventType::Thought, Some(id), format!("{{\"n\": {id}}}"))
}

fn unnumbered(raw: &str) -> Event {
    Event::new(EventType::Log, None, raw)
}

fn after(baseline: i64, connections: u64) -> Resume {
    let mut resume = Resume::new(baseline);
    for _ in 0..connections {
        resume.connected();
    }
    resume
}

#[test]
fn new_events_are_delivered_and_old_ones_dropped() {
    let mut resume = after(10, 1);
    for old in [1, 9, 10] {
        assert_eq!(resume.admit(&numbered(old)), Step::Drop);
    }
    assert_eq!(resume.admit(&numbered(11)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(11)), Step::Drop);
    assert_eq!(resume.high(), 11);
}

#[test]
fn a_consumer_that_goes_on_gets_what_is_after_its_place() {
    let mut resume = Resume::new(10).checking_first_gaps().going_on_after(14);
    resume.connected();
    // A replay has all of the session, and what has no id may be old.
    for old in [numbered(9), numbered(12), unnumbered("old"), numbered(14)] {
        assert_eq!(resume.admit(&old), Step::Drop, "{old:?}");
    }
    assert_eq!(resume.admit(&unnumbered("new")), Step::Deliver);
    // 11 was the message that started the task: a gap here is none like that.
    assert_eq!(resume.admit(&numbered(16)), Step::LookUp { after: 14 });
    resume.looked_up([numbered(15)], 16);
    let found = resume.next_found_before(16).and_then(|event| event.id());
    assert_eq!(found, Some(15));
    assert_eq!(resume.admit(&numbered(16)), Step::Deliver);
}

#[test]
fn a_consumer_that_goes_on_gets_an_end_without_an_id() {
    let mut resume = Resume::new(10).going_on_after(14);
    resume.connected();
    let end = Event::new(EventType::Error, None, "no luck");
    assert_eq!(resume.admit(&end), Step::Deliver);
}

#[test]
fn a_consumer_that_got_nothing_goes_on_as_a_new_one() {
    let mut resume = Resume::new(10).going_on_after(10);
    resume.connected();
    assert_eq!(resume.admit(&unnumbered("first")), Step::Deliver);
    assert_eq!(resume.admit(&numbered(12)), Step::Deliver);
}

#[test]
fn a_jump_on_the_first_connection_is_normal() {
    let mut resume = after(0, 1);
    assert_eq!(resume.admit(&numbered(2)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(50)), Step::Deliver);
}

#[test]
fn a_jump_on_the_first_connection_is_looked_up_where_ids_hardly_have_gaps() {
    let mut resume = Resume::new(10).checking_first_gaps();
    resume.connected();
    // 11 is the message that started the task.
    assert_eq!(resume.admit(&numbered(12)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(15)), Step::LookUp { after: 12 });
    resume.looked_up([numbered(13), numbered(15)], 15);
    assert_eq!(
        resume.next_found_before(15).and_then(|event| event.id()),
        Some(13)
    );
    assert!(resume.next_found_before(15).is_none());
    assert_eq!(resume.admit(&numbered(15)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(13)), Step::Drop);
}

#[test]
fn gaps_that_are_no_loss_pass_after_a_while_and_are_looked_up_before_the_end() {
    let mut resume = Resume::new(0).checking_first_gaps();
    resume.connected();
    let mut looks = 0;
    let mut passed = None;
    for id in (1..2000).step_by(2) {
        if let Step::LookUp { .. } = resume.admit(&numbered(id)) {
            looks += 1;
            resume.looked_up([numbered(id)], id);
            assert_eq!(resume.admit(&numbered(id)), Step::Deliver);
            passed = None;
        } else if id > 1 {
            passed.get_or_insert(id - 1);
        }
    }
    assert!((9..30).contains(&looks), "{looks} looks at 1,000 gaps");
    let lost = passed.expect("the last gaps passed");
    let done = Event::new(EventType::Done, Some(2000), "{}");
    let Step::LookUp { after } = resume.admit(&done) else {
        panic!("the end came without a look");
    };
    assert!(after < lost);
    resume.looked_up([numbered(lost), done.clone()], 2000);
    // Late is better than lost.
    assert_eq!(
        resume.next_found_before(2000).and_then(|event| event.id()),
        Some(lost)
    );
    assert_eq!(resume.admit(&done), Step::Deliver);
}

#[test]
fn a_jump_after_a_reconnect_is_looked_up_once() {
    let mut resume = after(0, 1);
    assert_eq!(resume.admit(&numbered(1)), Step::Deliver);
    resume.connected();
    assert_eq!(resume.admit(&numbered(4)), Step::LookUp { after: 1 });
    // Nothing was delivered by asking.
    assert_eq!(resume.high(), 1);
    assert_eq!(resume.admit(&numbered(4)), Step::LookUp { after: 1 });
    resume.looked_up([numbered(3)], 3);
    assert_eq!(
        resume.next_found_before(4).and_then(|event| event.id()),
        Some(3)
    );
    assert!(resume.next_found_before(4).is_none());
    assert_eq!(resume.admit(&numbered(4)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(3)), Step::Drop);
    assert_eq!(resume.admit(&numbered(5)), Step::Deliver);
}

#[test]
fn a_look_up_that_finds_nothing_lets_the_event_pass() {
    let mut resume = after(1, 2);
    assert_eq!(resume.admit(&numbered(3)), Step::LookUp { after: 1 });
    resume.looked_up([], 2);
    assert_eq!(resume.admit(&numbered(3)), Step::Deliver);
}

#[test]
fn what_a_look_up_found_beyond_the_event_waits_for_its_turn() {
    let mut resume = after(0, 2);
    assert_eq!(resume.admit(&numbered(3)), Step::LookUp { after: 0 });
    resume.looked_up((1..=6).map(numbered), 6);
    let found: Vec<_> = std::iter::from_fn(|| resume.next_found_before(3)).collect();
    assert_eq!(
        found.iter().filter_map(Event::id).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(resume.admit(&numbered(3)), Step::Deliver);
    // 4 and 5 never come on the stream; no second look-up is needed.
    let found: Vec<_> = std::iter::from_fn(|| resume.next_found_before(6)).collect();
    assert_eq!(
        found.iter().filter_map(Event::id).collect::<Vec<_>>(),
        [4, 5]
    );
    assert_eq!(resume.admit(&numbered(6)), Step::Deliver);
    assert!(resume.next_found_before(i64::MAX).is_none());
}

#[test]
fn an_event_that_comes_late_is_delivered_once() {
    let mut resume = after(0, 1);
    for id in [1, 5, 9] {
        assert_eq!(resume.admit(&numbered(id)), Step::Deliver);
    }
    for id in [3, 2, 4, 6, 8, 7] {
        assert_eq!(resume.admit(&numbered(id)), Step::Deliver, "{id} is late");
    }
    for id in 1..=9 {
        assert_eq!(
            resume.admit(&numbered(id)),
            Step::Drop,
            "{id} was delivered"
        );
    }
}

#[test]
fn the_memory_of_gaps_is_bounded_and_the_newest_stay() {
    let mut resume = after(0, 1);
    for id in (2..=200_000).step_by(2) {
        assert_eq!(resume.admit(&numbered(id)), Step::Deliver);
    }
    assert_eq!(resume.admit(&numbered(199_999)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(1)), Step::Drop);
}

/// Each of them splits a gap. Work that grows with the number of gaps would take
/// minutes here.
#[test]
fn many_small_gaps_in_a_large_one_lose_nothing_and_take_little_time() {
    let evens = || (1..=400_000).map(|id| id * 2);
    let orders: [Box<dyn Iterator<Item = i64>>; 2] = [Box::new(evens()), Box::new(evens().rev())];
    for ids in orders {
        let mut resume = after(0, 1);
        assert_eq!(resume.admit(&numbered(1 << 62)), Step::Deliver);
        for id in ids {
            assert_eq!(resume.admit(&numbered(id)), Step::Deliver);
        }
        // The large gap is still known.
        assert_eq!(resume.admit(&numbered(1 << 61)), Step::Deliver);
        assert_eq!(resume.admit(&numbered(1 << 61)), Step::Drop);
    }
}

#[test]
fn ids_at_the_ends_of_their_range_do_no_harm() {
    let mut resume = after(0, 2);
    assert_eq!(resume.admit(&numbered(i64::MIN)), Step::Drop);
    assert_eq!(resume.admit(&numbered(-1)), Step::Drop);
    assert_eq!(resume.admit(&numbered(i64::MAX)), Step::LookUp { after: 0 });
    resume.looked_up([], i64::MAX - 1);
    assert_eq!(resume.admit(&numbered(i64::MAX)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(i64::MAX)), Step::Drop);
    // One absurd id does not swallow the events that follow.
    assert_eq!(resume.admit(&numbered(1)), Step::Deliver);
    assert_eq!(resume.admit(&numbered(2)), Step::Deliver);
}

#[test]
fn a_replay_of_an_event_without_an_id_is_dropped() {
    let mut resume = after(0, 1);
    assert_eq!(resume.admit(&unnumbered("a")), Step::Deliver);
    resume.connected();
    assert_eq!(resume.admit(&unnumbered("a")), Step::Drop);
    assert_eq!(resume.admit(&unnumbered("b")), Step::Deliver);
    let same_text = Event::new(EventType::Paused, None, "a");
    assert_eq!(resume.admit(&same_text), Step::Deliver);
    assert_eq!(resume.high(), 0);
}

#[test]
fn equal_events_without_an_id_are_as_many_as_the_service_sent() {
    let mut resume = after(0, 1);
    let admit = |resume: &mut Resume, times: usize| -> Vec<bool> {
        let steps = (0..times).map(|_| resume.admit(&unnumbered("click")));
        steps.map(|step| step == Step::Deliver).collect()
    };
    assert_eq!(admit(&mut resume, 3), [true, true, true]);
    // The replay breaks before its end, and another one brings a new one too.
    resume.connected();
    assert_eq!(admit(&mut resume, 2), [false, false]);
    resume.connected();
    assert_eq!(admit(&mut resume, 5), [false, false, false, true, true]);
    resume.connected();
    assert_eq!(admit(&mut resume, 5), [false; 5]);
}

#[test]
fn the_last_65536_events_without_an_id_are_remembered() {
    let mut resume = after(0, 1);
    for n in 0..65_537 {
        assert_eq!(resume.admit(&unnumbered(&n.to_string())), Step::Deliver);
    }
    resume.connected();
    for n in 1..65_537 {
        assert_eq!(resume.admit(&unnumbered(&n.to_string())), Step::Drop);
    }
    assert_eq!(resume.admit(&unnumbered("0")), Step::Deliver);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// On the stream and in the messages.
    Both,
    /// A step: not in the messages.
    Stream,
    /// The user's own: in the messages, no event.
    User,
}

/// A session's whole history, and how each connection to it goes.
#[derive(Debug)]
struct Run {
    entries: Vec<(i64, Kind)>,
    baseline: i64,
    connections: Vec<Connection>,
}

#[derive(Debug, Clone)]
struct Connection {
    /// How much of the history exists while it is open.
    known: Index,
    /// After how many events it breaks.
    cut: Index,
    /// Events that come again, and after which others.
    repeats: Vec<(Index, Index)>,
    /// Events that it leaves out.
    omitted: Vec<Index>,
    /// Pairs of events that change places.
    swapped: Vec<(Index, Index)>,
}

/// A run with these kinds of entries.
fn run(kinds: &'static [Kind]) -> impl Strategy<Value = Run> {
    let entry = (select(&[1_i64, 1, 1, 1, 2, 5][..]), select(kinds));
    let pairs = || vec(any::<(Index, Index)>(), 0..4);
    let connection = (
        any::<Index>(),
        any::<Index>(),
        pairs(),
        vec(any::<Index>(), 0..6),
        pairs(),
    )
        .prop_map(|(known, cut, repeats, omitted, swapped)| Connection {
            known,
            cut,
            repeats,
            omitted,
            swapped,
        });
    (vec(entry, 1..40), any::<Index>(), vec(connection, 1..8)).prop_map(
        |(steps, baseline, connections)| {
            let mut id = 0;
            let entries: Vec<_> = steps
                .into_iter()
                .map(|(step, kind)| {
                    id += step;
                    (id, kind)
                })
                .collect();
            let baseline = match baseline.index(entries.len() * 2) {
                at if at < entries.len() => entries[at].0,
                _ => 0,
            };
            Run {
                entries,
                baseline,
                connections,
            }
        },
    )
}

impl Run {
    /// What a consumer must get.
    fn expected(&self) -> Vec<i64> {
        let wanted = |(id, kind): &(i64, Kind)| *id > self.baseline && *kind != Kind::User;
        self.entries
            .iter()
            .filter(|entry| wanted(entry))
            .map(|entry| entry.0)
            .collect()
    }

    /// How much of the history exists at each connection: it only grows.
    fn known(&self) -> Vec<usize> {
        let mut most = 0;
        let known = |connection: &Connection| {
            most = most.max(connection.known.index(self.entries.len() + 1));
            most
        };
        self.connections.iter().map(known).collect()
    }
}

/// The events of one connection: faithful but for repeats and the cut.
fn faithful(history: &[(i64, Kind)], connection: &Connection) -> Vec<i64> {
    let mut ids: Vec<i64> = history
        .iter()
        .filter(|(_, kind)| *kind != Kind::User)
        .map(|(id, _)| *id)
        .collect();
    for (which, place) in &connection.repeats {
        if !ids.is_empty() {
            let place = place.index(ids.len());
            // Only what came before can come again.
            let id = ids[which.index(place + 1)];
            ids.insert(place + 1, id);
        }
    }
    ids.truncate(connection.cut.index(ids.len() + 1));
    ids
}

/// The same, with events left out and mixed up.
fn unfaithful(history: &[(i64, Kind)], connection: &Connection) -> Vec<i64> {
    let mut ids = faithful(history, connection);
    for at in &connection.omitted {
        if !ids.is_empty() {
            ids.remove(at.index(ids.len()));
        }
    }
    for (one, other) in &connection.swapped {
        if !ids.is_empty() {
            let (one, other) = (one.index(ids.len()), other.index(ids.len()));
            ids.swap(one, other);
        }
    }
    ids
}

/// What the driver of a stream does with the machine's decisions.
struct Consumer {
    resume: Resume,
    got: Vec<i64>,
    look_ups: usize,
}

impl Consumer {
    fn new(baseline: i64) -> Self {
        Self {
            resume: Resume::new(baseline),
            got: Vec::new(),
            look_ups: 0,
        }
    }

    fn connection(&mut self, ids: &[i64], history: &[(i64, Kind)]) {
        self.resume.connected();
        for &id in ids {
            loop {
                while let Some(found) = self.resume.next_found_before(id) {
                    self.got.push(found.id().unwrap());
                }
                match self.resume.admit(&numbered(id)) {
                    Step::Drop => break,
                    Step::Deliver => {
                        self.got.push(id);
                        break;
                    }
                    Step::LookUp { after } => self.look_up(after, id - 1, history),
                }
            }
        }
    }

    fn look_up(&mut self, after: i64, at_least: i64, history: &[(i64, Kind)]) {
        self.look_ups += 1;
        let messages = || {
            let stored = history.iter().filter(|(_, kind)| *kind != Kind::Stream);
            stored.filter(|(id, _)| *id > after)
        };
        let newest = messages().map(|(id, _)| *id).max().unwrap_or(0);
        let events = messages().filter(|(_, kind)| *kind == Kind::Both);
        self.resume
            .looked_up(events.map(|(id, _)| numbered(*id)), newest.max(at_least));
    }

    /// The messages alone, where no connection brings anything.
    fn read_messages(&mut self, history: &[(i64, Kind)]) {
        self.look_up(self.resume.high(), 0, history);
        while let Some(found) = self.resume.next_found_before(i64::MAX) {
            self.got.push(found.id().unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn cuts_repeats_and_holes(run in run(&[Kind::Both, Kind::Both, Kind::Stream, Kind::User])) {
        let mut consumer = Consumer::new(run.baseline);
        let expected = run.expected();
        for (connection, known) in run.connections.iter().zip(run.known()) {
            let history = &run.entries[..known];
            consumer.connection(&faithful(history, connection), history);
            prop_assert!(expected.starts_with(&consumer.got), "{:?} is no beginning of {:?}", consumer.got, expected);
        }
        let all: Vec<i64> = run.entries.iter().filter(|(_, kind)| *kind != Kind::User).map(|(id, _)| *id).collect();
        consumer.connection(&all, &run.entries);
        prop_assert_eq!(consumer.got, expected);
    }

    #[test]
    fn events_that_only_the_messages_have(run in run(&[Kind::Both, Kind::Both, Kind::User])) {
        let mut consumer = Consumer::new(run.baseline);
        let expected = run.expected();
        for (at, (connection, known)) in run.connections.iter().zip(run.known()).enumerate() {
            let history = &run.entries[..known];
            let ids = match at {
                0 => faithful(history, connection),
                _ => unfaithful(history, connection),
            };
            consumer.connection(&ids, history);
            prop_assert!(expected.starts_with(&consumer.got), "{:?} is no beginning of {:?}", consumer.got, expected);
            // One look-up answers every jump that it covers.
            prop_assert!(consumer.look_ups <= run.entries.len());
        }
        consumer.read_messages(&run.entries);
        prop_assert_eq!(consumer.got, expected);
    }

    #[test]
    fn events_in_any_order(run in run(&[Kind::Both, Kind::User])) {
        let mut consumer = Consumer::new(run.baseline);
        let mut came = BTreeSet::new();
        for (connection, known) in run.connections.iter().zip(run.known()) {
            let history = &run.entries[..known];
            let ids = unfaithful(history, connection);
            came.extend(ids.iter().copied().filter(|id| *id > run.baseline));
            consumer.connection(&ids, history);
        }
        let got: BTreeSet<i64> = consumer.got.iter().copied().collect();
        prop_assert_eq!(got.len(), consumer.got.len(), "one came twice: {:?}", consumer.got);
        prop_assert!(got.is_superset(&came), "{came:?} came, {got:?} was delivered");
        let exists: BTreeSet<i64> = run.expected().into_iter().collect();
        prop_assert!(got.is_subset(&exists));
    }

    #[test]
    fn any_ids_at_all(ids in vec(any::<i64>(), 0..50), reconnect in any::<bool>()) {
        let mut consumer = Consumer::new(0);
        if reconnect {
            consumer.resume.connected();
        }
        consumer.connection(&ids, &[]);
        let mut once: Vec<i64> = Vec::new();
        for id in ids {
            if id > 0 && !once.contains(&id) {
                once.push(id);
            }
        }
        prop_assert_eq!(consumer.got, once);
    }
}

fn waits(backoff: &mut Backoff, server: Option<Duration>, jitter: f64) -> Vec<u128> {
    std::iter::from_fn(|| backoff.next(server, jitter))
        .take(100)
        .map(|wait| wait.as_millis())
        .collect()
}

#[test]
fn the_waits_double_to_thirty_seconds_and_end() {
    let whole = waits(&mut Backoff::new(8), None, 1.0);
    assert_eq!(whole, [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    let half = waits(&mut Backoff::new(8), None, 0.0);
    assert_eq!(half, [0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    assert!(waits(&mut Backoff::new(0), None, 0.5).is_empty());
}

#[test]
fn progress_starts_the_waits_anew() {
    let mut backoff = Backoff::new(3);
    assert_eq!(waits(&mut backoff, None, 1.0), [0, 1000, 2000]);
    assert_eq!(backoff.next(None, 1.0), None);
    backoff.progress();
    assert_eq!(waits(&mut backoff, None, 1.0), [0, 1000, 2000]);
}

#[test]
fn the_servers_wait_is_kept_within_bounds() {
    let asked = Some(Duration::from_millis(1500));
    assert_eq!(
        waits(&mut Backoff::new(4), asked, 1.0),
        [1500, 1500, 2000, 4000]
    );
    let absurd = Some(Duration::from_millis(u64::MAX));
    assert_eq!(waits(&mut Backoff::new(2), absurd, 1.0), [30_000, 30_000]);
}

#[test]
fn endless_failures_do_not_overflow() {
    let mut backoff = Backoff::new(u32::MAX);
    for _ in 0..1000 {
        let wait = backoff.next(None, 1.0).expect("it never gives up");
        assert!(wait <= Duration::from_secs(30));
    }
}
