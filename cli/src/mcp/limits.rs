//! What a model may do, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use url::{Origin, Url};

use super::args::Mcp;
use super::replies::Refusal;
use crate::failure::Failure;

/// How long cancelling and deleting may take, each.
pub(super) const CLEANUP: Duration = Duration::from_secs(10);
/// How long a create that is under way may take once the server ends.
pub(super) const CREATE_GRACE: Duration = Duration::from_secs(3);

/// The bounds that the user set.
pub(super) struct Limits {
    pub(super) max_sessions: usize,
    pub(super) max_minutes: f64,
    /// How long a call waits where no progress is shown.
    pub(super) max_wait: Duration,
    /// How long a task goes on whose client left in the middle of its call, by HTTP.
    pub(super) client_grace: Duration,
    /// Whether sessions of others may be steered and deleted.
    pub(super) all_sessions: bool,
    origins: Vec<Origin>,
    folders: Vec<PathBuf>,
}

impl Limits {
    pub(super) fn new(args: &Mcp) -> Result<Self, Failure> {
        let folders = args.allow_files.iter().map(|folder| {
            let real = std::fs::canonicalize(folder);
            real.map_err(|why| {
                Failure::Usage(format!(
                    "--allow-files {}: {why}. Name a folder that is there.",
                    folder.display()
                ))
            })
        });
        Ok(Self {
            max_sessions: args.max_sessions,
            max_minutes: args.max_minutes,
            max_wait: Duration::try_from_secs_f64(args.max_wait).unwrap_or(Duration::MAX),
            client_grace: Duration::try_from_secs_f64(args.client_grace).unwrap_or(Duration::MAX),
            all_sessions: args.all_sessions,
            origins: args.allow_origin.clone(),
            folders: folders.collect::<Result<_, _>>()?,
        })
    }

    /// How long a task, and the session it works in, may live.
    pub(super) fn life(&self) -> Duration {
        // A year is for ever, and what the clock can hold.
        let year = Duration::from_secs(365 * 86_400);
        Duration::try_from_secs_f64(self.max_minutes * 60.0).map_or(year, |life| life.min(year))
    }

    /// The page that the model may name, as it is sent: what was looked at, and no spelling that
    /// somebody else reads as another address.
    pub(super) fn page(&self, parameter: &str, page: String) -> Result<String, Refusal> {
        if self.origins.is_empty() {
            return Ok(page);
        }
        let is_allowed = |url: &Url| {
            let is_anonymous = url.username().is_empty() && url.password().is_none();
            is_anonymous && self.origins.contains(&url.origin())
        };
        if let Some(url) = Url::parse(page.trim()).ok().filter(is_allowed) {
            return Ok(url.into());
        }
        let allowed: Vec<String> = self
            .origins
            .iter()
            .map(Origin::ascii_serialization)
            .collect();
        Err(Refusal::new(format!(
            "{parameter}: {page:?} is no page of an origin that this server allows. Nothing was sent. Name a page of {}, \
             without a user's name.",
            allowed.join(" or ")
        )))
    }

    /// The file that the model may upload, where it may.
    pub(super) fn check_file(&self, path: &str) -> Result<PathBuf, Refusal> {
        let refuse = |why: &str| Refusal::new(format!("files: {path:?} {why} Nothing was sent."));
        if self.folders.is_empty() {
            return Err(refuse(
                "cannot be used: this server was started without --allow-files. Pass the text of a file as `texts`, or \
                 ask the user to allow a folder.",
            ));
        }
        let real = std::fs::canonicalize(path).map_err(|why| {
            refuse(&format!(
                "cannot be read: {why}. Name a file that is there."
            ))
        })?;
        if !self.folders.iter().any(|folder| real.starts_with(folder)) {
            return Err(refuse(
                "is in no folder that this server allows (--allow-files). Name a file of one of these.",
            ));
        }
        Ok(real)
    }
}
