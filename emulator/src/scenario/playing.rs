//! Which script plays for a task or a turn.

use super::matches::{Match, Wanted, WantedFile, Which, fits, found, hold};
use super::model::{Scenario, ScriptedTask};
use super::nearest::{self, quoted};
use super::turn::ScriptedTurn;
use crate::raccoon::Dialect;
use crate::seed::Draws;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A task or turn that looks for its script.
#[derive(Debug, Default)]
pub(crate) struct Asked<'a> {
    /// The text of the task, or the prompt.
    pub(crate) text: &'a str,
    pub(crate) start_url: Option<&'a str>,
    pub(crate) agent: &'a str,
    /// Of a turn; a task has none.
    pub(crate) mode: &'a str,
    pub(crate) session_id: &'a str,
    /// The how manyth of its session it is, from 1.
    pub(crate) nth_in_session: u64,
    /// What earlier scripts of the session kept.
    pub(crate) saved: BTreeMap<String, String>,
    pub(crate) files: Vec<AskedFile>,
}

/// A file that goes with a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct AskedFile {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) size: u64,
    /// Its beginning, as text.
    pub(crate) content: String,
}

/// A script, and what belongs to this play of it.
#[derive(Debug)]
pub(crate) struct Chosen<S> {
    pub(crate) script: S,
    /// What the expressions of its match found, by name.
    pub(crate) found: BTreeMap<String, String>,
    /// Where its choices come from.
    pub(crate) draws: Draws,
    /// The file that its match is about.
    pub(crate) file: Option<AskedFile>,
    /// Its entry, such as `tasks[0]`.
    pub(crate) entry: String,
}

/// The scenario in force, with the `once` entries that were used up.
#[derive(Debug, Default)]
pub(crate) struct Playing {
    /// Another one for each scenario that was set.
    number: u64,
    scenario: Scenario,
    tasks: Played,
    turns: Played,
    /// The sessions that started something, with their numbers.
    sessions: HashMap<String, u64>,
    /// The entry that plays for the last task or turn.
    last: String,
    dialect: Option<Arc<Dialect>>,
}

/// What was played of a list of entries.
#[derive(Debug, Default)]
struct Played {
    /// Of each entry: it plays once, and has played.
    used: Vec<bool>,
    /// How many tasks or turns fitted each entry, but for its `nth`.
    fitted: Vec<u64>,
    /// How often each text came.
    texts: HashMap<String, u64>,
}

impl Played {
    fn new(entries: usize) -> Self {
        Self {
            used: vec![false; entries],
            fitted: vec![0; entries],
            texts: HashMap::new(),
        }
    }

    /// The entry that plays; it is used up if it plays once. Each entry counts what fits it.
    fn choose<'a>(
        &mut self,
        asked: &Asked<'_>,
        session: u64,
        entries: impl Iterator<Item = (Entry<'a>, bool)>,
    ) -> Option<usize> {
        let mut chosen = None;
        for (index, (entry, once)) in entries.enumerate() {
            if !entry.fits(asked, session) {
                continue;
            }
            self.fitted[index] += 1;
            let is_nth = entry.wanted.nth.is_none_or(|nth| nth == self.fitted[index]);
            if chosen.is_none() && is_nth && !self.used[index] {
                self.used[index] = once;
                chosen = Some(index);
            }
        }
        chosen
    }

    /// What keeps an entry from playing, beside its text; in words, each a sentence's part.
    fn kept(&self, index: usize, entry: Entry<'_>, asked: &Asked<'_>, session: u64) -> Vec<String> {
        let mut kept = entry.differences(asked, session);
        let fitted = self.fitted.get(index).copied().unwrap_or_default();
        if let Some(nth) = entry.wanted.nth.filter(|nth| *nth != fitted) {
            kept.push(format!(
                "it wants number {nth} of those that fit, and this was number {fitted}"
            ));
        }
        if self.used.get(index).copied().unwrap_or_default() {
            kept.push("it plays `once`, and has played".to_owned());
        }
        kept
    }

    /// The draws of the entry for this text, which came as often before: the same in each run, in whatever order tasks of
    /// other texts come.
    fn draws(&mut self, seed: u64, list: &str, index: usize, text: &str) -> Draws {
        let count = self.texts.entry(text.to_owned()).or_default();
        *count += 1;
        Draws::new(seed, &[list, &index.to_string(), text, &count.to_string()])
    }
}

/// What an entry wants.
#[derive(Clone, Copy)]
struct Entry<'a> {
    matches: Option<&'a Match>,
    mode: Option<&'a str>,
    wanted: &'a Wanted,
}

impl<'a> Entry<'a> {
    fn of_task(task: &'a ScriptedTask) -> Self {
        Self {
            matches: task.matches.as_ref(),
            mode: None,
            wanted: &task.wanted,
        }
    }

    fn of_turn(turn: &'a ScriptedTurn) -> Self {
        Self {
            matches: turn.matches.as_ref(),
            mode: turn.mode.as_deref(),
            wanted: &turn.wanted,
        }
    }

