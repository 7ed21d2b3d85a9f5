//! Decisions about retries, over all there is. The cases of
//! `tests/contract/retry.json` run with the other cases, in `tests/rust`.

use std::time::Duration;

use sessionwire::transport::retry::{Attempt, Decision, Effect, Failure, decide};

/// The first failure of a request that may be sent again.
fn first(jitter: f64) -> Attempt {
    Attempt {
        made: 1,
        first_wait: Duration::from_millis(500),
        max_retries: 3,
        effect: Effect::Repeatable,
        failure: Failure::NotSent,
        retry_after: None,
        left: Duration::from_secs(60),
        limit_left: None,
        jitter,
    }
}

/// Whatever a caller passes, the answer is a decision.
#[test]
fn odd_input_does_no_harm() {
    for jitter in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 2.0] {
        let Decision::Wait(wait) = decide(&first(jitter)) else {
            panic!("jitter {jitter} stopped it");
        };
        assert!((250..=500).contains(&wait.as_millis()));
    }
    let before_the_first = Attempt {
        made: 0,
        ..first(0.0)
    };
    assert!(matches!(decide(&before_the_first), Decision::Wait(_)));
    let after_many = Attempt {
        made: u32::MAX - 1,
        max_retries: u32::MAX,
        ..first(1.0)
    };
    assert_eq!(decide(&after_many), Decision::Wait(Duration::from_secs(8)));
}

#[test]
fn every_status_is_decided_for_both_effects() {
    let repeatable =
        |status| matches!(status, 408 | 425 | 500..=599) && !matches!(status, 501 | 505);
    for status in 0..=999 {
        for (effect, waits) in [
            (Effect::Repeatable, repeatable(status)),
            (Effect::Once, false),
        ] {
            let decision = decide(&Attempt {
                effect,
                failure: Failure::Status(status),
                ..first(0.5)
            });
            assert_eq!(
                matches!(decision, Decision::Wait(_)),
                waits,
                "{status} {effect:?}"
            );
        }
    }
}
