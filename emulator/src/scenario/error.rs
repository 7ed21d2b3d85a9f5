//! Why a text is no scenario, and where.

use super::locate;

/// Why a text is not a scenario: the place, what is wrong there, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    file: Option<String>,
    problems: Vec<ScenarioProblem>,
    /// Places by the names that were meant, and the same as they were written.
    meant: Vec<(String, String)>,
}

/// How many problems the text of an error has.
const TOLD: usize = 20;

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
    /// What the line is looked up by, where that is not the place.
    at: Option<String>,
    /// A name is not known: what it would have named is not, either.
    is_unknown: bool,
}

impl ScenarioProblem {
    pub(super) fn new(place: &str, problem: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            problem: problem.into(),
            line: None,
            column: None,
            of_text: false,
            at: None,
            is_unknown: false,
        }
    }
}

/// What is wrong in the parts of something, so that all of it is told at once.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Option<ScenarioError>);

impl Mistakes {
    /// What was read of a part; of a wrong one nothing.
    pub(super) fn take<T: Default>(&mut self, read: Result<T, ScenarioError>) -> T {
        self.take_or(read, T::default())
    }

    pub(super) fn take_or<T>(&mut self, read: Result<T, ScenarioError>, other: T) -> T {
        match read {
            Ok(part) => part,
            Err(error) => {
                self.add(error);
                other
            }
        }
    }

    pub(super) fn add(&mut self, error: ScenarioError) {
        self.0 = Some(match self.0.take() {
            None => error,
            Some(earlier) => earlier.and(error),
        });
    }

    /// Whether some of them may be why a name in braces is not known.
    pub(super) fn hides_names(&self) -> bool {
        self.0.as_ref().is_some_and(ScenarioError::hides_names)
    }

    /// The whole, if no part of it was wrong.
    pub(super) fn none<T>(self, whole: T) -> Result<T, ScenarioError> {
        self.0.map_or(Ok(whole), Err)
    }
}

impl ScenarioError {
    /// One problem without a line.
    pub(super) fn new(place: &str, problem: impl Into<String>) -> Self {
        Self {
            file: None,
            problems: vec![ScenarioProblem::new(place, problem)],
            meant: Vec::new(),
        }
    }

    /// A name that is not known, which stands at a place of its own, and the place that it would have with the name that was
    /// meant.
    pub(super) fn unknown(
        place: &str,
        problem: String,
        written: String,
        meant: Option<String>,
    ) -> Self {
        let mut error = Self::new(place, problem);
        for problem in &mut error.problems {
            problem.at = Some(written.clone());
            // What is misspelt may have been what gives a text its names.
            let names = ["save", "regex", "verbatim"];
            problem.is_unknown = meant
                .as_deref()
                .is_none_or(|meant| names.iter().any(|name| meant.ends_with(name)));
        }
        error.meant = meant.map(|meant| (meant, written)).into_iter().collect();
        error
    }

    /// Whether some of it may be why a name in braces is not known.
    fn hides_names(&self) -> bool {
        let hides = |it: &ScenarioProblem| it.is_unknown || it.place.ends_with(".save");
        self.problems.iter().any(hides)
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
        self.meant.extend(other.meant);
        self
    }

    pub(super) fn in_file(mut self, name: String) -> Self {
        self.file = Some(name);
        self
    }

    /// With the lines, from the text that was read.
    pub(super) fn located_in(mut self, text: &str) -> Self {
        locate_all(&mut self.problems, &self.meant, text);
        self
    }
}

/// Finds the lines of problems, and puts them in the order of the text.
pub(super) fn locate_all(problems: &mut [ScenarioProblem], meant: &[(String, String)], text: &str) {
    let places = locate::places(text);
    for problem in problems.iter_mut() {
        let mut place = problem.at.as_deref().unwrap_or(&problem.place).to_owned();
        // The inner ones come first: they are named below the names that were meant around them.
        let mut around: Vec<_> = meant.iter().collect();
        around.sort_by_key(|(meant, _)| std::cmp::Reverse(meant.len()));
        for (meant, written) in around {
            let below = place.strip_prefix(meant.as_str());
            let below = below.filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            if let Some(rest) = below.filter(|_| !places.contains_key(meant)) {
                place = format!("{written}{rest}");
            }
        }
        if let Some((line, column)) = locate::find(&places, &place) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
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
        for (index, problem) in self.problems.iter().take(TOLD).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match (&self.file, problem.line, problem.column) {
                (Some(file), Some(line), Some(column)) => {
                    write!(f, "{file}:{line}:{column}: {problem}")?;
                }
                (Some(file), ..) => write!(f, "{file}: {problem}")?,
                // What is said of a text has its place in it already.
                (None, Some(line), Some(column)) if !problem.of_text => {
                    write!(f, "{problem} (line {line}, column {column})")?;
                }
                _ => write!(f, "{problem}")?,
            }
        }
        match self.problems.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "\n... and {more} more"),
        }
    }
}

impl std::error::Error for ScenarioError {}
