//! Pictures of a session's browser, taken every so often beside its task.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::api::Api;
use super::models::{ScreenshotsOptions, ScreenshotsReport};
use super::screenshot::Screenshot;
use super::taking::Screenshots;
use super::validate;
use crate::error::{Error, Result};
use crate::responses::says_gone;
use crate::{meaning, runtime, unix_time};

/// Begins to take pictures. Must be called inside a tokio runtime.
pub(super) fn start(
    api: &Api,
    session_id: &str,
    options: ScreenshotsOptions,
) -> Result<Screenshots> {
    validate::session_id(session_id)?;
    let every = validate::duration("every", options.every)?;
    api.closing().check()?;
    let folder = options.directory;
    if folder.as_os_str().is_empty() {
        return Err(Error::invalid(
            "`directory` is empty. Name the folder for the pictures, such as screenshots",
        ));
    }
    fs::create_dir_all(&folder).map_err(|why| {
        Error::invalid(format!(
            "`directory` is {}, which cannot be made: {why}. Name a folder that this user may write to",
            folder.display()
        ))
    })?;
    let (stop, mut stopped) = watch::channel(false);
    let (told, report) = watch::channel(None);
    let (api, session_id) = (api.clone(), session_id.to_owned());
    runtime::spawn(async move {
        let mut ticks = interval(every);
        // By the time, however long a picture takes.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut report = ScreenshotsReport::default();
        loop {
            tokio::select! {
                biased;
                // An error: it was dropped.
                _ = stopped.wait_for(|stop| *stop) => break,
                () = api.closing().closed() => break,
                _ = ticks.tick() => {}
            }
            match take(&api, &session_id, &folder).await {
                Ok(path) => report.paths.push(path),
                Err(error) => {
                    tracing::warn!(session = %session_id, %error, "a screenshot was not taken");
                    let is_gone = says_gone(&error);
                    report.failed += 1;
                    report.error = Some(error);
                    if is_gone {
                        break;
                    }
                }
            }
        }
        told.send_replace(Some(report));
    });
    Ok(Screenshots { stop, report })
}

async fn take(api: &Api, session_id: &str, folder: &Path) -> Result<PathBuf> {
    let picture = api.screenshot(session_id).await?;
    let milliseconds = unix_time::of(Instant::now());
    let time = meaning::iso_text(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    let path = folder.join(format!("{}.{}", time.replace(':', "-"), ending(&picture)));
    let written = path.clone();
    // Not on a thread that the event streams need: a disk may be slow.
    let writing = tokio::task::spawn_blocking(move || fs::write(&written, &picture.image));
    let outcome = writing
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into()));
    outcome.map_err(|why| Error::config(format!("{} cannot be written: {why}", path.display())))?;
    Ok(path)
}

fn ending(picture: &Screenshot) -> &str {
    match picture.mime_type.as_str() {
        "image/jpeg" => "jpg",
        mime => mime.rsplit('/').next().unwrap_or("bin"),
    }
}
