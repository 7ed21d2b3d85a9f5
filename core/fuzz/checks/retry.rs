//! `Retry-After`, and the decision to send a request again.
//!
//! Input: 16 bytes of an attempt, then the header's text.

use std::time::Duration;

use sessionwire::transport::retry::{
    Attempt, Decision, Effect, Failure, decide, parse_retry_after,
};

pub(crate) fn check(input: &[u8]) {
    let Some((head, header)) = input.split_first_chunk::<16>() else {
        return;
    };
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let now = u64::from(number(0));
    let text = String::from_utf8_lossy(header);
    let retry_after = parse_retry_after(&text, now);
    check_header(&text, now, retry_after);
    check_date(now, u64::from(number(4)));

    let attempt = Attempt {
        made: u32::from(head[8]) % 8,
        max_retries: u32::from(head[9]) % 8,
        effect: if head[10] & 1 == 0 {
            Effect::Once
        } else {
            Effect::Repeatable
        },
        failure: match head[10] >> 1 & 3 {
            0 => Failure::NotSent,
            1 => Failure::Broken,
            2 => Failure::Limited,
            _ => Failure::Status(u16::from_le_bytes([head[11], head[12]]) % 1000),
        },
        first_wait: Duration::from_millis(500),
        retry_after,
        left: Duration::from_millis(u64::from(number(12))),
        limit_left: (head[10] & 8 != 0).then(|| Duration::from_secs(u64::from(head[14]))),
        jitter: f64::from(head[13]) / 128.0,
    };
    check_decision(&attempt);
}

fn check_header(text: &str, now: u64, parsed: Option<Duration>) {
    let text = text.trim();
    // Plain seconds mean what they say, whatever the time is.
    if !text.is_empty() && text.len() < 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().expect("these are digits");
        assert_eq!(parsed, Some(Duration::from_secs(seconds)));
    }
    // A year of two digits may mean another one a second later.
    if text.parse::<f64>().is_err() && parsed.is_some() && !text.contains('-') {
        let later = parse_retry_after(text, now.saturating_add(1));
        assert!(
            later.is_some() && later <= parsed,
            "the wait for {text:?} grows with time"
        );
    }
}

/// A date that is written is read, in each of the three forms of HTTP.
fn check_date(now: u64, at: u64) {
    let wait = Some(Duration::from_secs(at.saturating_sub(now)));
    let (year, month, day) = date(at / 86_400);
    let clock = format!("{:02}:{:02}:{:02}", at / 3600 % 24, at / 60 % 60, at % 60);
    let read = |text: String| assert_eq!(parse_retry_after(&text, now), wait, "{text} at {now}");
    read(format!("Day, {day:02} {month} {year} {clock} GMT"));
    read(format!("Day {month} {day:2} {clock} {year}"));
    if date(now / 86_400).0.abs_diff(year) < 49 {
        read(format!(
            "Somesday, {day:02}-{month}-{:02} {clock} GMT",
            year % 100
        ));
    }
}

/// Year, month and day by counting days from 1970: slow and simple on purpose.
fn date(mut days: u64) -> (u64, &'static str, u64) {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (mut year, mut month) = (1970_u64, 0);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |year: u64, month: usize| match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    while days >= length(year, month) {
        days -= length(year, month);
        month += 1;
        if month == 12 {
            (year, month) = (year + 1, 0);
        }
    }
    (year, MONTHS[month], days + 1)
}

fn check_decision(attempt: &Attempt) {
    let Decision::Wait(wait) = decide(attempt) else {
        return;
    };
    assert!(wait < attempt.left, "the deadline comes first");
    let waits_for_limit = attempt.failure == Failure::Limited && attempt.limit_left.is_some();
    if waits_for_limit {
        assert!(
            Some(wait) <= attempt.limit_left,
            "longer than the caller waits"
        );
    } else {
        assert!(attempt.made <= attempt.max_retries, "one attempt too many");
        assert!(wait <= Duration::from_secs(60));
    }
    match attempt.retry_after {
        Some(asked) => assert_eq!(wait, asked, "the service's word counts"),
        None => assert!(wait <= Duration::from_secs(8)),
    }
    // An effect is repeated only when it provably did not happen.
    let unprocessed = matches!(attempt.failure, Failure::NotSent | Failure::Limited);
    assert!(unprocessed || attempt.effect == Effect::Repeatable);
}
