//! The faults that wait for their requests.

use super::effect::{FaultEffect, Replacement, WebhookFault};
use super::endpoint::Endpoint;
use super::fault::{Fault, FaultError};
use crate::seed::Draws;
use axum::http::{HeaderMap, header};
use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

/// The window of `per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// A request that looks for its faults.
pub(crate) struct Asking<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: &'a str,
    pub(crate) now: Instant,
    /// The text of the task or prompt that it is about, empty where there is none; found when it is needed.
    pub(crate) task: &'a dyn Fn() -> String,
    found: OnceCell<String>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(
        endpoint: Endpoint,
        session_id: Option<&'a str>,
        headers: &'a HeaderMap,
        query: &'a str,
        task: &'a dyn Fn() -> String,
    ) -> Self {
        Self {
            endpoint,
            session_id,
            headers,
            query,
            now: Instant::now(),
            task,
            found: OnceCell::new(),
        }
    }

    fn task(&self) -> &str {
        self.found.get_or_init(self.task)
    }

    /// The API key, as a header or, of a WebSocket, in the query.
    fn key(&self) -> String {
        let header = self.headers.get(header::AUTHORIZATION);
        let bearer = header.and_then(|value| value.to_str().ok()?.split_once(' '));
        let token = || {
            let mut query = url::form_urlencoded::parse(self.query.as_bytes());
            query.find(|(name, _)| name == "token")
        };
        bearer
            .map(|(_, key)| key.trim().to_owned())
            .or_else(|| token().map(|(_, key)| key.into_owned()))
            .unwrap_or_default()
    }

    fn has_header(&self, name: &str, wanted: &crate::matching::Match) -> bool {
        let mut values = self.headers.get_all(name).iter();
        values.any(|value| value.to_str().is_ok_and(|value| wanted.fits(value)))
    }
}

/// Why a fault did not strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unstruck {
    /// So many requests came that it is for; with its `skip` and `every` it acts from the one with the number `from` on.
    NoRequest { came: u64, from: u64 },
    /// No stream had so many events.
    TooFewEvents,
}

/// In the order in which they were injected.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    /// With what is left of `skip` and `times`.
    fault: Fault,
    effect: FaultEffect,
    /// As it was injected, in words.
    text: String,
    since: Instant,
    /// It has acted as often as it shall.
    is_spent: bool,
    /// How many requests `skip` let pass.
    passed: u64,
    /// It acted, or left to chance whether it does.
    has_struck: bool,
    /// How many requests matched, for `every`.
    matched: u64,
    /// How many draws there were for each endpoint and text of a task.
    draws: HashMap<(Endpoint, String), u64>,
    /// When the requests of each key came that `per_minute` let pass.
    passing: HashMap<String, VecDeque<Instant>>,
}

fn seconds(seconds: Option<f64>) -> Option<Duration> {
    seconds.map(Duration::from_secs_f64)
}

impl Pending {
    /// Whether the fault is for such a request, now.
    fn is_for(&self, asking: &Asking<'_>) -> bool {
        let fault = &self.fault;
        (fault.on == Endpoint::Any || fault.on == asking.endpoint)
            && (fault.session_id.is_none() || fault.session_id.as_deref() == asking.session_id)
            && fault.key.as_ref().is_none_or(|key| *key == asking.key())
            && fault
                .header
                .iter()
                .all(|(name, wanted)| asking.has_header(name, wanted))
            && fault
                .task
                .as_ref()
                .is_none_or(|wanted| wanted.fits(asking.task()))
            && self.acts_at(asking.now)
    }

    fn begins(&self) -> Instant {
        self.since + seconds(self.fault.starts_after).unwrap_or_default()
    }

    fn ends(&self) -> Option<Instant> {
        seconds(self.fault.lasts).map(|lasts| self.begins() + lasts)
    }

    fn acts_at(&self, now: Instant) -> bool {
        now >= self.begins() && !self.is_over(now)
    }

    /// Whether it will never act again.
    fn is_over(&self, now: Instant) -> bool {
        self.is_spent || self.ends().is_some_and(|end| now >= end)
    }

    /// It acts once more.
    fn count(&mut self) {
        self.has_struck = true;
        match self.fault.times {
            0 => {}
            1 => self.is_spent = true,
            _ => self.fault.times -= 1,
        }
    }

    /// Why it did nothing, if it did not.
    fn unstruck(&self) -> Option<Unstruck> {
        if !self.has_struck {
            let skip = self.passed.saturating_add(self.fault.skip);
            return Some(Unstruck::NoRequest {
                came: self.passed + self.matched,
                from: skip.saturating_add(self.fault.every.unwrap_or(1)),
            });
        }
        let stream = self.effect.stream.as_ref()?;
        let ends_later = stream.stop.is_some_and(|(_, after)| after > 0);
        (ends_later && !stream.reached.is_true()).then_some(Unstruck::TooFewEvents)
    }

