//! Calls that ask first: whether a session lives, which one can be used again, whether a task
//! can be paused.

use std::time::Duration;

use url::Url;

use super::api::Api;
use super::models::{CleanupReport, CreateSession, Navigation, SessionInfo};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::meaning;
use crate::responses::says_gone;

/// More than a page needs: who means for ever meant something else.
const LONGEST_SETTLE: Duration = Duration::from_secs(3_600);

impl Api {
    /// Whether the service has the session, and it takes tasks.
    pub(crate) async fn is_alive(&self, session_id: &str) -> Result<bool> {
        match self.get(session_id).await {
            Ok(session) => Ok(!matches!(session.status.as_str(), "error" | "terminated")),
            Err(error) if says_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The sessions with one of these statuses.
    pub(crate) async fn list_by_status(&self, statuses: &[String]) -> Result<Vec<SessionInfo>> {
        if statuses.is_empty() || statuses.iter().any(String::is_empty) {
            return Err(Error::invalid(
                "`status` is empty, so nothing would match. Name some, such as running, or leave it out",
            ));
        }
        let mut sessions = self.list().await?;
        sessions.retain(|session| statuses.contains(&session.status));
        Ok(sessions)
    }

    /// The newest session of this agent that rests and takes a task.
    pub(crate) async fn reusable(&self, create: &CreateSession) -> Result<Option<SessionInfo>> {
        validate::create(create)?;
        let rests = ["ready".to_owned(), "completed".to_owned()];
        let mut found = self.list_by_status(&rests).await?;
        found.retain(|session| session.agent_name == create.agent_name);
        let created = |session: &SessionInfo| {
            let created = session.created_at.as_deref().and_then(meaning::moment);
            created.map_or(i64::MIN, |at| at.milliseconds())
        };
        Ok(found.into_iter().max_by_key(created))
    }

    /// Pauses or resumes a task; whether that did anything.
    pub(crate) async fn attempt(&self, session_id: &str, name: &str) -> Result<bool> {
        match self.command(session_id, name).await {
            Ok(done) => Ok(done.success),
            // It is so already, no task runs, or there is no session.
            Err(error) if error.kind() == ErrorKind::Conflict || says_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a page, and lets it settle.
    pub(crate) async fn open_page(
        &self,
        session_id: &str,
        url: &str,
        settle: Option<Duration>,
    ) -> Result<Navigation> {
        if let Some(settle) = settle.filter(|settle| *settle > LONGEST_SETTLE) {
            return Err(Error::invalid(format!(
                "`settle` is {} s; a page settles within {} s. Pass fewer",
                settle.as_secs_f64(),
                LONGEST_SETTLE.as_secs()
            )));
        }
        let mut navigation = self.navigate(session_id, url).await?;
        navigation.redirected = host(url) != host(&navigation.current_url);
        if let Some(settle) = settle.filter(|settle| !settle.is_zero()) {
            self.closing().sleep(settle).await?;
        }
        Ok(navigation)
    }

    /// Deletes the sessions that this client created and that were not deleted since.
    pub(crate) async fn delete_created(&self) -> Result<Vec<CleanupReport>> {
        self.closing().check()?;
        // Of two at once, the second finds what the first one left.
        let _deleting = self.begin_deleting().await;
        let created = |(id, known): (&String, &super::api::SessionCache)| {
            Some((id.clone(), known.created.clone()?))
        };
        let mut created: Vec<_> = self.cache().iter().filter_map(created).collect();
        created.sort_by(|one, other| one.0.cmp(&other.0));
        self.clean_all(created).await
    }
}

/// The host of a page, as far as it says whose it is. A browser tells the name of one with
/// letters beyond ASCII in its other form, `xn--...`.
fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(host.strip_prefix("www.").unwrap_or(host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_page_is_another_one_where_its_host_is() {
        let asked = host("https://shop.example/mugs");
        for (url, same) in [
            ("https://shop.example/login?next=mugs", true),
            ("http://SHOP.example:8080/", true),
            ("https://www.shop.example/mugs", true),
            ("https://shop.example.evil.example/mugs", false),
            ("https://evil.example/?from=shop.example", false),
            ("about:blank", false),
            ("", false),
        ] {
            assert_eq!(host(url) == asked, same, "{url}");
        }
        let asked = host("https://EXÄMPLE.test/");
        assert_eq!(host("https://xn--exmple-cua.test/"), asked);
        assert_ne!(host("https://example.test/"), asked);
    }
}
