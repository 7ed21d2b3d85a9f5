//! When following a session's messages ends.

/// Whether the task is over, by its execution status and the types of the
/// messages that came with it, in their order.
///
/// A status may lag behind a message that was just sent. So of messages that
/// came, one must be the outcome (`DONE` or `ERROR`), and nothing after it may
/// begin something new; what the service adds behind it, such as a `LOG`, does
/// not. Without messages the status counts: whoever asks looks several times.
pub fn is_over<'a>(status: &str, types: impl DoubleEndedIterator<Item = &'a str>) -> bool {
    if !matches!(status, "finished" | "error") {
        return false;
    }
    let mut types = types.rev().peekable();
    if types.peek().is_none() {
        return true;
    }
    let newest = types.find(|name| matches!(*name, "DONE" | "ERROR" | "USER" | "QUESTION"));
    matches!(newest, Some("DONE" | "ERROR"))
}

#[cfg(test)]
mod tests {
    use super::is_over;

    #[test]
    fn an_outcome_and_a_status_end_it() {
        for (status, types, over) in [
            ("finished", &["DONE", "LOG"][..], true),
            ("finished", &["DONE"], true),
            ("error", &["THOUGHT", "ERROR"], true),
            ("finished", &[], true),
            ("finished", &["THOUGHT"], false),
            ("finished", &["LOG"], false),
            ("finished", &["DONE", "USER"], false),
            ("finished", &["DONE", "USER", "DONE", "LOG"], true),
            ("running", &["DONE"], false),
            ("running", &[], false),
            ("waiting_for_input", &["QUESTION"], false),
        ] {
            let types = types.iter().copied();
            assert_eq!(is_over(status, types.clone()), over, "{status} {types:?}");
        }
    }
}