    /// The next draw for this request: the same for the same seed, fault, endpoint, task and count.
    fn draw(&mut self, asking: &Asking<'_>) -> f64 {
        let task = asking.task();
        let count = self
            .draws
            .entry((asking.endpoint, task.to_owned()))
            .or_default();
        *count += 1;
        let about = [&self.text, asking.endpoint.name(), task, &count.to_string()];
        Draws::new(self.fault.seed.unwrap_or_default(), &about).draw()
    }

    /// Whether it acts on this request, which it is for.
    fn strikes(&mut self, asking: &Asking<'_>) -> Option<FaultEffect> {
        if self.fault.skip > 0 {
            self.fault.skip -= 1;
            self.passed += 1;
            return None;
        }
        self.matched += 1;
        self.has_struck |= self.fault.chance.is_some() || self.fault.per_minute.is_some();
        if self
            .fault
            .every
            .is_some_and(|every| !self.matched.is_multiple_of(every))
        {
            return None;
        }
        if let Some(chance) = self.fault.chance
            && self.draw(asking) >= chance
        {
            return None;
        }
        let wait = match self.fault.per_minute {
            None => None,
            Some(limit) => Some(self.over_limit(limit, asking)?),
        };
        let mut effect = self.effect.clone();
        if let Some(wait) = wait {
            self.say_wait(&mut effect, wait);
        }
        if let Some(latency) = self.fault.latency {
            let varies = self
                .fault
                .jitter
                .map_or(0.0, |jitter| jitter * self.draw(asking));
            let latency = Duration::from_secs_f64(latency + varies);
            effect.delay = Some(effect.delay.unwrap_or_default() + latency);
        }
        Some(effect)
    }

    /// How long a request beyond the limit has to wait; one within it is counted.
    fn over_limit(&mut self, limit: u64, asking: &Asking<'_>) -> Option<Duration> {
        let passing = self.passing.entry(asking.key()).or_default();
        while passing
            .front()
            .is_some_and(|first| asking.now.duration_since(*first) >= MINUTE)
        {
            passing.pop_front();
        }
        match passing.front() {
            Some(first) if passing.len() as u64 >= limit => {
                Some(MINUTE - asking.now.duration_since(*first))
            }
            _ => {
                passing.push_back(asking.now);
                None
            }
        }
    }