    /// Whether all fits but `nth`, for which it is counted.
    fn fits(&self, asked: &Asked<'_>, session: u64) -> bool {
        let Wanted {
            start_url,
            agent,
            session: which,
            nth: _,
            nth_in_session,
            answers,
            file,
        } = self.wanted;
        let saved = |name: &str| asked.saved.get(name).map(String::as_str);
        fits(self.matches, asked.text)
            && self.mode.is_none_or(|mode| mode == asked.mode)
            && start_url
                .as_ref()
                .is_none_or(|wanted| asked.start_url.is_some_and(|url| wanted.fits(url)))
            && fits(agent.as_ref(), asked.agent)
            && which.as_ref().is_none_or(|which| match which {
                Which::Number(number) => *number == session,
                Which::Id(id) => id == asked.session_id,
            })
            && nth_in_session.is_none_or(|nth| nth == asked.nth_in_session)
            && hold(answers, saved)
            && file
                .as_ref()
                .is_none_or(|file| asked.files.iter().any(|asked| file.fits(asked)))
    }

    /// What does not fit beside the text, in words.
    fn differences(&self, asked: &Asked<'_>, session: u64) -> Vec<String> {
        let wanted = self.wanted;
        let saved = |name: &str| asked.saved.get(name).map(String::as_str);
        let mut differences = Vec::new();
        if let Some(mode) = self.mode.filter(|mode| *mode != asked.mode) {
            differences.push(format!(
                "it wants the mode {mode:?}, and this turn has {:?}",
                asked.mode
            ));
        }
        if let Some(url) = &wanted.start_url
            && !asked.start_url.is_some_and(|asked| url.fits(asked))
        {
            differences.push(match asked.start_url {
                None => format!("it wants the `start_url` {}, and there is none", said(url)),
                Some(asked) => format!(
                    "it wants the `start_url` {}, and this is {asked:?}",
                    said(url)
                ),
            });
        }
        if let Some(agent) = wanted
            .agent
            .as_ref()
            .filter(|agent| !agent.fits(asked.agent))
        {
            differences.push(format!(
                "it wants the agent {}, and this is {:?}",
                said(agent),
                asked.agent
            ));
        }
        match &wanted.session {
            Some(Which::Number(number)) if *number != session => {
                differences.push(format!(
                    "it wants session {number}, and this is session {session}"
                ));
            }
            Some(Which::Id(id)) if id != asked.session_id => {
                differences.push(format!(
                    "it wants the session {id}, and this is {}",
                    asked.session_id
                ));
            }
            _ => {}
        }
        if let Some(nth) = wanted
            .nth_in_session
            .filter(|nth| *nth != asked.nth_in_session)
        {
            let is = asked.nth_in_session;
            differences.push(format!(
                "it wants number {nth} of its session, and this is number {is}"
            ));
        }
        if !hold(&wanted.answers, saved) {
            let names: Vec<_> = wanted
                .answers
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            differences.push(format!("its `answers` ({}) do not hold", names.join(", ")));
        }
        if let Some(file) = &wanted.file
            && !asked.files.iter().any(|asked| file.fits(asked))
        {
            differences.push("no file of the turn is like its `file`".to_owned());
        }
        differences
    }

    /// What its expressions found, and the file that it is about.
    fn found(&self, asked: &Asked<'_>) -> (BTreeMap<String, String>, Option<AskedFile>) {
        let wanted = self.wanted;
        let mut all = found(&wanted.answers, &asked.saved);
        let file = match &wanted.file {
            Some(wanted) => asked.files.iter().find(|file| wanted.fits(file)),
            None => asked.files.first(),
        };
        let of_file = wanted.file.as_ref().zip(file);
        let texts = [
            (wanted.agent.as_ref(), asked.agent),
            (
                wanted.start_url.as_ref(),
                asked.start_url.unwrap_or_default(),
            ),
            (
                of_file.and_then(|(wanted, _)| wanted.name.as_ref()),
                of_file.map_or("", |(_, file)| &file.name),
            ),
            (
                of_file.and_then(|(wanted, _)| wanted.content.as_ref()),
                of_file.map_or("", |(_, file)| &file.content),
            ),
            // The text comes last: its groups have the numbers.
            (self.matches, asked.text),
        ];
        for (wanted, text) in texts {
            all.extend(wanted.map(|wanted| wanted.found(text)).unwrap_or_default());
        }
        (all, file.cloned())
    }
}

impl WantedFile {
    fn fits(&self, file: &AskedFile) -> bool {
        fits(self.name.as_ref(), &file.name) && fits(self.content.as_ref(), &file.content)
    }
}

