//! Where a script is, for whoever watches it play.

/// The entry that plays, and its step: `tasks[0], step 3 of 12`, or, in the second step of that one, `step 3.2 of 12`.
#[derive(Debug)]
pub(crate) struct Place {
    entry: String,
    /// The steps of the script itself.
    steps: usize,
    /// From the outside in, from 1.
    at: Vec<usize>,
}

impl Place {
    pub(crate) fn new(entry: String, steps: usize) -> Self {
        Self {
            entry,
            steps,
            at: Vec::new(),
        }
    }

    /// Goes into a list of steps.
    pub(crate) fn enter(&mut self) {
        self.at.push(0);
    }

    /// Goes to the next step of the list.
    pub(crate) fn next(&mut self) {
        if let Some(step) = self.at.last_mut() {
            *step += 1;
        }
    }

    /// Leaves a list of steps.
    pub(crate) fn leave(&mut self) {
        self.at.pop();
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at: Vec<_> = self.at.iter().map(ToString::to_string).collect();
        let at = at.join(".");
        write!(f, "{}, step {at} of {}", self.entry, self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_it_is_in_nested_steps() {
        let mut place = Place::new("tasks[0]".to_owned(), 12);
        place.enter();
        place.next();
        place.next();
        assert_eq!(place.to_string(), "tasks[0], step 2 of 12");
        place.enter();
        place.next();
        assert_eq!(place.to_string(), "tasks[0], step 2.1 of 12");
        place.leave();
        place.next();
        assert_eq!(place.to_string(), "tasks[0], step 3 of 12");
    }
}
