//! The name that was meant by one that is not known.

/// The name that was meant, if one is near.
pub(crate) fn likeliest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let given: Vec<char> = name.to_lowercase().chars().take(64).collect();
    let near = names
        .iter()
        .map(|one| (distance(&given, one), *one))
        .min()?;
    (near.0 <= (given.len() / 4).max(2)).then_some(near.1)
}

/// How many letters differ (Levenshtein).
fn distance(given: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for letter in name.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (at, other) in given.iter().enumerate() {
            let change = diagonal + usize::from(*other != letter);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[given.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        let distance = |a: &str, b| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(distance("", "done"), 4);
        assert_eq!(distance("done", "done"), 0);
        assert_eq!(distance("dnoe", "done"), 2);
        assert_eq!(distance("steps", "step"), 1);
        assert_eq!(distance("x", "thought"), 7);
    }
}
