//! Prices in text: an amount beside a currency.

use super::model::Price;

/// Signs, words and codes, the longest first where one begins with another; with the name they are reported by.
const CURRENCIES: [(&str, &str); 44] = [
    ("US$", "USD"),
    ("AU$", "AUD"),
    ("CA$", "CAD"),
    ("NZ$", "NZD"),
    ("HK$", "HKD"),
    ("A$", "AUD"),
    ("C$", "CAD"),
    ("S$", "SGD"),
    ("R$", "BRL"),
    ("$", "$"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "¥"),
    ("₹", "INR"),
    ("₩", "KRW"),
    ("₺", "TRY"),
    ("₴", "UAH"),
    ("₽", "RUB"),
    ("₪", "ILS"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("euros", "EUR"),
    ("euro", "EUR"),
    ("EUR", "EUR"),
    ("USD", "USD"),
    ("GBP", "GBP"),
    ("JPY", "JPY"),
    ("CHF", "CHF"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("PLN", "PLN"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("AUD", "AUD"),
    ("CAD", "CAD"),
    ("NZD", "NZD"),
    ("SGD", "SGD"),
    ("HKD", "HKD"),
    ("CNY", "CNY"),
    ("INR", "INR"),
    ("BRL", "BRL"),
    ("MXN", "MXN"),
    ("ZAR", "ZAR"),
];

/// A price found in a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) amount: String,
    pub(crate) currency: &'static str,
}

/// The prices in a text, in order.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut from = 0;
    while let Some((start, end)) = next_number(text, from) {
        from = end;
        // What the previous price took is not ours.
        let begin = all.last().map_or(0, |found| found.end);
        let before = text
            .get(begin..start)
            .and_then(currency_at_end)
            .map(|(at, name)| (begin + at, end, name));
        let found = before.or_else(|| {
            text.get(end..)
                .and_then(currency_at_start)
                .map(|(len, name)| (start, end + len, name))
        });
        if let (Some((start_all, end_all, currency)), Some(amount)) =
            (found, text.get(start..end).and_then(amount))
        {
            all.push(Found {
                start: start_all,
                end: end_all,
                amount,
                currency,
            });
            from = end_all;
        }
    }
    all
}

/// The prices in a text, each with the words in front of it.
pub(crate) fn prices_in(text: &str) -> Vec<Price> {
    let mut begin = 0;
    let found = find(text);
    found
        .into_iter()
        .map(|found| {
            let words = text.get(begin..found.start).unwrap_or_default();
            begin = found.end;
            Price {
                text: last_words(words),
                price: found.amount,
                currency: found.currency.to_owned(),
            }
        })
        .collect()
}

fn last_words(text: &str) -> String {
    let sentence = text
        .rsplit(['.', ';', '!', '?', '\n'])
        .next()
        .unwrap_or(text);
    let words: Vec<_> = sentence.split_whitespace().collect();
    let label = words[words.len().saturating_sub(6)..].join(" ");
    label
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_owned()
}

/// A code named elsewhere on the page (`itemprop="priceCurrency"`), by the name it is reported by.
pub(super) fn currency_name(text: &str) -> String {
    let text = text.trim();
    let known = CURRENCIES
        .iter()
        .find(|(sign, _)| sign.eq_ignore_ascii_case(text));
    known.map_or_else(|| text.to_uppercase(), |(_, name)| (*name).to_owned())
}

/// The next run of digits with separators between them. Part of a word or a date is no number.
fn next_number(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find(|c: char| c.is_ascii_digit())?;
        let mut end = start;
        let chars = text.get(start..)?.char_indices();
        for (offset, c) in chars {
            if c.is_ascii_digit() {
                end = start + offset + 1;
                continue;
            }
            // A separator counts only between digits; a space only before a group of exactly three.
            let after = text
                .get(start + offset + c.len_utf8()..)
                .unwrap_or_default();
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let joins = match c {
                '.' | ',' | '\'' | '\u{2019}' => digits > 0,
                ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' => digits == 3 && end - start <= 3,
                _ => false,
            };
            if !joins {
                break;
            }
        }
        let word_before = text
            .get(..start)?
            .chars()
            .next_back()
            .is_some_and(|c| c == '-' || c == '/' || c == '#');
        if !word_before {
            return Some((start, end));
        }
        at = end;
    }
}

