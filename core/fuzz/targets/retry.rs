//! `Retry-After`, and the decision to send a request again.
//!
//! Input: 16 bytes of an attempt, then the header's text.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sessionwire::transport::retry::{
    Attempt, Decision, Effect, Failure, decide, parse_retry_after,
};

fuzz_target!(|input: &[u8]| {
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
            _ => Failure::Status(u16::from_le_bytes([head[11], head[12]]) % 1000),
        },
        retry_after,
        left: Duration::from_millis(u64::from(number(12))),
        jitter: f64::from(head[13]) / 128.0,
    };
    check_decision(&attempt);
});

fn check_header(text: &str, now: u64, parsed: Option<Duration>) {
    let text = text.trim();
    // Plain seconds mean what they say, whatever the time is.
    if !text.is_empty() && text.len() < 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().expect("these are digits");
        assert_eq!(parsed, Some(Duration::from_secs(seconds)));
    }
    if text.parse::<f64>().is_err() && parsed.is_some() {
        assert!(
            text.ends_with(" GMT"),
            "{text:?} is neither seconds nor a date"
        );
        let later = parse_retry_after(text, now.saturating_add(1));
        assert!(later <= parsed, "the wait for a date grows with time");
    }
}

/// A date that is written is read.
fn check_date(now: u64, at: u64) {
    let wait = at.saturating_sub(now);
    assert_eq!(
        parse_retry_after(&http_date(at), now),
        Some(Duration::from_secs(wait))
    );
}

/// The date by counting days from 1970: slow and simple on purpose.
fn http_date(seconds: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (mut days, clock) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut month) = (1970, 0);
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
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
    format!(
        "Day, {:02} {} {year} {:02}:{:02}:{:02} GMT",
        days + 1,
        MONTHS[month],
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    )
}

fn check_decision(attempt: &Attempt) {
    let Decision::Wait(wait) = decide(attempt) else {
        return;
    };
    assert!(attempt.made <= attempt.max_retries, "one attempt too many");
    assert!(wait < attempt.left, "the deadline comes first");
    assert!(wait <= Duration::from_secs(60));
    match attempt.retry_after {
        Some(asked) => assert_eq!(wait, asked, "the service's word counts"),
        None => assert!(wait <= Duration::from_secs(8)),
    }
    // An effect is repeated only when it provably did not happen.
    let unprocessed = matches!(attempt.failure, Failure::NotSent | Failure::Status(429));
    assert!(unprocessed || attempt.effect == Effect::Repeatable);
}
