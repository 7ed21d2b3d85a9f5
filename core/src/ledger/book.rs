//! What the lines of a ledger say together: which sessions are there, who has them, and
//! which creates nobody knows the end of. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::line::{Line, Note, Read, read};
use crate::agi::SnapshotOptions;
use crate::key_mark::KeyMark;

/// The state of a ledger.
#[derive(Debug, Default)]
pub(super) struct Book {
    sessions: Vec<Noted>,
    /// Where a session is among them: by service and id.
    places: HashMap<(String, String), usize>,
    attempts: BTreeMap<String, Attempt>,
    /// How many lines could not be read.
    pub(super) unreadable: usize,
}

/// A session of which a ledger tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    pub(crate) session_id: String,
    pub(crate) agent_name: String,
    /// When it was created: ISO 8601.
    pub(crate) created_at: String,
    /// What its delete shall keep.
    pub(crate) snapshot: SnapshotOptions,
    /// A task was sent whose end nobody noted.
    pub(crate) working: bool,
    /// Whether the ledger saw its create: any other session is not ours to delete.
    is_created: bool,
    /// Deleted, or handed over.
    is_gone: bool,
    /// Whether it is of the reader's service and key.
    is_own: bool,
    /// The processes that created it or went on with it.
    owners: BTreeSet<String>,
}

/// A create whose end nobody noted.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(super) id: String,
    pub(crate) agent_name: String,
    /// When it was sent: ISO 8601.
    pub(crate) sent_at: String,
    owner: String,
    is_own: bool,
}

/// Whose a session or an attempt is.
pub(super) trait Owned {
    fn owners(&self) -> Vec<&str>;
}

impl Owned for Noted {
    fn owners(&self) -> Vec<&str> {
        self.owners.iter().map(String::as_str).collect()
    }
}

impl Owned for Attempt {
    fn owners(&self) -> Vec<&str> {
        vec![&self.owner]
    }
}

impl Book {
    /// Reads a ledger; `is_own` says whether a service and a key are the reader's.
    pub(super) fn read(text: &str, is_own: impl Fn(&str, &KeyMark) -> bool) -> Self {
        let mut book = Self::default();
        for found in read(text) {
            match found {
                Read::Line(line) => {
                    let own = is_own(&line.service, &line.key);
                    book.enter(*line, own);
                }
                Read::Held {
                    owner,
                    service,
                    session_id,
                } => {
                    book.unreadable += 1;
                    book.session(&service, &session_id).owners.insert(owner);
                }
                Read::Unreadable => book.unreadable += 1,
            }
        }
        book
    }

    /// The reader's sessions that are there, as far as the ledger knows.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &Noted> {
        self.sessions
            .iter()
            .filter(|session| session.is_own && session.is_there())
    }

    /// The reader's creates of which nobody knows the end.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.values().filter(|attempt| attempt.is_own)
    }

    /// How many sessions are there that are not the reader's: of another service or key.
    pub(super) fn foreign(&self) -> usize {
        let foreign = |session: &&Noted| session.is_there() && !session.is_own;
        self.sessions.iter().filter(foreign).count()
    }

    /// The processes that have something left, whoever reads.
    pub(super) fn owners(&self) -> BTreeSet<&str> {
        let sessions = self.sessions.iter().filter(|session| session.is_there());
        let attempts = self.attempts.values();
        sessions
            .flat_map(Owned::owners)
            .chain(attempts.flat_map(Owned::owners))
            .collect()
    }

    /// Whether nothing is left, whoever reads.
    pub(super) fn is_settled(&self) -> bool {
        self.attempts.is_empty() && !self.sessions.iter().any(Noted::is_there)
    }

    fn enter(&mut self, line: Line, is_own: bool) {
        let Line {
            time,
            owner,
            service,
            note,
            ..
        } = line;
        match note {
            Note::Creating {
                attempt,
                agent_name,
            } => {
                let noted = Attempt {
                    id: attempt.clone(),
                    agent_name,
                    sent_at: time,
                    owner,
                    is_own,
                };
                self.attempts.insert(attempt, noted);
            }
            Note::Created {
                attempt,
                session_id,
                agent_name,
                snapshot,
            } => {
                self.attempts.remove(&attempt);
                let session = self.session(&service, &session_id);
                session.owners.insert(owner);
                session.created_at = time;
                session.agent_name = agent_name;
                session.snapshot = snapshot;
                session.is_created = true;
                session.is_own = is_own;
            }
            Note::Failed { attempt } | Note::Told { attempt } => {
                self.attempts.remove(&attempt);
            }
            Note::Sent { session_id } => {
                let session = self.session(&service, &session_id);
                session.owners.insert(owner);
                session.working = true;
            }
            Note::Ended { session_id } => self.session(&service, &session_id).working = false,
            // Of a session that was handed over the ledger knows nothing any more, whatever comes.
            Note::Deleted { session_id } | Note::Released { session_id } => {
                self.session(&service, &session_id).is_gone = true;
            }
            Note::DeletedAll {} if is_own => {
                for session in self.sessions.iter_mut().filter(|session| session.is_own) {
                    session.is_gone = true;
                }
            }
            Note::DeletedAll {} => {}
            Note::Adopted { session_id } => {
                self.session(&service, &session_id).owners.insert(owner);
            }
        }
    }

    fn session(&mut self, service: &str, session_id: &str) -> &mut Noted {
        let key = (service.to_owned(), session_id.to_owned());
        let place = *self.places.entry(key).or_insert_with(|| {
            self.sessions.push(Noted {
                session_id: session_id.to_owned(),
                ..Noted::default()
            });
            self.sessions.len() - 1
        });
        &mut self.sessions[place]
    }
}

