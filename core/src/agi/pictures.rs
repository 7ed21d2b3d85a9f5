//! Pictures of a session's browser, taken every so often beside its task.

use std::fs;
use std::io::{self, Write as _};
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
    let name = format!(
        "{}-{:03}",
        time.replace(':', "-").trim_end_matches('Z'),
        milliseconds % 1_000
    );
    let folder = folder.to_owned();
    // Not on a thread that the event streams need: a disk may be slow.
    let writing = tokio::task::spawn_blocking(move || picture.save_as_new(&folder, &name));
    writing.await.unwrap_or_else(|_| {
        Err(Error::config(
            "A screenshot was not written: the client ends",
        ))
    })
}

impl Screenshot {
    /// Writes the image to a file of the folder that was not there: `NAME.jpg`, or `NAME-2.jpg`
    /// and so on. Blocks.
    ///
    /// # Errors
    /// `ConfigError` where the file cannot be written.
    #[doc(hidden)]
    pub fn save_as_new(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let ending = ending(&self.mime_type);
        let mut number = 1_u32;
        loop {
            let path = folder.join(match number {
                1 => format!("{name}.{ending}"),
                more => format!("{name}-{more}.{ending}"),
            });
            let new = fs::File::create_new(&path);
            match new.and_then(|mut file| file.write_all(&self.image)) {
                Ok(()) => return Ok(path),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(why) => {
                    let text = format!("{} cannot be written: {why}", path.display());
                    return Err(Error::config(text));
                }
            }
        }
    }
}

/// What the service calls a picture is no name for a file.
fn ending(mime_type: &str) -> &'static str {
    match mime_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "bin",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn no_picture_replaces_another_one() {
        let folder =
            std::env::temp_dir().join(format!("sessionwire-pictures-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let picture = |number: u8| Screenshot {
            image: Bytes::from(vec![number]),
            mime_type: "image/jpeg".to_owned(),
            width: 0,
            height: 0,
            url: String::new(),
            title: String::new(),
        };
        let names: Vec<_> = (0..3_u8)
            .map(|number| picture(number).save_as_new(&folder, "t").unwrap())
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["t.jpg", "t-2.jpg", "t-3.jpg"]);
        assert_eq!(fs::read(folder.join("t.jpg")).unwrap(), [0]);
        fs::remove_dir_all(&folder).unwrap();
        assert!(picture(0).save_as_new(&folder, "t").is_err());
    }
}
