//! What waits for a session, step by step.
#![allow(clippy::unwrap_used)]

use super::*;

const PAUSE: Duration = Duration::from_secs(1);

/// Places for which so many wait without patience, with as many creates under way as
/// there may be.
fn waited_for(most: usize, waiters: u64) -> (Places<&'static str, u64>, Instant) {
    let (mut places, now) = (Places::new(most), Instant::now());
    for _ in 0..waiters {
        let number = places.number();
        places.wait(number, number, Some(now)).unwrap();
    }
    while let Some(step) = places.step() {
        assert!(matches!(step, Step::Create));
    }
    (places, now)
}

#[test]
fn a_limit_is_no_error_while_another_create_may_bring_a_session() {
    let (mut places, now) = waited_for(2, 2);
    let (after, told) = places.met_limit(false, now, PAUSE);
    assert_eq!((after, told), (AfterLimit::Pause, vec![]));
    places.created("one").unwrap();
    assert!(matches!(places.step(), Some(Step::Give { number: 1, .. })));
    // The first one has it, and will bring it back.
    let (after, told) = places.met_limit(true, now, PAUSE);
    assert_eq!((after, told), (AfterLimit::Pause, vec![]));
}

#[test]
fn a_limit_is_an_error_where_nothing_else_will_come() {
    let (mut places, now) = waited_for(2, 2);
    let (after, told) = places.met_limit(false, now, PAUSE);
    assert_eq!((after, told), (AfterLimit::Pause, vec![]));
    let (after, told) = places.met_limit(false, now, PAUSE);
    assert_eq!((after, told), (AfterLimit::End, vec![1, 2]));
    assert!(!places.is_wanted());
}

#[test]
fn one_create_tries_while_a_limit_holds() {
    let (mut places, now) = waited_for(3, 3);
    places.created("one").unwrap();
    assert!(matches!(places.step(), Some(Step::Give { number: 1, .. })));
    let (after, _) = places.met_limit(false, now, PAUSE);
    assert_eq!(after, AfterLimit::Pause);
    let (after, _) = places.met_limit(false, now, PAUSE);
    assert_eq!(after, AfterLimit::End);
    assert!(places.step().is_none());
    places.created("two").unwrap();
    assert!(matches!(places.step(), Some(Step::Give { number: 2, .. })));
    assert!(matches!(places.step(), Some(Step::Create)));
}

#[test]
fn a_session_that_is_deleted_counts_until_it_is_gone() {
    let (mut places, now) = waited_for(1, 1);
    places.created("one").unwrap();
    assert!(matches!(places.step(), Some(Step::Give { number: 1, .. })));
    let number = places.number();
    places.wait(number, number, Some(now)).unwrap();
    assert_eq!(places.take_back(1), Some("one"));
    assert!(places.step().is_none());
    places.gone();
    assert!(matches!(places.step(), Some(Step::Create)));
    assert_eq!(places.take_back(1), None);
}

#[test]
fn who_comes_after_the_end_does_not_wait_for_ever() {
    let (mut places, now) = waited_for(1, 1);
    let (told, _) = places.close(false);
    assert_eq!(told, [1]);
    assert_eq!(places.wait(2, 2, Some(now)), Err(2));
    assert_eq!(places.close(false).0, [] as [u64; 0]);
}
