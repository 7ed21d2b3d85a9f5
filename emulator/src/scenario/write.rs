//! Writes scenarios as they are read.

use super::{Branch, Match, Scenario, ScriptedTask, Step};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let tasks: Vec<_> = self.tasks.iter().map(task).collect();
        json!({ "tasks": tasks }).serialize(target)
    }
}

fn task(task: &ScriptedTask) -> Value {
    let mut fields = entry(task.matches.as_ref(), &task.steps);
    if task.once {
        fields.insert("once".to_owned(), true.into());
    }
    fields.into()
}

fn answer(branch: &Branch) -> Value {
    entry(branch.matches.as_ref(), &branch.steps).into()
}

fn entry(matches: Option<&Match>, steps: &[Step]) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(matches) = matches {
        let value = match matches {
            Match::Contains(text) => text.as_str().into(),
            Match::Regex(regex) => json!({ "regex": regex.as_str() }),
        };
        fields.insert("match".to_owned(), value);
    }
    fields.insert("steps".to_owned(), steps.iter().map(step).collect());
    fields
}

fn step(step: &Step) -> Value {
    match step {
        Step::Thought(text) => json!({ "thought": text }),
        Step::Step { text, url, action } => {
            let mut value = json!({ "step": text });
            for (name, text) in [("url", url), ("action", action)] {
                if let Some(text) = text {
                    value[name] = text.as_str().into();
                }
            }
            value
        }
        Step::Log(text) => json!({ "log": text }),
        Step::Question { text, answers } if answers.is_empty() => json!({ "question": text }),
        Step::Question { text, answers } => {
            let answers: Vec<_> = answers.iter().map(answer).collect();
            json!({ "question": text, "answers": answers })
        }
        Step::Delay(seconds) => json!({ "delay": seconds }),
        Step::Repeat { times, steps } => {
            let steps: Vec<_> = steps.iter().map(self::step).collect();
            json!({ "repeat": times, "steps": steps })
        }
        Step::Navigate(url) => json!({ "navigate": url }),
        Step::Pause => json!({ "pause": true }),
        Step::WaitForPause => json!({ "wait_for_pause": true }),
        Step::WaitForMessage => json!({ "wait_for_message": true }),
        Step::Done(result) => json!({ "done": result }),
        Step::Error { text, status_code } => json!({ "error": text, "status_code": status_code }),
    }
}
