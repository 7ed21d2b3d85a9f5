//! What the built-in agent says about a page.

use crate::page::{Content, Page, Price};
use serde_json::{Value, json};

/// The result of a task on a page.
pub(crate) fn result(page: &Page) -> Value {
    let content = &page.content;
    json!({
        "summary": summary(page),
        "url": page.url,
        "title": page.title,
        "headings": content.headings,
        "links": content.links,
        "prices": content.prices,
        "forms": content.forms,
    })
}

fn summary(page: &Page) -> String {
    let name = if page.title.is_empty() {
        page.url.clone()
    } else {
        format!("“{}” at {}", page.title, page.url)
    };
    let prices = page
        .content
        .prices
        .iter()
        .take(5)
        .map(price)
        .collect::<Vec<_>>()
        .join("; ");
    let more = page.content.prices.len().saturating_sub(5);
    match (prices.as_str(), more) {
        ("", _) => format!("{name} has {}.", counts(&page.content)),
        (prices, 0) => format!("{name} has {}: {prices}.", counts(&page.content)),
        (prices, more) => format!(
            "{name} has {}: {prices}; and {more} more.",
            counts(&page.content)
        ),
    }
}

/// `2 headings, 1 link, 1 form and 3 prices`
pub(crate) fn counts(content: &Content) -> String {
    let count = |number: usize, name: &str| match number {
        1 => format!("1 {name}"),
        _ => format!("{number} {name}s"),
    };
    format!(
        "{}, {}, {} and {}",
        count(content.headings.len(), "heading"),
        count(content.links.len(), "link"),
        count(content.forms.len(), "form"),
        count(content.prices.len(), "price"),
    )
}

/// `Blue mug EUR 12.50`
pub(crate) fn price(price: &Price) -> String {
    let amount = match price.currency.chars().next() {
        Some(sign) if sign.is_alphabetic() => format!("{} {}", price.currency, price.price),
        _ => format!("{}{}", price.currency, price.price),
    };
    if price.text.is_empty() {
        amount
    } else {
        format!("{} {amount}", price.text)
    }
}

/// The prices, links and headings of a result that the answer names, in words.
pub(crate) fn matching(result: &Value, answer: &str) -> Vec<String> {
    let wanted: Vec<String> = answer
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    let list = |name: &str| result[name].as_array().cloned().unwrap_or_default();
    let prices = list("prices").into_iter().filter_map(|item| {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let found = Price {
            text: text("text"),
            price: text("price"),
            currency: text("currency"),
        };
        fits(&found.text, &wanted).then(|| price(&found))
    });
    let links = list("links").into_iter().filter_map(|item| {
        item["text"]
            .as_str()
            .filter(|text| fits(text, &wanted))
            .map(str::to_owned)
    });
    let headings = list("headings").into_iter().filter_map(|item| {
        item.as_str()
            .filter(|text| fits(text, &wanted))
            .map(str::to_owned)
    });
    let mut all: Vec<String> = Vec::new();
    for text in prices.chain(links).chain(headings) {
        // A heading or link that a price already names adds nothing.
        if !all.iter().any(|known| known.starts_with(&text)) {
            all.push(text);
        }
    }
    all.truncate(10);
    all
}

fn fits(text: &str, wanted: &[String]) -> bool {
    let text = text.to_lowercase();
    !wanted.is_empty() && wanted.iter().any(|word| text.contains(word.as_str()))
}
