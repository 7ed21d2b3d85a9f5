//! Why a text is no scenario, and where.

use super::locate;

/// Why a text is not a scenario: the place, what is wrong there, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    file: Option<String>,
    problems: Vec<ScenarioProblem>,
}

/// One thing that is wrong in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioProblem {
    /// Where, such as `tasks[0].steps[2]`; empty: the scenario as a whole, or a text that is none.
    pub place: String,
    /// What is wrong there, and what to write.
    pub problem: String,
    /// The line, from 1, where the text is known.
    pub line: Option<u64>,
    /// The column, from 1, in characters.
    pub column: Option<u64>,
    /// It is about the text, which is no scenario yet.
    of_text: bool,
}

impl ScenarioError {
    /// One problem without a line.
    pub(super) fn new(place: &str, problem: impl Into<String>) -> Self {
        Self {
            file: None,
            problems: vec![ScenarioProblem {
                place: place.to_owned(),
                problem: problem.into(),
                line: None,
                column: None,
                of_text: false,
            }],
        }
    }

    /// The text could not be read at all.
    pub(super) fn unreadable(problem: impl Into<String>, at: Option<(u64, u64)>) -> Self {
        let mut error = Self::new("", problem);
        for problem in &mut error.problems {
            problem.of_text = true;
            problem.line = at.map(|(line, _)| line);
            problem.column = at.map(|(_, column)| column);
        }
        error
    }

    /// What is wrong, in the order of the text. At least one.
    #[must_use]
    pub fn problems(&self) -> &[ScenarioProblem] {
        &self.problems
    }

    /// Both, in their order.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self
    }

    pub(super) fn in_file(mut self, name: String) -> Self {
        self.file = Some(name);
        self
    }

    /// With the lines, from the text that was read.
    pub(super) fn located_in(mut self, text: &str) -> Self {
        let places = locate::places(text);
        for problem in &mut self.problems {
            if let Some((line, column)) = locate::find(&places, &problem.place) {
                (problem.line, problem.column) = (Some(line), Some(column));
            }
        }
        self
    }
}

impl std::fmt::Display for ScenarioProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place.as_str() {
            "" if self.of_text => f.write_str(&self.problem),
            "" => write!(f, "the scenario: {}", self.problem),
            place => write!(f, "{place}: {}", self.problem),
        }
    }
}

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(first) = self.problems.first() else {
            return Ok(());
        };
        match (&self.file, first.line, first.column) {
            (Some(file), Some(line), Some(column)) => write!(f, "{file}:{line}:{column}: {first}")?,
            (Some(file), ..) => write!(f, "{file}: {first}")?,
            // What is said of a text has its place in it already.
            (None, Some(line), Some(column)) if !first.of_text => {
                write!(f, "{first} (line {line}, column {column})")?;
            }
            _ => write!(f, "{first}")?,
        }
        let more = self.problems.len() - 1;
        if more > 0 {
            let what = if more == 1 { "problem" } else { "problems" };
            write!(f, " (and {more} more {what})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}