    /// Says in the response how long to wait, unless the fault says it.
    fn say_wait(&self, effect: &mut FaultEffect, wait: Duration) {
        if let Some(Replacement::Canned(response)) = &mut effect.replacement
            && response.status == 429
            && self.fault.retry_after.is_none()
        {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            for name in self.fault.on.wait_headers() {
                response
                    .headers
                    .insert((*name).to_owned(), seconds.to_string());
            }
        }
    }
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> Result<(), FaultError> {
        let effect = fault.effect().map_err(FaultError)?;
        self.0.push(Pending {
            text: fault.to_string(),
            fault,
            effect,
            since: Instant::now(),
            is_spent: false,
            passed: 0,
            has_struck: false,
            matched: 0,
            draws: HashMap::new(),
            passing: HashMap::new(),
        });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the oldest fault back that reads so, with what is left of it; false: there is none.
    pub(crate) fn remove(&mut self, text: &str) -> bool {
        let now = Instant::now();
        let is_meant =
            |pending: &Pending| !pending.is_over(now) && pending.fault.to_string() == text;
        let place = self.0.iter().position(is_meant);
        place.map(|place| self.0.remove(place)).is_some()
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        let now = Instant::now();
        let waiting = self.0.iter().filter(|pending| !pending.is_over(now));
        waiting.map(|pending| pending.fault.clone()).collect()
    }

    /// Hashes what changes whenever `list` does; much cheaper than that.
    pub(crate) fn hash(&self, into: &mut impl Hasher) {
        let now = Instant::now();
        for pending in &self.0 {
            let Fault { times, skip, .. } = pending.fault;
            (&pending.text, times, skip, pending.is_over(now)).hash(into);
        }
    }

    /// Those that did nothing so far.
    pub(crate) fn unstruck(&self) -> Vec<(String, Unstruck)> {
        let each = self.0.iter();
        each.filter_map(|pending| Some((pending.text.clone(), pending.unstruck()?)))
            .collect()
    }

    /// What happens to this webhook, by the oldest fault that is for it, and the fault in words.
    pub(crate) fn match_webhook(
        &mut self,
        event: &str,
        session_id: &str,
    ) -> Option<(WebhookFault, String)> {
        let now = Instant::now();
        let pending = self.0.iter_mut().find_map(|pending| {
            let fault = &mut pending.fault;
            let is_meant = fault.on == Endpoint::Webhook
                && fault.event.as_deref().is_none_or(|wanted| wanted == event)
                && fault
                    .session_id
                    .as_deref()
                    .is_none_or(|wanted| wanted == session_id)
                && !pending.is_spent;
            let passes = is_meant && fault.skip > 0;
            if passes {
                fault.skip -= 1;
                pending.passed += 1;
            }
            (is_meant && !passes).then_some(pending)
        })?;
        pending.count();
        let struck = (pending.effect.webhook.clone()?, pending.text.clone());
        self.forget(now);
        Some(struck)
    }

    /// Forgets those that are over, but for those to be reported.
    fn forget(&mut self, now: Instant) {
        self.0
            .retain(|pending| !pending.is_over(now) || pending.unstruck().is_some());
    }

    /// What happens to this request: by the oldest fault that acts on it, and by each `latency` beside it.
    pub(crate) fn match_fault(&mut self, asking: &Asking<'_>) -> Option<FaultEffect> {
        let mut effect: Option<FaultEffect> = None;
        let mut latency: Option<Duration> = None;
        for pending in &mut self.0 {
            let adds = pending.fault.latency.is_some();
            if (effect.is_some() && !adds) || !pending.is_for(asking) {
                continue;
            }
            let Some(found) = pending.strikes(asking) else {
                continue;
            };
            pending.count();
            if adds {
                latency = Some(latency.unwrap_or_default() + found.delay.unwrap_or_default());
            } else {
                effect = Some(found);
            }
        }
        self.forget(asking.now);
        if let Some(latency) = latency {
            let effect = effect.get_or_insert_default();
            effect.delay = Some(effect.delay.unwrap_or_default() + latency);
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::super::effect::{CannedResponse, Replacement};
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        for text in texts {
            faults.add(text.parse().unwrap()).unwrap();
        }
        faults
    }

    /// A request for an endpoint, of a session, with a task.
    fn asking<'a>(
        endpoint: Endpoint,
        session_id: Option<&'a str>,
        headers: &'a HeaderMap,
        task: &'a dyn Fn() -> String,
    ) -> Asking<'a> {
        Asking::new(endpoint, session_id, headers, "", task)
    }

    fn ask(faults: &mut Faults, endpoint: Endpoint, task: &str) -> Option<FaultEffect> {
        let headers = HeaderMap::new();
        let task = || task.to_owned();
        faults.match_fault(&asking(endpoint, None, &headers, &task))
    }

