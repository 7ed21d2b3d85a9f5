//! Says why no entry of a scenario plays: the nearest one, and what differs.

use super::matches::Match;

/// How much of a text is compared, in characters.
const COMPARED: usize = 600;
/// How much of a text is shown, in characters.
const SHOWN: usize = 200;

/// What an entry wants, and what came instead.
pub(super) struct Entry<'a> {
    /// Its name, such as `tasks[0]`.
    pub(super) place: String,
    pub(super) matches: Option<&'a Match>,
    /// What else keeps it from playing, such as "it wants the mode `code`, and this turn has `auto`".
    pub(super) others: Vec<String>,
}

/// Why none of the entries plays for this text; `what` is `task` or `turn`. `None` where there are no entries.
pub(super) fn why<'a>(
    what: &str,
    text: &str,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Option<String> {
    let (_, nearest) = entries
        .map(|entry| judged(what, text, entry))
        // The first of several that are equally near.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(format!(
        "No entry of the scenario fits the {what} {}. The nearest is {nearest}. Mend that entry or add one; with the option \
         `unmatched` set to \"agent\" the built-in agent plays what no entry fits",
        quoted(text)
    ))
}

/// How near an entry is, and what is said of it.
fn judged(what: &str, text: &str, entry: Entry<'_>) -> (f64, String) {
    let mut reasons = entry.others;
    let mut near = 1.0;
    let mut fits = true;
    if let Some(matches) = entry.matches.filter(|matches| !matches.fits(text)) {
        let (nearness, reason) = difference(what, text, matches);
        near = nearness;
        fits = false;
        reasons.insert(0, reason);
    }
    // What fits the text is nearer than what does not, whatever else it wants.
    let near = if fits { 1.0 + near } else { near };
    let near = near - 0.02 * reasons.len() as f64;
    (near, format!("{}: {}", entry.place, reasons.join("; ")))
}

/// How near the text is to what is wanted, from 0 to 1, and where they differ.
fn difference(what: &str, text: &str, wanted: &Match) -> (f64, String) {
    let (pattern, said) = match wanted {
        Match::Contains(part) => (part.as_str(), format!("its `match` says {}", quoted(part))),
        Match::Equals(whole) => (
            whole.as_str(),
            format!("its `match` wants exactly {}", quoted(whole)),
        ),
        Match::Regex(regex) => (
            regex.as_str(),
            format!("its `match` is the expression {}", quoted(regex.as_str())),
        ),
    };
    let folded = |text: &str| text.to_lowercase();
    if matches!(wanted, Match::Contains(_)) && folded(text).contains(&folded(pattern)) {
        return (
            0.95,
            format!("{said}, and the {what} differs in upper and lower case alone"),
        );
    }
    let (near, window) = closest(pattern, text);
    if near > 0.5 {
        (
            near,
            format!("{said}, where the {what} says {}", quoted(&window)),
        )
    } else {
        (
            near,
            format!("{said}, and nothing like it is in the {what}"),
        )
    }
}

/// The part of `text` that is nearest to `pattern`, in whole words, and how near it is.
fn closest(pattern: &str, text: &str) -> (f64, String) {
    let pattern: Vec<char> = pattern.chars().take(COMPARED).collect();
    let text: Vec<char> = text.chars().take(COMPARED).collect();
    // Of the first n characters of the pattern: the fewest changes to a part of the text that ends here, and its start.
    let mut column: Vec<(usize, usize)> = (0..=pattern.len()).map(|n| (n, 0)).collect();
    let mut best = (pattern.len(), 0, 0);
    for (end, c) in text.iter().enumerate() {
        let mut diagonal = column[0];
        column[0] = (0, end + 1);
        for n in 1..=pattern.len() {
            let same = usize::from(pattern[n - 1] != *c);
            let steps = [
                (diagonal.0 + same, diagonal.1),
                (column[n].0 + 1, column[n].1),
                (column[n - 1].0 + 1, column[n - 1].1),
            ];
            diagonal = column[n];
            column[n] = steps.into_iter().min().unwrap_or(diagonal);
        }
        let (changes, start) = column[pattern.len()];
        if changes < best.0 {
            best = (changes, start, end + 1);
        }
    }
    let (changes, mut start, mut end) = best;
    while start > 0 && start < text.len() && !text[start - 1].is_whitespace() {
        start -= 1;
    }
    while end > 0 && end < text.len() && !text[end].is_whitespace() {
        end += 1;
    }
    let near = 1.0 - changes as f64 / pattern.len().max(1) as f64;
    (near, text[start.min(end)..end].iter().collect())
}

/// A text in quotes, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, Playing};
    use serde_json::{Value, json};

    fn said(entries: Value, text: &str) -> String {
        let scenario = serde_json::from_value(json!({ "tasks": entries })).unwrap();
        let mut playing = Playing::new(scenario);
        let asked = Asked {
            text,
            ..Asked::default()
        };
        while playing.script_for(&asked).is_some() {}
        playing.unmatched_task(&asked).unwrap()
    }

    #[test]
    fn the_nearest_entry_and_its_difference_are_named() {
        for (entries, task, expected) in [
            (
                json!([{"match": "a blue plate", "steps": []}, {"match": "buy a red mug", "steps": []}]),
                "Please buy a read mug today",
                "The nearest is tasks[1]: its `match` says \"buy a red mug\", where the task says \"buy a read mug\".",
            ),
            (
                json!([{"match": "Red Mug", "steps": []}]),
                "a red mug",
                "tasks[0]: its `match` says \"Red Mug\", and the task differs in upper and lower case alone.",
            ),
            (
                json!([{"match": "a red mug and", "steps": []}, {"match": "red", "once": true, "steps": []}]),
                "a red mug",
                "tasks[1]: it plays `once`, and has played.",
            ),
            (
                json!([{"match": {"regex": "^order [0-9]+$"}, "steps": []}]),
                "order twelve",
                "tasks[0]: its `match` is the expression \"^order [0-9]+$\", and nothing like it is in the task.",
            ),
            (
                json!([{"match": "mug", "steps": []}]),
                "zzz",
                "tasks[0]: its `match` says \"mug\", and nothing like it is in the task.",
            ),
            (
                json!([{"match": "mug", "steps": []}]),
                "",
                "and nothing like it is in the task.",
            ),
        ] {
            let text = said(entries, task);
            assert!(text.contains(expected), "{text}");
            assert!(text.contains("`unmatched` set to \"agent\""), "{text}");
        }
    }

    #[test]
    fn a_mode_is_a_difference_and_no_entries_are_none() {
        let scenario =
            json!({"turns": [{"match": "x", "mode": "code", "steps": [{"complete": true}]}]});
        let mut playing = Playing::new(serde_json::from_value(scenario).unwrap());
        let asked = Asked {
            text: "x",
            mode: "auto",
            ..Asked::default()
        };
        let text = playing.unmatched_turn(&asked).unwrap();
        assert!(
            text.contains("turns[0]: it wants the mode \"code\", and this turn has \"auto\"."),
            "{text}"
        );
        assert_eq!(playing.unmatched_task(&asked), None);
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = said(
            json!([{"match": "y".repeat(20_000), "steps": []}]),
            &"x".repeat(10_000),
        );
        assert!(text.len() < 1000, "{}", text.len());
    }
}