impl Playing {
    pub(crate) fn new(scenario: Scenario) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            tasks: Played::new(scenario.tasks.len()),
            turns: Played::new(scenario.turns.len()),
            sessions: HashMap::new(),
            last: String::new(),
            dialect: scenario.dialect.clone().map(Arc::new),
            scenario,
        }
    }

    /// Changes with the scenario that is set.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The number of a session: the first to start something is 1.
    fn session(&mut self, asked: &Asked<'_>) -> u64 {
        let next = self.sessions.len() as u64 + 1;
        *self
            .sessions
            .entry(asked.session_id.to_owned())
            .or_insert(next)
    }

    /// The script for a new task, if there is one for it; uses up a `once` entry.
    pub(crate) fn script_for(&mut self, asked: &Asked<'_>) -> Option<Chosen<ScriptedTask>> {
        let session = self.session(asked);
        let entries = self.scenario.tasks.iter();
        let entries = entries.map(|task| (Entry::of_task(task), task.once));
        let index = self.tasks.choose(asked, session, entries)?;
        self.last = format!("tasks[{index}]");
        let script = self.scenario.tasks.get(index)?;
        let (found, file) = Entry::of_task(script).found(asked);
        let seed = self.scenario.seed;
        Some(Chosen {
            found,
            file,
            entry: self.last.clone(),
            draws: self.tasks.draws(seed, "tasks", index, asked.text),
            script: script.clone(),
        })
    }

    /// The same for a new turn.
    pub(crate) fn turn_script_for(&mut self, asked: &Asked<'_>) -> Option<Chosen<ScriptedTurn>> {
        let session = self.session(asked);
        let entries = self.scenario.turns.iter();
        let entries = entries.map(|turn| (Entry::of_turn(turn), turn.once));
        let index = self.turns.choose(asked, session, entries)?;
        self.last = format!("turns[{index}]");
        let script = self.scenario.turns.get(index)?;
        let (found, file) = Entry::of_turn(script).found(asked);
        let seed = self.scenario.seed;
        Some(Chosen {
            found,
            file,
            entry: self.last.clone(),
            draws: self.turns.draws(seed, "turns", index, asked.text),
            script: script.clone(),
        })
    }

    /// The entry that was chosen last, such as `tasks[0]`.
    pub(crate) fn last(&self) -> &str {
        &self.last
    }

    /// Why no entry plays for this task; `None` where the scenario says nothing of tasks.
    pub(crate) fn unmatched_task(&mut self, asked: &Asked<'_>) -> Option<String> {
        let session = self.session(asked);
        let entries = self.scenario.tasks.iter().enumerate().map(|(index, task)| {
            let other = self.tasks.kept(index, Entry::of_task(task), asked, session);
            nearest::Entry {
                place: format!("tasks[{index}]"),
                matches: task.matches.as_ref(),
                others: other,
            }
        });
        nearest::why("task", asked.text, entries)
    }

    /// The same of a turn.
    pub(crate) fn unmatched_turn(&mut self, asked: &Asked<'_>) -> Option<String> {
        let session = self.session(asked);
        let entries = self.scenario.turns.iter().enumerate().map(|(index, turn)| {
            let other = self.turns.kept(index, Entry::of_turn(turn), asked, session);
            nearest::Entry {
                place: format!("turns[{index}]"),
                matches: turn.matches.as_ref(),
                others: other,
            }
        });
        nearest::why("turn", asked.text, entries)
    }

    /// The entries with `once` that never played, such as `tasks[0] (match "mug")`.
    pub(crate) fn unplayed(&self) -> Vec<String> {
        let tasks = self.scenario.tasks.iter().zip(&self.tasks.used).enumerate();
        let tasks = tasks
            .filter(|(_, (entry, used))| entry.once && !**used)
            .map(|(index, (entry, _))| named("tasks", index, entry.matches.as_ref()));
        let turns = self.scenario.turns.iter().zip(&self.turns.used).enumerate();
        let turns = turns
            .filter(|(_, (entry, used))| entry.once && !**used)
            .map(|(index, (entry, _))| named("turns", index, entry.matches.as_ref()));
        tasks.chain(turns).collect()
    }

    /// The scenario in force.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// How Raccoon speaks, where the scenario says so.
    pub(crate) fn dialect(&self) -> Option<Arc<Dialect>> {
        self.dialect.clone()
    }
}

/// A match in words.
fn said(wanted: &Match) -> String {
    match wanted {
        Match::Contains(text) | Match::Equals(text) => quoted(text),
        Match::Regex(regex) => quoted(regex.as_str()),
    }
}

fn named(list: &str, index: usize, matches: Option<&Match>) -> String {
    match matches {
        None => format!("{list}[{index}]"),
        Some(matches) => format!("{list}[{index}] (match {})", said(matches)),
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
        let mut first = |text, mode| match playing
            .turn_script_for(&Asked {
                text,
                mode,
                ..Asked::default()
            })
            .as_ref()
            .map(|chosen| &chosen.script.steps[..])
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
        let mut done = |text| match playing
            .script_for(&Asked {
                text,
                ..Asked::default()
            })
            .as_ref()
            .map(|chosen| &chosen.script.steps[..])
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
