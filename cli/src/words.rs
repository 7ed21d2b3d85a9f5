//! What the library's errors name, in the words of the command line (pure).

use sessionwire::{Error, ErrorKind};

/// Options that the library calls otherwise, and what is no option here.
const OTHERS: [(&str, &str); 17] = [
    ("agent_name", "--agent"),
    ("answer", "`sessionwire answer`"),
    ("cancel", "`sessionwire cancel`"),
    ("files", "--file"),
    ("handle", "HANDLE"),
    ("message", "TEXT"),
    ("prompt", "PROMPT"),
    ("restore_from_session_id", "--restore-from"),
    ("result", "`sessionwire wait`"),
    ("save_snapshot_mode", "--save-snapshot"),
    ("send_message", "`sessionwire send`"),
    ("session_id", "SESSION"),
    ("text", "TEXT"),
    ("title", "TITLE"),
    ("url", "URL"),
    ("wait", "`sessionwire wait`"),
    ("workspace_id", "SESSION"),
];

/// Options that are called the same.
const OPTIONS: [&str; 19] = [
    "allow_insecure_http",
    "base_url",
    "cdp_url",
    "concurrency",
    "environment_type",
    "goal",
    "if_busy",
    "journal",
    "max_retries",
    "max_steps",
    "mode",
    "poll_interval",
    "retry_failed",
    "session_type",
    "start_url",
    "timeout",
    "wait_for_limit",
    "webhook_url",
    "wire",
];

/// An error's text. What the service said, and the names of its fields, stay as they are.
pub(crate) fn text_of(error: &Error) -> String {
    let text = error.to_string();
    let lead = text.strip_suffix(error.advice()).unwrap_or(&text);
    let is_of_input = error.status_code().is_none()
        && matches!(
            error.kind(),
            ErrorKind::InvalidRequest
                | ErrorKind::Config
                | ErrorKind::Conflict
                | ErrorKind::Timeout
                | ErrorKind::TaskTimeout
        );
    match is_of_input {
        true => of_the_command_line(&text),
        false => format!("{lead}{}", advice_of(error)),
    }
}

/// An error's advice, which is always ours.
pub(crate) fn advice_of(error: &Error) -> String {
    of_the_command_line(error.advice())
}

pub(crate) fn of_the_command_line(text: &str) -> String {
    // The names in the value of --wire are the service's.
    if text.contains("`wire`") {
        return text.replace("`wire`", "--wire");
    }
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, after))) = rest
        .split_once('`')
        .and_then(|(before, after)| Some((before, after.split_once('`')?)))
    {
        said.push_str(before);
        match word(name) {
            Some(word) => said.push_str(&word),
            None => said.extend(["`", name, "`"]),
        }
        rest = after;
    }
    said + rest
}

fn word(name: &str) -> Option<String> {
    let name = name.strip_suffix("=True").unwrap_or(name);
    if OPTIONS.contains(&name) {
        return Some(format!("--{}", name.replace('_', "-")));
    }
    let other = OTHERS.iter().find(|(theirs, _)| *theirs == name);
    other.map(|(_, ours)| (*ours).to_owned())
}

#[cfg(test)]
mod tests {
    use sessionwire::{Error, ErrorKind};

    use super::{of_the_command_line, text_of};

    #[test]
    fn options_and_functions_are_named_as_a_shell_has_them() {
        for (text, said) in [
            ("`message` is empty. Say it.", "TEXT is empty. Say it."),
            (
                "Answer it with `send_message`, or pass `if_busy`: \"wait\".",
                "Answer it with `sessionwire send`, or pass --if-busy: \"wait\".",
            ),
            (
                "`wire` has no name for `prompt`",
                "--wire has no name for `prompt`",
            ),
            ("Raise `timeout`", "Raise --timeout"),
            (
                "or pass `allow_insecure_http=True`",
                "or pass --allow-insecure-http",
            ),
            ("`what` is none, `", "`what` is none, `"),
        ] {
            assert_eq!(of_the_command_line(text), said);
        }
    }

    #[test]
    fn fields_of_an_answer_keep_their_names() {
        let fields = Error::new(ErrorKind::Stream, "The answer has no `session_id`");
        assert!(text_of(&fields).contains("`session_id`"), "{fields}");
        let input = Error::new(ErrorKind::InvalidRequest, "`session_id` is empty");
        assert!(text_of(&input).starts_with("SESSION is empty"), "{input}");
    }

    #[test]
    fn every_option_is_one_of_some_command() {
        use clap::CommandFactory as _;

        fn longs(command: &clap::Command, found: &mut Vec<String>) {
            let arguments = command.get_arguments();
            found.extend(arguments.filter_map(|argument| argument.get_long().map(str::to_owned)));
            for inner in command.get_subcommands() {
                longs(inner, found);
            }
        }
        let mut found = Vec::new();
        longs(&crate::args::Cli::command(), &mut found);
        let ours = super::OTHERS.iter().map(|(_, ours)| (*ours).to_owned());
        let ours = ours.filter(|ours| ours.starts_with("--"));
        let same = super::OPTIONS.iter().map(|name| name.replace('_', "-"));
        for option in ours.chain(same) {
            let long = option.trim_start_matches("--");
            assert!(found.iter().any(|found| found == long), "--{long}");
        }
    }
}
