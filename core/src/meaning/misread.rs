//! Why parameters cannot be read, in the words of their names.

use super::likeliest;

/// What serde says of a value that it cannot read, for a person: a name that is not
/// known with those that are, a value of a wrong type with what is needed. What stands
/// before it, such as the name of the call, stays.
///
/// ```
/// let why = sessionwire::meaning::misread("wire: unknown field `promt`, expected `prompt` or `title`");
/// assert_eq!(why, "wire: `promt` is not known. Did you mean `prompt`? It can be `prompt` or `title`");
/// ```
pub fn misread(why: &str) -> String {
    let why = without_place(why);
    for (begins, reword) in [
        ("unknown field `", unknown as fn(&str) -> Option<String>),
        ("unknown variant `", unknown),
        ("missing field `", missing),
        ("invalid type: ", odd),
        ("invalid value: ", odd),
    ] {
        if let Some(at) = why.find(begins)
            && let Some(said) = reword(&why[at + begins.len()..])
        {
            let before = &why[..at];
            // "`prompt`: " is what the sentence is about.
            return match before.strip_suffix("`: ") {
                Some(named) if begins.starts_with("invalid") => format!("{named}` {said}"),
                _ if begins.starts_with("invalid") => format!("{before}it {said}"),
                _ => format!("{before}{said}"),
            };
        }
    }
    why.to_owned()
}

/// Where in a text it stands tells a person little.
fn without_place(why: &str) -> &str {
    let place = why.rfind(" at line ");
    let is_place = |rest: &str| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let rest = rest.trim_start_matches(" at line ");
        rest.split_once(" column ")
            .is_some_and(|(line, column)| digits(line) && digits(column))
    };
    match place {
        Some(at) if is_place(&why[at..]) => &why[..at],
        _ => why,
    }
}

/// `promt`, expected one of `prompt`, `title`
fn unknown(rest: &str) -> Option<String> {
    let (name, expected) = rest.split_once('`')?;
    let expected = expected.strip_prefix(", expected ").unwrap_or_default();
    let list = expected.strip_prefix("one of ").unwrap_or(expected);
    let names: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let mut said = format!("`{name}` is not known");
    if let Some(meant) = likeliest(name, &names) {
        said.push_str(&format!(". Did you mean `{meant}`?"));
        if !names.is_empty() {
            said.push_str(&format!(" It can be {list}"));
        }
    } else if !names.is_empty() {
        said.push_str(&format!(": it can be {list}"));
    }
    Some(said)
}

/// key`
fn missing(rest: &str) -> Option<String> {
    let (name, _) = rest.split_once('`')?;
    Some(format!("`{name}` is missing"))
}

/// string "x", expected a sequence
fn odd(rest: &str) -> Option<String> {
    let (given, needed) = rest.rsplit_once(", expected ")?;
    let plain = |text: &str| text.replace('`', "");
    let given = match given.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer", number)) => format!("the number {}", plain(number)),
        Some(("floating", number)) => {
            let number = number.strip_prefix("point ").unwrap_or(number);
            format!("the number {}", plain(number))
        }
        Some(("boolean", flag)) => plain(flag),
        _ => match given {
            "sequence" => "a list".to_owned(),
            "map" => "an object".to_owned(),
            other => plain(other),
        },
    };
    let needed = match needed {
        "a string" | "string" | "str" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "true or false",
        "f32" | "f64" => "a number",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        other if other.starts_with("struct ") || other.starts_with("internally tagged") => {
            "an object"
        }
        other => other,
    };
    Some(format!("is {given}, but needs {needed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_by_its_names() {
        for (why, told) in [
            (
                "start_turn: unknown field `promt`, expected one of `prompt`, `mode` at line 1 column 8",
                "start_turn: `promt` is not known. Did you mean `prompt`? It can be `prompt`, `mode`",
            ),
            (
                "unknown variant `x`, expected one of `honoured`, `ignored`",
                "`x` is not known: it can be `honoured`, `ignored`",
            ),
            ("unknown field `x`, there are no fields", "`x` is not known"),
            (
                "missing field `key` at line 1 column 11",
                "`key` is missing",
            ),
            (
                r#"wire: `prompt`: invalid type: string "a, expected b", expected a sequence"#,
                r#"wire: `prompt` is the text "a, expected b", but needs a list"#,
            ),
            (
                "invalid type: integer `5`, expected a string",
                "it is the number 5, but needs a text",
            ),
            (
                "invalid type: floating point `1.5`, expected u64",
                "it is the number 1.5, but needs a whole number",
            ),
            (
                "invalid type: boolean `true`, expected struct WireNames",
                "it is true, but needs an object",
            ),
            (
                "invalid type: null, expected a map",
                "it is null, but needs an object",
            ),
            (
                "invalid type: map, expected f64",
                "it is an object, but needs a number",
            ),
            ("trailing comma at line 1 column 9", "trailing comma"),
            ("a note at line twelve", "a note at line twelve"),
        ] {
            assert_eq!(misread(why), told);
        }
    }
}