    fn status(effect: Option<FaultEffect>) -> Option<u16> {
        match effect?.replacement {
            Some(Replacement::Canned(CannedResponse { status, .. })) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn skip_times_and_session_are_counted() {
        let mut faults = faults(&["get reset times=2 skip=1 session_id=a"]);
        let headers = HeaderMap::new();
        let mut hits = |session| {
            let asking = asking(Endpoint::Get, Some(session), &headers, &String::new);
            faults.match_fault(&asking).is_some()
        };
        assert!(!hits("b"));
        assert_eq!(
            [hits("a"), hits("a"), hits("a"), hits("a")],
            [false, true, true, false]
        );
    }

    #[test]
    fn times_zero_is_for_ever_and_faults_match_in_order() {
        let mut faults = faults(&["list status=500", "* status=503 times=0"]);
        let mut next = || status(ask(&mut faults, Endpoint::List, "")).unwrap();
        assert_eq!([next(), next(), next()], [500, 503, 503]);
        faults.clear();
        assert!(ask(&mut faults, Endpoint::List, "").is_none());
    }

    #[test]
    fn what_waits_is_listed_with_what_is_left_of_it() {
        let mut faults = faults(&["list reset times=3 skip=1", "get hang times=0"]);
        let texts = |faults: &Faults| -> Vec<String> {
            faults.list().iter().map(ToString::to_string).collect()
        };
        for left in [
            "list reset times=3",
            "list reset times=2",
            "list reset",
            "get hang times=0",
        ] {
            ask(&mut faults, Endpoint::List, "");
            assert_eq!(texts(&faults)[0], left);
        }
    }

    #[test]
    fn every_third_request_is_struck_and_times_counts_those() {
        let mut faults = faults(&["list status=500 every=3 times=2"]);
        let struck: Vec<_> = (0..10)
            .map(|_| ask(&mut faults, Endpoint::List, "").is_some())
            .collect();
        let hits: Vec<_> = (1..=10).filter(|n| struck[n - 1]).collect();
        assert_eq!(hits, [3, 6]);
    }

    #[test]
    fn chance_depends_on_the_task_and_not_on_the_order() {
        let tasks: Vec<String> = (0..200).map(|n| format!("task {n}")).collect();
        let run = |tasks: &[String], seed: u64| -> Vec<bool> {
            let mut faults = faults(&[&format!("message status=503 chance=0.3 seed={seed}")]);
            let mut struck: Vec<_> = tasks
                .iter()
                .map(|task| {
                    let hit = ask(&mut faults, Endpoint::Message, task).is_some();
                    (task.clone(), hit)
                })
                .collect();
            struck.sort();
            struck.into_iter().map(|(_, hit)| hit).collect()
        };
        let mut backwards = tasks.clone();
        backwards.reverse();
        let first = run(&tasks, 1);
        assert_eq!(first, run(&backwards, 1));
        assert_ne!(first, run(&tasks, 2));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((40..80).contains(&hits), "{hits}");
        let all = |chance: &str| {
            let mut faults = faults(&[&format!("* hang chance={chance}")]);
            let hits = tasks
                .iter()
                .filter(|task| ask(&mut faults, Endpoint::List, task).is_some());
            hits.count()
        };
        assert_eq!((all("0"), all("1")), (0, 200));
        // The same task again is another draw.
        let again: Vec<_> = std::iter::repeat_n("one".to_owned(), 40).collect();
        assert!(run(&again, 1).windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn an_outage_begins_and_ends_by_the_clock() {
        let mut faults = faults(&["* status=503 starts_after=10 lasts=5"]);
        let headers = HeaderMap::new();
        let begin = faults.0[0].since;
        let mut at = |seconds: f64| {
            let mut asking = asking(Endpoint::List, None, &headers, &String::new);
            asking.now = begin + Duration::from_secs_f64(seconds);
            faults.match_fault(&asking).is_some()
        };
        assert_eq!(
            [at(0.0), at(9.9), at(10.0), at(14.9), at(15.0), at(11.0)],
            [false, false, true, true, false, false]
        );
        assert!(faults.list().is_empty());
    }

    #[test]
    fn requests_beyond_those_of_a_minute_are_refused_for_each_key() {
        let mut faults = faults(&["* per_minute=2"]);
        let begin = Instant::now();
        let mut at = |seconds: u64, key: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
            let mut asking = asking(Endpoint::List, None, &headers, &String::new);
            asking.now = begin + Duration::from_secs(seconds);
            match faults.match_fault(&asking)?.replacement {
                Some(Replacement::Canned(response)) => {
                    assert_eq!(response.status, 429);
                    Some(response.headers["Retry-After"].clone())
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([at(0, "a"), at(20, "a"), at(20, "b")], [None, None, None]);
        assert_eq!(at(30, "a").as_deref(), Some("30"));
        assert_eq!(at(59, "a").as_deref(), Some("1"));
        assert_eq!(at(60, "a"), None);
        assert_eq!(at(61, "a").as_deref(), Some("19"));
        assert_eq!(at(61, "b"), None);
    }

    #[test]
    fn latency_adds_to_what_other_faults_do() {
        let mut faults = faults(&[
            "* latency=0.25",
            "list status=500 delay=1",
            "* latency=0.5 times=1",
        ]);
        let delays: Vec<_> = (0..3)
            .map(|_| {
                let effect = ask(&mut faults, Endpoint::List, "").unwrap();
                (effect.delay.unwrap().as_millis(), status(Some(effect)))
            })
            .collect();
        assert_eq!(delays, [(1750, Some(500)), (250, None), (250, None)]);
    }

    #[test]
    fn key_header_and_task_choose_the_requests() {
        let struck = |text: &str, key: &str, team: &str, task: &str| {
            let mut faults = faults(&[text]);
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
            headers.insert("x-team", team.parse().unwrap());
            let task = || task.to_owned();
            let asking = asking(Endpoint::Message, None, &headers, &task);
            faults.match_fault(&asking).is_some()
        };
        assert!(struck("message hang key=k1", "k1", "a", ""));
        assert!(!struck("message hang key=k1", "k12", "a", ""));
        assert!(struck(
            r#"* hang header={"X-Team":"red"}"#,
            "k",
            "redteam",
            ""
        ));
        assert!(!struck(
            r#"* hang header={"X-Team":{"equals":"red"}}"#,
            "k",
            "redteam",
            ""
        ));
        assert!(!struck(
            r#"* hang header={"x-other":"red"}"#,
            "k",
            "red",
            ""
        ));
        assert!(struck("message hang task=mug", "k", "a", "Buy a mug"));
        assert!(!struck("message hang task=mug", "k", "a", "Buy a cup"));
        assert!(struck(
            r#"* hang task={"regex":"^Buy"}"#,
            "k",
            "a",
            "Buy a cup"
        ));
    }
}
