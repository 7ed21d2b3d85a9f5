//! How much a step makes the emulator do and keep.

use serde_json::Value;

/// The most steps that a task or turn plays, its repeats played out.
const STEPS: u64 = 10_000_000;
/// The most bytes that they may be together.
const BYTES: u64 = 1 << 30;

/// How deep steps may stand in steps: what plays them takes a part of a thread's stack for each.
const DEPTH: usize = 16;

/// The fields that hold steps.
pub(super) const NESTED: [&str; 4] = ["steps", "else", "answers", "choose"];

/// What a step is played as, all its rounds together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    steps: u64,
    bytes: u64,
}

impl Load {
    /// That of a step, or of a branch of a question.
    pub(super) fn of(step: &Value) -> Self {
        let list = |name: &str| step.get(name).and_then(Value::as_array);
        let inner = NESTED
            .into_iter()
            .filter_map(list)
            .flatten()
            .map(Self::of)
            .fold(Self::default(), Self::plus);
        let own = Self {
            steps: 1,
            bytes: size(step),
        };
        match step.get("repeat").map(whole) {
            // What is no number is refused elsewhere. A round without a step is one, too.
            Some(times) => own.plus(
                inner
                    .plus(Self {
                        steps: 1,
                        ..Self::default()
                    })
                    .times(times.unwrap_or(0)),
            ),
            None => own.plus(inner),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn times(self, times: u64) -> Self {
        Self {
            steps: self.steps.saturating_mul(times),
            bytes: self.bytes.saturating_mul(times),
        }
    }

    /// What is too much of it, in words that follow a place.
    pub(super) fn excess(self) -> Option<String> {
        if self.steps > STEPS {
            return Some(format!(
                "plays more than {STEPS} steps, with the repeats inside of it; use smaller numbers"
            ));
        }
        (self.bytes > BYTES).then(|| {
            format!("plays more than {BYTES} bytes of text; use smaller numbers, or shorter texts")
        })
    }
}

/// Whether steps stand too deep in the steps of a task or turn, in words that follow a place. It is
/// asked before anything is read, which takes of the stack, too.
pub(super) fn too_deep(entry: &Value) -> Option<String> {
    // Its own list of steps is no level.
    (levels(entry) > DEPTH + 1)
        .then(|| format!("holds steps in steps, more than {DEPTH} deep; use fewer levels"))
}

fn levels(step: &Value) -> usize {
    let list = |name: &str| step.get(name).and_then(Value::as_array);
    let inner = NESTED.into_iter().filter_map(list).flatten();
    // A branch of `choose` or of a question has its steps for it.
    let own = list("steps").or_else(|| list("else")).is_some();
    usize::from(own) + inner.map(levels).max().unwrap_or(0)
}

/// What stands for `{task}` and its like.
const FILLED: u64 = 1000;

/// The texts of a step itself, in bytes.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64 + FILLED * filled(text),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => {
            let own = |name: &&String| !NESTED.contains(&name.as_str());
            let fields = fields.iter().filter(|(name, _)| own(name));
            fields
                .map(|(name, value)| name.len() as u64 + size(value))
                .sum()
        }
        _ => 1,
    }
}

/// How many texts of others are put into this one.
fn filled(text: &str) -> u64 {
    crate::fill::names(text).count() as u64
}

/// A whole number, written as `3` or `3.0`.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        // Above 2^53 a float no longer names one whole number.
        let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        is_whole.then_some(number as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use serde_json::{Value, json};

    fn read(kind: &str, step: Value) -> Result<(), String> {
        let scenario = json!({ kind: [{ "steps": [{"delay": 0}, step] }] });
        let read = Scenario::from_text(&scenario.to_string());
        read.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_repeat_that_never_ends_is_refused_with_its_place() {
        let inside = |inner: Value, times: u64| json!({"repeat": times, "steps": [inner]});
        let nested = (0..8).fold(json!({"repeat": 8, "steps": []}), |inner, _| {
            inside(inner, 8)
        });
        let large = json!({"repeat": 5000, "steps": [{"thought": "x".repeat(1_000_000)}]});
        let asked = json!({"repeat": 4000, "steps": [
            {"question": "?", "answers": [{"steps": [{"repeat": 4000, "steps": []}]}]}
        ]});
        for kind in ["tasks", "turns"] {
            for (step, reason) in [
                (
                    json!({"repeat": 1_u64 << 62, "steps": []}),
                    "more than 10000000 steps",
                ),
                (
                    json!({"repeat": 1e15, "steps": []}),
                    "more than 10000000 steps",
                ),
                (
                    json!({"repeat": 10_000_000, "steps": [{"delay": 0}]}),
                    "more than 10000000 steps",
                ),
                (
                    inside(json!({"repeat": 100_000, "steps": []}), 1000),
                    "more than 10000000 steps",
                ),
                (nested.clone(), "more than 10000000 steps"),
                (large.clone(), "more than 1073741824 bytes"),
            ] {
                let error = read(kind, step).unwrap_err();
                let place = format!("{kind}[0].steps[1].repeat: plays {reason}");
                assert!(error.starts_with(&place), "{error}");
            }
            assert_eq!(
                read(
                    kind,
                    json!({"repeat": 1_000_000, "steps": [{"thought": "a"}]})
                ),
                Ok(())
            );
            assert_eq!(read(kind, json!({"repeat": 0, "steps": []})), Ok(()));
        }
        let half = json!({"repeat": 6_000_000, "steps": []});
        let twice = json!({ "tasks": [{ "steps": [half, half] }] }).to_string();
        let error = Scenario::from_text(&twice).unwrap_err().to_string();
        assert!(
            error.starts_with("tasks[0]: plays more than 10000000 steps"),
            "{error}"
        );
        let filled = "{task}".repeat(2_000_000);
        let error = read("tasks", json!({"thought": filled})).unwrap_err();
        assert!(
            error.starts_with("tasks[0]: plays more than 1073741824 bytes"),
            "{error}"
        );
        let error = read("tasks", asked).unwrap_err();
        assert!(
            error.contains("tasks[0].steps[1].repeat: plays more than"),
            "{error}"
        );
    }
}
