//! What the lines of a journal say together: how far each task came. Pure.

use std::collections::HashMap;

use super::line::Entry;

/// The state of a journal.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By the id of the task.
    pub(crate) tasks: HashMap<String, Known>,
    /// Creates whose answer nobody noted, and of which nobody was told.
    pub(crate) lost: Vec<Lost>,
    /// Where the first process began that sent failed tasks once more, if those are not over.
    pub(crate) retries_since: Option<u64>,
    /// Of the process that is read.
    key: String,
}

/// A create whose answer nobody noted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lost {
    pub(crate) agent_name: String,
    pub(crate) time: String,
    /// Where in the journal it begins.
    at: u64,
}

/// What is known of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) digest: String,
    pub(crate) step: Step,
    agent_name: String,
    time: String,
    /// Where its last create begins.
    at: u64,
    /// The mark of the key whose session it has.
    pub(crate) key: String,
}

/// How far a task came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Step {
    /// Nothing was sent, and no session is there.
    #[default]
    None,
    /// A session was about to be created.
    Creating,
    /// There is a session, in which nothing was sent.
    Created(String),
    /// It is there, and the task is sent by this handle.
    Prepared(String),
    /// The task was sent.
    Sent(String),
    /// It is over.
    Ended {
        /// Where in the journal that stands.
        at: u64,
        failed: bool,
        session_id: String,
        /// Whether its session is gone.
        deleted: bool,
    },
}

impl Known {
    /// Its create, as one that is lost.
    fn lost(&mut self) -> Lost {
        Lost {
            agent_name: std::mem::take(&mut self.agent_name),
            time: std::mem::take(&mut self.time),
            at: self.at,
        }
    }
}

impl Book {
    /// Follows what a line says, which begins there.
    pub(super) fn enter(&mut self, entry: Entry, at: u64) {
        match entry {
            Entry::Journal { .. } => {}
            Entry::Begun { key, retry, .. } => {
                self.key = key;
                if retry {
                    self.retries_since.get_or_insert(at);
                }
            }
            Entry::Finished => self.retries_since = None,
            Entry::Told { up_to } => {
                self.lost.retain(|lost| lost.at >= up_to);
                for known in self.tasks.values_mut() {
                    if known.step == Step::Creating && known.at < up_to {
                        known.step = Step::None;
                    }
                }
            }
            Entry::Creating {
                id,
                digest,
                agent_name,
                time,
            } => {
                let known = self.tasks.entry(id).or_default();
                // Whoever had begun one before never learned what became of it.
                if known.step == Step::Creating {
                    self.lost.push(known.lost());
                }
                *known = Known {
                    digest,
                    step: Step::Creating,
                    agent_name,
                    time,
                    at,
                    key: self.key.clone(),
                };
            }
            Entry::Created { id, session_id } => self.came(id, Step::Created(session_id)),
            Entry::Prepared { id, handle } => self.came(id, Step::Prepared(handle)),
            Entry::Sent { id, handle } => self.came(id, Step::Sent(handle)),
            Entry::Dropped { id } => self.came(id, Step::None),
            Entry::Ended(ended) => {
                let step = Step::Ended {
                    at,
                    failed: ended.error.is_some(),
                    session_id: ended.session_id,
                    deleted: false,
                };
                self.came(ended.id, step);
            }
            Entry::Deleted { id } => {
                if let Some(Step::Ended { deleted, .. }) =
                    self.tasks.get_mut(&id).map(|known| &mut known.step)
                {
                    *deleted = true;
                }
            }
        }
    }

    /// All has been read: a create without an end is lost, too.
    pub(super) fn closed(mut self) -> Self {
        for known in self.tasks.values_mut() {
            if known.step == Step::Creating {
                known.step = Step::None;
                self.lost.push(known.lost());
            }
        }
        self.lost.sort_by(|one, other| one.time.cmp(&other.time));
        self
    }

    fn came(&mut self, id: String, step: Step) {
        self.tasks.entry(id).or_default().step = step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creating(id: &str, time: &str) -> Entry {
        Entry::Creating {
            id: id.to_owned(),
            digest: "d".to_owned(),
            agent_name: "agi-0".to_owned(),
            time: time.to_owned(),
        }
    }

    fn book(entries: Vec<Entry>) -> Book {
        let mut book = Book::default();
        for (place, entry) in (0..).zip(entries) {
            book.enter(entry, place);
        }
        book.closed()
    }

    #[test]
    fn a_create_without_an_end_is_lost_and_its_task_begins_anew() {
        let (id, session_id) = ("b".to_owned(), "s".to_owned());
        let book = book(vec![
            creating("a", "2"),
            creating("b", "1"),
            creating("b", "3"),
            Entry::Created { id, session_id },
            creating("c", "4"),
            Entry::Dropped { id: "c".to_owned() },
        ]);
        let times: Vec<_> = book.lost.iter().map(|lost| lost.time.as_str()).collect();
        assert_eq!(times, ["1", "2"]);
        assert_eq!(book.tasks["a"].step, Step::None);
        assert_eq!(book.tasks["b"].step, Step::Created("s".to_owned()));
        assert_eq!(book.tasks["c"].step, Step::None);
        assert_eq!(book.tasks["a"].digest, "d");
    }

    #[test]
    fn a_lost_create_is_told_once_and_a_later_one_by_itself() {
        let book = book(vec![
            creating("a", "1"),
            creating("b", "2"),
            // Of the process that reads those two, which loses one itself before it tells.
            creating("a", "3"),
            Entry::Told { up_to: 2 },
        ]);
        let times: Vec<_> = book.lost.iter().map(|lost| lost.time.as_str()).collect();
        assert_eq!(times, ["3"]);
    }
}
