//! What the service's responses say, in whatever form they say it
//! (docs/spec/raccoon.md, sections 4 and 5.7). Pure.

use serde_json::{Map, Value};

use super::dialect::{find, id_of, unwrapped};
use super::models::{History, ListSessions, PageInfo, SessionInfo, SessionPage};
use super::wire_names::WireNames;
use crate::meaning;
use crate::responses::readable;

/// The size of a page where the caller and the service say nothing.
const USUAL_PAGE: usize = 20;

/// The response to the start of a turn (docs/spec/raccoon.md, section 4.1).
#[derive(Debug, Clone, Default)]
pub(super) struct Started {
    pub(super) agent_message_id: String,
    pub(super) user_message_id: Option<String>,
    pub(super) workflow_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) queue_position: Option<u64>,
}

impl Started {
    pub(super) fn read(answer: Value, wire: &WireNames) -> Result<Self, String> {
        let names = wire.agent_message_id.join("` or `");
        let Value::Object(mut fields) = answer else {
            return Err(format!("it is no object with `{names}`"));
        };
        let id_in =
            |fields: &Map<String, Value>| find(fields, &wire.agent_message_id).and_then(id_of);
        if id_in(&fields).is_none() {
            fields = unwrapped(fields, |inner| id_in(inner).is_some());
        }
        let Some(agent_message_id) = id_in(&fields) else {
            return Err(format!("it names no agent message: it has no `{names}`"));
        };
        let text = |name: &String| find(&fields, std::slice::from_ref(name)).and_then(id_of);
        let position = find(&fields, std::slice::from_ref(&wire.queue_position));
        Ok(Self {
            agent_message_id,
            user_message_id: text(&wire.user_message_id),
            workflow_id: text(&wire.workflow_id),
            status: text(&wire.turn_status),
            queue_position: position
                .and_then(meaning::whole_number)
                .and_then(|position| position.try_into().ok()),
        })
    }
}

/// The newest turn of a session, while nothing says that it is over.
pub(super) fn running_turn(history: &History) -> Option<&str> {
    let newest = history.last_turn()?;
    newest.ended().is_none().then_some(&newest.id)
}

/// Reads a list in one of the forms that it may have: bare, or in a field
/// (docs/spec/raccoon.md, section 4.2).
pub(super) fn page_of(
    answer: Value,
    wire: &WireNames,
    asked: &ListSessions,
) -> Result<SessionPage, String> {
    let (sessions, marks) = match answer {
        Value::Object(fields) => {
            let has_list = |fields: &Map<String, Value>| {
                find(fields, &wire.sessions).is_some_and(Value::is_array)
            };
            let fields = match has_list(&fields) {
                true => fields,
                false => unwrapped(fields, has_list),
            };
            let sessions = find(&fields, &wire.sessions).cloned();
            (sessions.unwrap_or_default(), fields)
        }
        bare => (bare, Map::new()),
    };
    let Value::Array(sessions) = sessions else {
        return Err(format!(
            "it holds no list of sessions, which should be in the field `{}`; where it is another one, name it in \
             `wire` (`sessions`)",
            wire.sessions.join("` or `")
        ));
    };
    let entries = sessions.len();
    let sessions: Vec<SessionInfo> = readable(sessions);
    let marks = Marks::read(&marks, wire);
    Ok(SessionPage {
        last: entries == 0 || !marks.more_follow(entries, asked),
        sessions,
        page: marks.page,
    })
}

/// What a page says of where it stands.
struct Marks {
    page: Option<PageInfo>,
    has_more: Option<bool>,
    /// It says something that is not understood.
    puzzling: bool,
}

impl Marks {
    fn read(fields: &Map<String, Value>, wire: &WireNames) -> Self {
        let names = |own: &str, others: &[&str]| -> Vec<String> {
            let own = std::iter::once(own);
            own.chain(others.iter().copied())
                .map(str::to_owned)
                .collect()
        };
        let places = names(&wire.meta, &["pagination", "page_info", "paging", "page"]);
        let place = find(fields, &places).and_then(Value::as_object);
        let at = place.unwrap_or(fields);
        let number = |own: &str, others: &[&str]| {
            let number = find(at, &names(own, others)).and_then(meaning::whole_number)?;
            u64::try_from(number).ok()
        };
        let page = PageInfo {
            total_count: number(&wire.total_count, &["total", "count", "total_items"]),
            total_pages: number(&wire.total_pages, &["pages", "page_count", "last_page"]),
            current_page: number(&wire.current_page, &["page", "page_number"]),
        };
        let says = page.total_count.or(page.total_pages).or(page.current_page);
        let has_more = find(
            at,
            &names("has_more", &["has_next", "has_next_page", "more"]),
        );
        // Where a next page is named, there is one.
        let next = field_of(at, &["next_page", "next", "next_cursor"]);
        Self {
            page: (place.is_some() || says.is_some()).then_some(page),
            has_more: has_more.and_then(flag).or(next.map(|next| !next.is_null())),
            puzzling: place.is_some() && says.is_none(),
        }
    }

