//! What a test should hear of when it ends.

use crate::faults::Unstruck;
use serde::Serialize;

/// What did not go as the scenario and the faults say; see [`Emulator::unplayed`](crate::Emulator::unplayed).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unplayed {
    /// The tasks and turns that failed because no entry of the scenario fits, a sentence for each. Only with
    /// [`Unmatched::Error`](crate::Unmatched::Error); the first 100.
    pub unmatched: Vec<String>,
    /// The faults that never struck and the `once` entries that never played, a sentence for each.
    pub unused: Vec<String>,
}

impl Unplayed {
    pub(crate) fn new(
        unmatched: Vec<String>,
        faults: Vec<(String, Unstruck)>,
        entries: Vec<String>,
    ) -> Self {
        let faults = faults.into_iter().map(|(fault, why)| {
            let Unstruck::NoRequest { came, from } = why else {
                return format!(
                    "The fault `{fault}` never struck: the stream had fewer events. Use a smaller number, or take the fault out"
                );
            };
            let (what, action, more) = if fault.starts_with("webhook ") {
                ("webhook", "Cause it", "Cause more")
            } else {
                ("request", "Send the request", "Send more")
            };
            if came == 0 {
                return format!(
                    "The fault `{fault}` never struck: no {what} came that it is for. {action}, or take the fault out"
                );
            }
            let several = if came == 1 { "" } else { "s" };
            format!(
                "The fault `{fault}` never struck: {came} {what}{several} came that it is for, and it acts from number {from} on. \
                 {more}, or take the fault out"
            )
        });
        let entries = entries.into_iter().map(|entry| {
            format!(
                "The entry {entry} of the scenario plays `once`, and never played. Send what it is for, or take it out"
            )
        });
        Self {
            unmatched,
            unused: faults.chain(entries).collect(),
        }
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unmatched.is_empty() && self.unused.is_empty()
    }
}