impl Noted {
    fn is_there(&self) -> bool {
        self.is_created && !self.is_gone
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#""v":1,"time":"2026-11-29T07:00:00Z","service":"https://s/v1","key":"mine""#;

    /// A line of the owner with this name.
    fn line(owner: &str, note: &str) -> String {
        format!(r#"{{{HEAD},"owner":"{owner}",{note}}}"#)
    }

    fn created(owner: &str, attempt: &str, session: &str) -> String {
        line(
            owner,
            &format!(
                r#""event":"created","attempt":"{attempt}","session_id":"{session}","agent_name":"agi-0""#
            ),
        )
    }

    fn book(lines: &[String]) -> Book {
        let is_own = |service: &str, key: &KeyMark| {
            service == "https://s/v1" && String::from(key.clone()) == "mine"
        };
        Book::read(&lines.join("\n"), is_own)
    }

    fn ids(book: &Book) -> Vec<&str> {
        book.sessions()
            .map(|session| &*session.session_id)
            .collect()
    }

    #[test]
    fn a_session_is_there_from_its_create_to_its_delete() {
        let mut lines = vec![created("a", "1", "s1"), created("a", "2", "s2")];
        assert_eq!(ids(&book(&lines)), ["s1", "s2"]);
        lines.push(line("", r#""event":"deleted","session_id":"s1""#));
        assert_eq!(ids(&book(&lines)), ["s2"]);
        assert!(!book(&lines).is_settled());
        lines.push(line("", r#""event":"deleted_all""#));
        assert!(book(&lines).is_settled());
    }

    #[test]
    fn a_create_without_an_end_is_an_attempt() {
        let creating = |attempt: &str| {
            line(
                "a",
                &format!(r#""event":"creating","attempt":"{attempt}","agent_name":"x""#),
            )
        };
        let lines = [
            creating("1"),
            creating("2"),
            creating("3"),
            created("a", "1", "s1"),
            line("a", r#""event":"failed","attempt":"2""#),
        ];
        let book = book(&lines);
        let left: Vec<_> = book.attempts().map(|attempt| &*attempt.id).collect();
        assert_eq!(left, ["3"]);
    }

    #[test]
    fn what_cannot_be_read_loses_nothing_else() {
        let later = created("b", "9", "s1").replace("\"v\":1", "\"v\":2");
        let lines = [
            String::new(),
            r#"{"v":1,"time":"2026-11-"#.to_owned(),
            created("a", "1", "s1"),
            "no JSON at all".to_owned(),
            later,
            line("c", r#""event":"something_else","attempt":"1""#),
            created("a", "2", "s2"),
        ];
        let book = book(&lines);
        assert_eq!(ids(&book), ["s1", "s2"]);
        assert_eq!(book.unreadable, 4);
        // Of a later version it is known who has the session.
        let first = book.sessions().next().unwrap();
        assert_eq!(first.owners(), ["a", "b"]);
    }

    #[test]
    fn a_session_that_another_process_uses_is_its_own_too() {
        let lines = [
            created("a", "1", "s1"),
            line("b", r#""event":"adopted","session_id":"s1""#),
            line("c", r#""event":"sent","session_id":"s1""#),
            line("d", r#""event":"adopted","session_id":"not-created-here""#),
        ];
        let book = book(&lines);
        let session = book.sessions().next().unwrap();
        assert_eq!(session.owners(), ["a", "b", "c"]);
        assert!(session.working);
        assert_eq!(ids(&book), ["s1"]);
    }

    #[test]
    fn a_session_that_was_released_stays_so() {
        let lines = [
            created("a", "1", "s1"),
            line("", r#""event":"released","session_id":"s1""#),
            line("b", r#""event":"adopted","session_id":"s1""#),
            line("b", r#""event":"sent","session_id":"s1""#),
        ];
        assert_eq!(ids(&book(&lines)), Vec::<&str>::new());
        assert!(book(&lines).is_settled());
    }

    #[test]
    fn a_session_of_another_key_or_address_is_foreign() {
        let lines = [
            created("a", "1", "s1").replace("mine", "yours"),
            created("a", "2", "s2").replace("https://s/v1", "https://t/v1"),
            line("", r#""event":"deleted_all""#),
        ];
        let book = book(&lines);
        assert_eq!(ids(&book), Vec::<&str>::new());
        assert_eq!(book.foreign(), 2);
        assert_eq!(Vec::from_iter(book.owners()), ["a"]);
    }
}