    /// Whether there is a further page, for all that is said.
    fn more_follow(&self, entries: usize, asked: &ListSessions) -> bool {
        if let Some(more) = self.has_more {
            return more;
        }
        let page = self.page.as_ref();
        let current = page
            .and_then(|page| page.current_page)
            .or(asked.page)
            .unwrap_or(1);
        if let Some(total) = page.and_then(|page| page.total_pages) {
            return current < total;
        }
        let size = asked.limit.unwrap_or(entries as u64).max(entries as u64);
        if let Some(total) = page.and_then(|page| page.total_count) {
            return current.saturating_mul(size) < total;
        }
        if self.puzzling {
            tracing::warn!(
                "a page of the list does not say in known words where it stands: `wire` names them (`meta`, `total_pages`, ...)"
            );
        }
        // Nothing says so. One that is full, or not understood, may not be all.
        let full = asked.limit.map_or(USUAL_PAGE, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        self.puzzling || entries >= full
    }
}

/// A field, also where it is null: that says something as well.
fn field_of<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let names = names
        .iter()
        .filter_map(|name| super::dialect::field(fields, name));
    names.into_iter().next()
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match &*text.to_ascii_lowercase() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_read_in_each_of_its_forms() {
        let session = json!({"sessionId": "s"});
        let meta = |current, total| json!({"current_page": current, "total_pages": total});
        for (answer, count, last) in [
            (json!([session]), 1, true),
            (json!({"sessions": [session]}), 1, true),
            (json!({"chats": [session], "meta": meta(1, 2)}), 1, false),
            (json!({"data": [session], "meta": meta(2, 2)}), 1, true),
            (json!({"sessions": [session], "meta": meta(3, 2)}), 1, true),
            (json!({"sessions": [], "meta": meta(1, 2)}), 0, true),
            (json!({"sessions": [session], "meta": null}), 1, true),
            (
                json!({"sessions": [session], "meta": {"total_count": 1}}),
                1,
                true,
            ),
            (
                json!({"sessions": [session], "meta": {"total_count": 7}}),
                1,
                false,
            ),
            (
                json!({"sessions": [session], "meta": {"totalPages": "2", "currentPage": "1"}}),
                1,
                false,
            ),
            (
                json!({"sessions": [session], "pagination": {"page": 2, "pages": 2}}),
                1,
                true,
            ),
            (json!({"sessions": [session], "has_more": true}), 1, false),
            (
                json!({"sessions": [session], "hasMore": false, "total": 9}),
                1,
                true,
            ),
            (
                json!({"sessions": [session], "meta": {"next_page": null}}),
                1,
                true,
            ),
            (
                json!({"sessions": [session], "meta": {"where": "?"}}),
                1,
                false,
            ),
            (
                json!({"data": {"sessions": [session], "meta": meta(1, 2)}}),
                1,
                false,
            ),
            (json!(vec![session.clone(); 20]), 20, false),
        ] {
            let page = page_of(answer.clone(), &WireNames::default(), &ListSessions::new())
                .expect("a list");
            assert_eq!((page.sessions.len(), page.last), (count, last), "{answer}");
        }
        let own = WireNames::new()
            .sessions(["items"])
            .meta("paging")
            .current_page("at")
            .total_pages("of");
        let answer = json!({"items": [session], "paging": {"at": 1, "of": 2}});
        let page = page_of(answer, &own, &ListSessions::new()).expect("a list");
        assert_eq!((page.sessions.len(), page.last), (1, false));
        for (answer, wire) in [
            (json!({"rows": [session]}), &WireNames::default()),
            (json!({"sessions": [session]}), &own),
            (json!("sessions"), &own),
        ] {
            let error = page_of(answer, wire, &ListSessions::new()).expect_err("no list");
            assert!(error.contains(&wire.sessions[0]), "{error}");
        }
    }

    #[test]
    fn a_start_is_read_in_each_of_its_forms() {
        for answer in [
            json!({"agent_message_id": "m"}),
            json!({"agentMessageId": "m", "queuePosition": "2"}),
            json!({"assistant_message_id": "m"}),
            json!({"data": {"agent_message_id": "m"}, "success": true}),
            json!({"agent_message_id": null, "assistant_message_id": "m"}),
        ] {
            let started = Started::read(answer.clone(), &WireNames::default()).expect("a start");
            assert_eq!(started.agent_message_id, "m", "{answer}");
        }
        let number = Started::read(json!({"agent_message_id": 7}), &WireNames::default());
        assert_eq!(number.expect("a start").agent_message_id, "7");
        let own = WireNames::new().agent_message_id(["turn.reply.id"]);
        let answer = json!({"turn": {"reply": {"id": "m"}}});
        assert_eq!(
            Started::read(answer, &own)
                .expect("a start")
                .agent_message_id,
            "m"
        );
        for answer in [
            json!({}),
            json!([]),
            json!(null),
            json!({"agent_message_id": ""}),
        ] {
            let error = Started::read(answer, &WireNames::default()).expect_err("no start");
            assert!(error.contains("agent_message_id"), "{error}");
        }
    }

    #[test]
    fn the_history_tells_of_the_newest_turn() {
        let history = |messages: Value| -> History {
            let history = json!({"session": {"sessionId": "s"}, "messages": messages});
            serde_json::from_str(&history.to_string()).expect("a history")
        };
        let two = json!([
            {"id": "u1", "type": "user", "content": "One"}, {"id": "a1", "type": "agent", "content": "1"},
            {"id": "u2", "type": "user", "content": " Two\n"}, {"id": "a2", "type": "assistant", "aborted": false},
        ]);
        assert_eq!(running_turn(&history(two)), Some("a2"));
        let over = json!([{"id": "a", "type": "agent", "aborted": true}]);
        assert_eq!(running_turn(&history(over)), None);
    }
}