/// A currency at the end of the text in front of an amount: its place and name.
fn currency_at_end(text: &str) -> Option<(usize, &'static str)> {
    let trimmed = text.trim_end();
    // More than a space or a colon apart, they do not belong together.
    if text.len() - trimmed.len() > 4 || text.ends_with('\n') {
        return None;
    }
    CURRENCIES.iter().find_map(|(sign, name)| {
        let at = trimmed.len().checked_sub(sign.len())?;
        let matches = trimmed.is_char_boundary(at) && trimmed.get(at..)?.eq_ignore_ascii_case(sign);
        let bounded = !is_word(sign) || !trimmed.get(..at)?.ends_with(char::is_alphanumeric);
        // "EURO 2024" is no price; the words stand behind their amount.
        let word = sign.starts_with("euro");
        (matches && bounded && !word).then_some((at, *name))
    })
}

/// A currency at the start of the text behind an amount: how far it reaches, and its name.
fn currency_at_start(text: &str) -> Option<(usize, &'static str)> {
    // "12,- €" and "12.– EUR" write the missing cents.
    let rest = text
        .strip_prefix(",-")
        .or_else(|| text.strip_prefix(".-"))
        .or_else(|| text.strip_prefix(",–"))
        .unwrap_or(text);
    let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}', '\u{2009}']);
    if rest.len() - trimmed.len() > 4 {
        return None;
    }
    let skipped = text.len() - trimmed.len();
    CURRENCIES.iter().find_map(|(sign, name)| {
        let matches = trimmed.get(..sign.len())?.eq_ignore_ascii_case(sign);
        let rest = trimmed.get(sign.len()..)?;
        let bounded = !is_word(sign) || !rest.starts_with(char::is_alphanumeric);
        // In "5 $3" the sign belongs to the 3.
        let taken = !is_word(sign) && skipped > 0 && rest.starts_with(|c: char| c.is_ascii_digit());
        (matches && bounded && !taken).then_some((skipped + sign.len(), *name))
    })
}

fn is_word(sign: &str) -> bool {
    sign.ends_with(char::is_alphabetic)
}

/// `1.299,00`, `1,299.00`, `1'299` or `12,5` as a plain number.
pub(super) fn amount(text: &str) -> Option<String> {
    let text = text.trim();
    let last = text.rfind(['.', ',']);
    let decimals = last.and_then(|at| {
        let digits = text.get(at + 1..)?;
        let sign = text.get(at..=at)?;
        let others = text.get(..at)?;
        // Three digits behind a lone sign group thousands; a sign that comes twice does too.
        let groups = digits.len() == 3 || others.contains(sign);
        (!groups && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some((others, digits))
    });
    let (whole, decimals) = decimals.map_or((text, None), |(whole, digits)| (whole, Some(digits)));
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    if whole.is_empty() || whole.len() > 12 {
        return None;
    }
    Some(
        decimals
            .filter(|digits| !digits.is_empty())
            .map_or(whole.clone(), |digits| format!("{whole}.{digits}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, &'static str)> {
        find(text)
            .into_iter()
            .map(|found| (found.amount, found.currency))
            .collect()
    }

    #[test]
    fn prices_are_read_the_way_shops_write_them() {
        for (text, amount, currency) in [
            ("€ 12.50", "12.50", "EUR"),
            ("€12,50", "12.50", "EUR"),
            ("12,50 €", "12.50", "EUR"),
            ("12,50\u{a0}€", "12.50", "EUR"),
            ("$1,299.00", "1299.00", "$"),
            ("US$ 1,299", "1299", "USD"),
            ("1.299,00 EUR", "1299.00", "EUR"),
            ("1 299,00 €", "1299.00", "EUR"),
            ("CHF 1'299.50", "1299.50", "CHF"),
            ("GBP 5", "5", "GBP"),
            ("5 euros", "5", "EUR"),
            ("12,- €", "12", "EUR"),
            ("£0.99", "0.99", "GBP"),
            ("99 zł", "99", "PLN"),
            ("¥1,200", "1200", "¥"),
        ] {
            assert_eq!(found(text), [(amount.to_owned(), currency)], "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_left_alone() {
        for text in [
            "12 mugs",
            "2026-03-04",
            "call 555 1234",
            "EURO 2024 cup",
            "a 5 EURopean",
            "$ and 5",
            "order #12 $",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn several_prices_in_one_text_keep_their_signs() {
        assert_eq!(
            found("€ 5 $3"),
            [("5".to_owned(), "EUR"), ("3".to_owned(), "$")]
        );
        assert_eq!(
            found("5 € 3 €"),
            [("5".to_owned(), "EUR"), ("3".to_owned(), "EUR")]
        );
        assert_eq!(
            found("from $5 to $7.25"),
            [("5".to_owned(), "$"), ("7.25".to_owned(), "$")]
        );
        let labelled = prices_in("A mug costs $5, and the blue plate is 7,50 EUR.");
        assert_eq!(labelled[0].text, "A mug costs");
        assert_eq!(labelled[1].text, "and the blue plate is");
    }
}
