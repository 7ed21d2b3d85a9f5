//! What the text of a task says by itself.

use crate::page::prices_in;
use serde_json::{Value, json};
use url::Url;

/// The first web address in the text.
pub(crate) fn address(task: &str) -> Option<Url> {
    addresses(task).into_iter().next()
}

fn addresses(text: &str) -> Vec<Url> {
    let mut all = Vec::new();
    // An address ends at a blank or at what is wrapped around it.
    for word in text.split(|c: char| c.is_whitespace() || "<>\"“”`".contains(c)) {
        let lower = word.to_ascii_lowercase();
        let start = lower.find("http://").or_else(|| lower.find("https://"));
        let (start, scheme) = match start {
            Some(start) => (start, ""),
            None => match lower.find("www.") {
                Some(start) if !lower[..start].ends_with(char::is_alphanumeric) => {
                    (start, "https://")
                }
                _ => continue,
            },
        };
        let Some(rest) = word.get(start..) else {
            continue;
        };
        let mut end = rest.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*']);
        // A closing bracket belongs to the address only if it was opened there.
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
            if end.ends_with(close) && !end.contains(open) {
                end = end
                    .trim_end_matches(close)
                    .trim_end_matches(['.', ',', ';']);
            }
        }
        let url = Url::parse(&format!("{scheme}{end}"))
            .ok()
            .filter(|url| url.has_host());
        all.extend(url.filter(|url| {
            scheme.is_empty() || url.host_str().is_some_and(|host| host.len() > "www.".len())
        }));
    }
    all
}

/// Whether the text speaks of the page the browser shows.
pub(crate) fn means_this_page(task: &str) -> bool {
    let text = task.to_lowercase();
    [
        "this page",
        "the page",
        "current page",
        "this site",
        "this website",
        "open page",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The result of a task without a page.
pub(crate) fn result(task: &str) -> Value {
    let words = task
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .count();
    let sentences = sentences(task);
    let (numbers, dates, emails, prices) =
        (numbers(task), dates(task), emails(task), prices_in(task));
    let mut found = Vec::new();
    for (name, count) in [
        ("number", numbers.len()),
        ("date", dates.len()),
        ("price", prices.len()),
        ("e-mail address", emails.len()),
    ] {
        match (name, count) {
            (_, 0) => {}
            (_, 1) => found.push(format!("1 {name}")),
            ("e-mail address", count) => found.push(format!("{count} e-mail addresses")),
            (_, count) => found.push(format!("{count} {name}s")),
        }
    }
    let found = if found.is_empty() {
        "no numbers, dates, prices or e-mail addresses".to_owned()
    } else {
        found.join(", ")
    };
    let count = |number: usize, name: &str| {
        if number == 1 {
            format!("1 {name}")
        } else {
            format!("{number} {name}s")
        }
    };
    let summary = format!(
        "I am the local emulator's agent, a program and not an AI. Your task has {} in {}, with {found}. Give me a web \
         address (start_url, or one in the text) and I report what is on that page.",
        count(words, "word"),
        count(sentences, "sentence"),
    );
    json!({
        "summary": summary,
        "task": task,
        "words": words,
        "sentences": sentences,
        "numbers": numbers,
        "dates": dates,
        "prices": prices,
        "emails": emails,
    })
}

fn sentences(text: &str) -> usize {
    let mut count = 0;
    let mut open = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let ends = matches!(c, '.' | '!' | '?' | '…')
            && chars.peek().is_none_or(|next| next.is_whitespace());
        if ends || c == '\n' {
            count += usize::from(open);
            open = false;
        } else if c.is_alphanumeric() {
            open = true;
        }
    }
    count + usize::from(open)
}

/// Words without what surrounds them.
fn bare_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "(),;<>\"“”".contains(c))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Plain numbers; those of a price, a date or a name are not among them.
fn numbers(text: &str) -> Vec<String> {
    let is_number = |word: &&str| {
        !word.is_empty()
            && word.parse::<f64>().is_ok()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let prices: Vec<String> = prices_in(text)
        .into_iter()
        .map(|price| price.price)
        .collect();
    bare_words(text)
        .filter(is_number)
        .filter(|word| !prices.iter().any(|price| price == word))
        .map(str::to_owned)
        .collect()
}

/// Dates such as `2026-03-04`, `4/3/2026`, `04.03.2026`, `March 4` or `4 March 2026`.
fn dates(text: &str) -> Vec<String> {
    let words: Vec<&str> = bare_words(text).filter(|word| !word.is_empty()).collect();
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let day = |word: Option<&&str>| {
            word.and_then(|word| {
                word.trim_end_matches(|c: char| c.is_ascii_alphabetic())
                    .parse::<u32>()
                    .ok()
            })
            .is_some_and(|day| (1..=31).contains(&day))
        };
        let year = |word: Option<&&str>| {
            word.is_some_and(|word| {
                word.len() == 4 && word.parse::<u32>().is_ok_and(|year| year >= 1900)
            })
        };
        let next = words.get(at + 1);
        let named = (is_month(word) && day(next))
            || (day(Some(word)) && next.is_some_and(|word| is_month(word)));
        let count = match named {
            true if year(words.get(at + 2)) => 3,
            true => 2,
            false => usize::from(is_date(word)),
        };
        if count > 0 {
            all.push(words[at..at + count].join(" "));
        }
        at += count.max(1);
    }
    all
}

