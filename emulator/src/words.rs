//! The word that was meant.

/// How far a word may be from the one that was meant, in letters that are wrong, missing, too many or exchanged.
fn reach(word: &str) -> usize {
    match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The known word that is nearest to one that is not known, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(word);
    let length = word.chars().count();
    known
        .into_iter()
        // What is longer or shorter by more is farther, too; and the cost of a comparison is the product of the lengths.
        .filter(|known| known.chars().count().abs_diff(length) <= reach(word))
        .map(|known| (strsim::damerau_levenshtein(&wanted, &plain(known)), known))
        .filter(|(distance, _)| *distance <= reach(word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The known word that was meant: the shortest that goes on where this one stops, else the nearest.
pub(crate) fn likely<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Option<&'a str> {
    let known = known.into_iter();
    let longer = known
        .clone()
        .filter(|known| word.len() >= 3 && known.starts_with(word));
    longer
        .min_by_key(|known| known.len())
        .or_else(|| nearest(word, known))
}

/// The advice to write it, after a text that names the wrong word; empty where no word is near.
pub(crate) fn meant<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> String {
    likely(word, known).map_or_else(String::new, |known| format!(": write `{known}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_no_other() {
        let known = ["thought", "step", "log", "status_code", "cut_after"];
        for (word, expected) in [
            ("thougth", Some("thought")),
            ("Thought", Some("thought")),
            ("statusCode", Some("status_code")),
            ("status-code", Some("status_code")),
            ("cutafter", Some("cut_after")),
            ("stp", Some("step")),
            ("lo", None),
            ("jump", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(
            likely("cut", ["put", "cut_after_bytes", "cut_after"]),
            Some("cut_after")
        );
        assert_eq!(likely("ct", ["cut_after"]), None);
    }
}
