//! The driver of `tests/contract/retry.json`.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use sessionwire::transport::retry::{
    Attempt, Decision, Effect, Failure, decide, parse_retry_after,
};

use crate::cases::passed;
use crate::{contract, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code, reason = "for the report")]
    guarantees: Vec<u8>,
    #[allow(dead_code, reason = "for the report")]
    only: Vec<String>,
    #[allow(dead_code, reason = "for the report")]
    because: String,
    decisions: Vec<Case>,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    /// Attempts so far.
    made: u32,
    max_retries: u32,
    effect: CaseEffect,
    failure: CaseFailure,
    retry_after_ms: Option<u64>,
    left_ms: u64,
    /// What is left of the caller's wait for limits; absent: it gives none.
    #[serde(default)]
    limit_left_ms: Option<u64>,
    /// From the least to the most, by jitter; `null`: stop.
    wait_ms: Option<[u64; 2]>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum CaseEffect {
    Repeatable,
    Once,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum CaseFailure {
    NotSent,
    Broken,
    Limited,
    Status(u16),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    id: String,
    value: String,
    /// The time of reading, in seconds since 1970.
    now: u64,
    wait_ms: Option<u64>,
}

fn file() -> File {
    read(&contract("retry.json"))
}

impl Case {
    fn attempt(&self, jitter: f64) -> Attempt {
        Attempt {
            made: self.made,
            first_wait: Duration::from_millis(500),
            max_retries: self.max_retries,
            effect: match self.effect {
                CaseEffect::Repeatable => Effect::Repeatable,
                CaseEffect::Once => Effect::Once,
            },
            failure: match self.failure {
                CaseFailure::NotSent => Failure::NotSent,
                CaseFailure::Broken => Failure::Broken,
                CaseFailure::Limited => Failure::Limited,
                CaseFailure::Status(status) => Failure::Status(status),
            },
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            left: Duration::from_millis(self.left_ms),
            limit_left: self.limit_left_ms.map(Duration::from_millis),
            jitter,
        }
    }
}

#[test]
fn every_case_has_its_own_id() {
    let file = file();
    let mut seen = HashSet::new();
    let decisions = file.decisions.iter().map(|case| &case.id);
    for id in decisions.chain(file.headers.iter().map(|header| &header.id)) {
        assert!(seen.insert(id), "{id} occurs twice");
    }
    assert!(seen.len() > 60);
}

#[test]
fn every_decision() {
    for case in file().decisions {
        match case.wait_ms {
            None => {
                for jitter in [0.0, 0.5, 1.0] {
                    assert_eq!(decide(&case.attempt(jitter)), Decision::Stop, "{}", case.id);
                }
            }
            Some([least, most]) => {
                let wait = |ms| Decision::Wait(Duration::from_millis(ms));
                assert_eq!(decide(&case.attempt(0.0)), wait(least), "{}", case.id);
                assert_eq!(decide(&case.attempt(1.0)), wait(most), "{}", case.id);
                let middle = (least + most) / 2;
                assert_eq!(decide(&case.attempt(0.5)), wait(middle), "{}", case.id);
            }
        }
        passed(&format!("retry/{}", case.id));
    }
}

#[test]
fn every_header() {
    for case in file().headers {
        let wait = case.wait_ms.map(Duration::from_millis);
        assert_eq!(
            parse_retry_after(&case.value, case.now),
            wait,
            "{}",
            case.id
        );
        passed(&format!("retry/{}", case.id));
    }
}

/// Whatever a caller passes, the answer is a decision.
#[test]
fn odd_input_does_no_harm() {
    let case = &file().decisions[0];
    for jitter in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 2.0] {
        let decision = decide(&case.attempt(jitter));
        let Decision::Wait(wait) = decision else {
            panic!("jitter {jitter} stopped it");
        };
        let [least, most] = case.wait_ms.expect("the first case waits");
        assert!((least..=most).contains(&(wait.as_millis() as u64)));
    }
    let before_the_first = Attempt {
        made: 0,
        ..case.attempt(0.0)
    };
    assert!(matches!(decide(&before_the_first), Decision::Wait(_)));
    let after_many = Attempt {
        made: u32::MAX - 1,
        max_retries: u32::MAX,
        ..case.attempt(1.0)
    };
    assert_eq!(decide(&after_many), Decision::Wait(Duration::from_secs(8)));
}

#[test]
fn every_status_is_decided_for_both_effects() {
    let repeatable = [408, 500, 502, 503, 504];
    for status in 0..=999 {
        for (effect, waits) in [
            (Effect::Repeatable, repeatable.contains(&status)),
            (Effect::Once, false),
        ] {
            let decision = decide(&Attempt {
                made: 1,
                first_wait: Duration::from_millis(500),
                max_retries: 3,
                effect,
                failure: Failure::Status(status),
                retry_after: None,
                left: Duration::from_secs(60),
                limit_left: None,
                jitter: 0.5,
            });
            assert_eq!(
                matches!(decision, Decision::Wait(_)),
                waits,
                "{status} {effect:?}"
            );
        }
    }
}