fn is_date(word: &str) -> bool {
    let Some(separator) = word.chars().find(|c| "-/.".contains(*c)) else {
        return false;
    };
    let parts: Vec<&str> = word.split(separator).collect();
    let numbers: Option<Vec<u32>> = parts.iter().map(|part| part.parse().ok()).collect();
    let Some([a, b, c]) = numbers.as_deref() else {
        return false;
    };
    let (day, month) = (
        |n: u32| (1..=31).contains(&n),
        |n: u32| (1..=12).contains(&n),
    );
    match (parts[0].len(), parts[2].len()) {
        (4, 1 | 2) => month(*b) && day(*c),
        (1 | 2, 2 | 4) => separator != '-' && ((day(*a) && month(*b)) || (month(*a) && day(*b))),
        _ => false,
    }
}

fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_lowercase();
    MONTHS
        .iter()
        .any(|month| *month == word || (word.len() == 3 && month.starts_with(&word)))
}

fn emails(text: &str) -> Vec<String> {
    let is_email = |word: &&str| {
        word.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains('@') && host.contains('.') && !host.starts_with('.')
        })
    };
    bare_words(text)
        .filter(is_email)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_running_text() {
        for (text, url) in [
            ("Read http://shop.example/a.", "http://shop.example/a"),
            (
                "See (https://shop.example/x?y=1), please",
                "https://shop.example/x?y=1",
            ),
            ("<https://shop.example>", "https://shop.example/"),
            ("wiki https://en.example/A_(b)", "https://en.example/A_(b)"),
            ("try www.shop.example/c!", "https://www.shop.example/c"),
            ("HTTP://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ] {
            assert_eq!(address(text).unwrap().as_str(), url, "{text}");
        }
        for text in ["no address", "http://", "awww.nice", "ftp://x/"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_taken_apart() {
        let result = result(
            "Book 2 seats for March 4 or 2026-03-05. Pay $30 at most! Write to ann@shop.example, row 7.5",
        );
        assert_eq!(result["sentences"], 3);
        assert_eq!(result["numbers"], json!(["2", "4", "7.5"]));
        assert_eq!(result["dates"], json!(["March 4", "2026-03-05"]));
        assert_eq!(result["prices"][0]["price"], "30");
        assert_eq!(result["emails"], json!(["ann@shop.example"]));
        assert!(result["summary"].as_str().unwrap().contains("not an AI"));
    }
}
