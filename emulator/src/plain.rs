//! What is wrong with data, in plain words: the libraries that read it speak of types that nobody wrote.

use crate::words::meant;

/// What JSON's reader says of a text that is none, and what it means.
const SYNTAX: [(&str, &str); 12] = [
    ("EOF while parsing a value", "a value is missing at its end"),
    (
        "EOF while parsing",
        "it ends too early: something is not closed",
    ),
    ("expected value", "a value is missing"),
    (
        "expected ident",
        "a word that JSON does not have; put texts in quotes",
    ),
    ("key must be a string", "a name without quotes"),
    ("trailing comma", "a comma with nothing behind it"),
    ("trailing characters", "more follows after its end"),
    (
        "control character",
        "a line break or the like in a text: write \\n",
    ),
    ("invalid escape", "a backslash that says nothing: write two"),
    ("invalid number", "a number that is none"),
    ("recursion limit", "it is too deep"),
    ("expected ", "something is missing: "),
];

/// The text of an error that serde made, without the words of serde.
pub(crate) fn plain(text: &str) -> String {
    let (text, at) = match text.rsplit_once(" at line ") {
        Some((text, at)) => (text, at.split_once(" column ")),
        None => (text, None),
    };
    let said = said(text);
    match at {
        Some((line, column)) => format!("{said} (line {line}, column {column})"),
        None => said,
    }
}

fn said(text: &str) -> String {
    let invalid = ["invalid type: ", "invalid value: ", "invalid length "];
    if let Some(rest) = invalid.iter().find_map(|start| text.strip_prefix(start))
        && let Some((is, wanted)) = rest.rsplit_once(", expected ")
    {
        return format!("it is {}, and must be {}", found(is), needed(wanted));
    }
    let unknown = ["unknown field ", "unknown variant "];
    if let Some(rest) = unknown.iter().find_map(|start| text.strip_prefix(start)) {
        let mut words = rest.split('`').skip(1).step_by(2);
        let word = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        return match meant(word, known.iter().copied()) {
            advice if !advice.is_empty() => format!("`{word}` is not known{advice}"),
            _ if known.is_empty() => format!("`{word}` is not known"),
            _ => format!(
                "`{word}` is not known; it is one of `{}`",
                known.join("`, `")
            ),
        };
    }
    for (start, end) in [
        ("missing field ", " is missing"),
        ("duplicate field ", " is there twice"),
    ] {
        if let Some(name) = text.strip_prefix(start) {
            return format!("{name}{end}");
        }
    }
    let syntax = SYNTAX.iter().find(|(start, _)| text.starts_with(start));
    match syntax {
        Some((start, meaning)) if meaning.ends_with(": ") => {
            format!("{meaning}{}", text.trim_start_matches(start))
        }
        Some((_, meaning)) => (*meaning).to_owned(),
        None => text.to_owned(),
    }
}

/// What is there.
fn found(is: &str) -> String {
    match is {
        "null" | "unit value" | "Option value" => "nothing".to_owned(),
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        is => match is.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("boolean", word)) => word.trim_matches('`').to_owned(),
            Some(("integer", number)) => format!("the number {}", number.trim_matches('`')),
            Some(("floating", number)) => {
                let number = number.trim_start_matches("point ");
                format!("the number {}", number.trim_matches('`'))
            }
            _ => is.to_owned(),
        },
    }
}

/// What should be.
fn needed(wanted: &str) -> String {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            let most = match wanted {
                "u8" => " up to 255",
                "u16" => " up to 65535",
                "u32" => " up to 4294967295",
                _ => "",
            };
            format!("a whole number{most}, 0 or more")
        }
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "str" | "a borrowed string" => "a text".to_owned(),
        "a map" | "map" => "an object".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a string or map" | "string or map" => "a text or an object".to_owned(),
        wanted if wanted.starts_with("struct ") => "an object".to_owned(),
        wanted if wanted.contains("enum ") || wanted.starts_with("variant") => {
            "one of its words".to_owned()
        }
        wanted => wanted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_library_is_left() {
        for (text, expected) in [
            (
                "invalid type: string \"many\", expected u16",
                "it is the text \"many\", and must be a whole number up to 65535, 0 or more",
            ),
            (
                "invalid type: floating point `1.5`, expected usize at line 1 column 8",
                "it is the number 1.5, and must be a whole number, 0 or more (line 1, column 8)",
            ),
            (
                "invalid type: sequence, expected struct New",
                "it is a list, and must be an object",
            ),
            (
                "unknown field `stats`, expected one of `status`, `body`",
                "`stats` is not known: write `status`",
            ),
            (
                "unknown variant `x`, expected `a` or `b`",
                "`x` is not known; it is one of `a`, `b`",
            ),
            ("missing field `on`", "`on` is missing"),
            (
                "EOF while parsing a list at line 3 column 0",
                "it ends too early: something is not closed (line 3, column 0)",
            ),
            (
                "expected `,` or `}` at line 1 column 9",
                "something is missing: `,` or `}` (line 1, column 9)",
            ),
            ("somebody's own words", "somebody's own words"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
