//! When the built-in agent asks first, and what.

/// The question for a task that has the word "ask" in it.
pub(super) fn question(task: &str) -> Option<String> {
    let words: Vec<&str> = task.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| bare(word).eq_ignore_ascii_case("ask"))?;
    let said = said(task);
    let mut rest = words[at + 1..]
        .iter()
        .map(|word| bare(word))
        .skip_while(|word| is_any(word, &["me", "us", "for", "about", "the", "a", "an"]));
    let question = match rest.next() {
        Some(word) if is_any(word, &["which", "what"]) => match rest.next() {
            Some(noun)
                if !noun.is_empty()
                    && !is_any(noun, &["i", "we", "you", "is", "to", "should", "one"]) =>
            {
                format!("Which {noun} should I use?")
            }
            _ => "Which one should I use?".to_owned(),
        },
        Some(noun)
            if noun.chars().count() > 2
                && !is_any(noun, &["first", "before", "and", "then", "when", "whether"]) =>
        {
            format!("Which {noun} should I use?")
        }
        _ => "What should I look for?".to_owned(),
    };
    Some(format!("{question} You said: “{said}”"))
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn is_any(word: &str, others: &[&str]) -> bool {
    others.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn said(task: &str) -> String {
    let text = task.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 200 {
        text
    } else {
        text.chars().take(199).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_when_the_word_is_there() {
        assert_eq!(question("Find a mug"), None);
        assert_eq!(question("Basket of masks, tasks"), None);
        for (task, asked) in [
            (
                "Find a mug; ask me which colour I want",
                "Which colour should I use?",
            ),
            ("ASK for the size, then order", "Which size should I use?"),
            ("Ask me first. Find a mug", "What should I look for?"),
            ("Ask what I want", "Which one should I use?"),
            ("Please ask", "What should I look for?"),
        ] {
            let question = question(task).unwrap();
            assert_eq!(question, format!("{asked} You said: “{task}”"));
        }
    }
}
