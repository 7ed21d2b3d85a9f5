//! Which script plays for a task or a turn.

use super::matches::fits;
use super::model::{Scenario, ScriptedTask};
use super::turn::ScriptedTurn;
use crate::raccoon::Dialect;
use std::sync::Arc;

/// The scenario in force, with the `once` entries that were used up.
#[derive(Debug, Default)]
pub(crate) struct Playing {
    scenario: Scenario,
    used: Vec<bool>,
    used_turns: Vec<bool>,
    dialect: Option<Arc<Dialect>>,
}

impl Playing {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            used: vec![false; scenario.tasks.len()],
            used_turns: vec![false; scenario.turns.len()],
            dialect: scenario.dialect.clone().map(Arc::new),
            scenario,
        }
    }

    /// The script for a new task, if there is one for it; uses up a `once` entry.
    pub(crate) fn script_for(&mut self, task: &str) -> Option<ScriptedTask> {
        let index = (0..self.used.len()).find(|&index| {
            !self.used[index] && fits(self.scenario.tasks[index].matches.as_ref(), task)
        })?;
        self.used[index] = self.scenario.tasks[index].once;
        Some(self.scenario.tasks[index].clone())
    }

    /// The same for a new turn.
    pub(crate) fn turn_script_for(&mut self, prompt: &str, mode: &str) -> Option<ScriptedTurn> {
        let turns = &self.scenario.turns;
        let index = (0..turns.len()).find(|&index| {
            !self.used_turns[index]
                && fits(turns[index].matches.as_ref(), prompt)
                && turns[index]
                    .mode
                    .as_deref()
                    .is_none_or(|wanted| wanted == mode)
        })?;
        self.used_turns[index] = turns[index].once;
        Some(turns[index].clone())
    }

    /// How Raccoon speaks, where the scenario says so.
    pub(crate) fn dialect(&self) -> Option<Arc<Dialect>> {
        self.dialect.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Step;
    use super::super::turn::TurnStep;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_turn_plays_by_prompt_and_mode() {
        let mut playing = Playing::new(
            serde_json::from_value(json!({"turns": [
                {"mode": "code", "steps": [{"abort": "1"}], "once": true},
                {"match": "red", "steps": [{"abort": "2"}]}]}))
            .unwrap(),
        );
        let mut first = |prompt, mode| match playing
            .turn_script_for(prompt, mode)
            .as_ref()
            .map(|script| &script.steps[..])
        {
            Some([TurnStep::Abort { reason }]) => reason.parse().ok(),
            _ => None,
        };
        assert_eq!(first("red", "auto"), Some(2));
        assert_eq!(first("red", "code"), Some(1));
        assert_eq!(first("red", "code"), Some(2));
        assert_eq!(first("blue", "code"), None);
    }

    #[test]
    fn the_first_matching_entry_plays_and_once_is_used_up() {
        let mut playing = Playing::new(
            serde_json::from_value(json!({"tasks": [
                {"match": "red", "steps": [{"done": 1}], "once": true},
                {"match": "red", "steps": [{"done": 2}]},
                {"match": {"regex": "(?i)^a? *BLUE\\b"}, "steps": [{"done": 3}]}]}))
            .unwrap(),
        );
        let mut done = |task| match playing
            .script_for(task)
            .as_ref()
            .map(|script| &script.steps[..])
        {
            Some([Step::Done(result)]) => result.as_u64(),
            _ => None,
        };
        assert_eq!(done("a red one"), Some(1));
        assert_eq!(done("a red one"), Some(2));
        assert_eq!(done("a blue one"), Some(3));
        assert_eq!(done("a bluebell"), None);
        assert_eq!(done("green"), None);
    }
}
