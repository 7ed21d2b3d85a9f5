//! Files on their way to the service (docs/spec/raccoon.md, section 4.6).

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::ids::random_bytes;
use super::keys::Keys;
use super::models::{TurnFile, Upload, UploadedFile};
use super::validate;
use super::wire_names::WireNames;
use crate::error::{Error, Result};
use crate::transport::{FilePart, Multipart, UploadProgress, UploadSource, problem};

/// What an upload says of its file.
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) content_type: String,
}

/// The form that carries a file.
pub(super) fn form(
    upload: &Upload,
    source: UploadSource,
    progress: UploadProgress,
    keys: &Keys,
) -> Result<(Multipart, Sent)> {
    validate::session_id(&upload.session_id)?;
    let given = upload.name.clone().or_else(|| source.file_name());
    let name = validate::file_name(given.as_deref().unwrap_or_default());
    let place = match upload.folder.as_deref() {
        Some(folder) if !folder.is_empty() => {
            validate::folder(folder)?;
            format!("{folder}/{name}")
        }
        _ => name.clone(),
    };
    let random: String = random_bytes()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let content_type = match &upload.content_type {
        Some(content_type) => content_type.clone(),
        None => type_of(&name).to_owned(),
    };
    validate::content_type(&content_type)?;
    let own = &random[..8];
    let key = match (&upload.key, &given) {
        (Some(key), _) => {
            validate::key(key)?;
            keys.take(key);
            key.clone()
        }
        (None, Some(_)) => keys.take_free(&upload.session_id, &place, own),
        // Two files without a name are two files.
        (None, None) => format!("{}/{own}/{place}", upload.session_id),
    };
    let part = FilePart {
        field: "file",
        name: &name,
        content_type: &content_type,
    };
    let body = Multipart::new(
        format!("sessionwire-{random}"),
        &[("key", &key)],
        &part,
        source,
        progress,
    );
    let sent = Sent {
        key,
        name,
        content_type,
    };
    Ok((body, sent))
}

/// What is said of a file for a turn, to be checked before any is sent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FileToCheck {
    /// It was uploaded: its key names it.
    pub uploaded: bool,
    /// The file on this machine, if it is one.
    pub path: Option<PathBuf>,
    /// Its key; default: one of its own.
    pub key: Option<String>,
    /// Its media type; default: by its name.
    pub content_type: Option<String>,
}

impl FileToCheck {
    fn of(file: &TurnFile) -> Self {
        match file {
            TurnFile::Path(path) => Self {
                path: Some(path.clone()),
                ..Self::default()
            },
            TurnFile::Uploaded(file) => Self {
                uploaded: true,
                key: Some(file.key.clone()),
                ..Self::default()
            },
        }
    }

    /// Why it cannot be uploaded.
    fn problem(&self) -> Option<String> {
        let key = self.key.as_deref();
        if self.uploaded {
            let is_empty = key.unwrap_or_default().is_empty();
            return is_empty.then(|| "The `key` is empty. Pass what `upload` gave".to_owned());
        }
        let content_type = self.content_type.as_deref().map(validate::content_type);
        let said = [content_type, key.map(validate::key)];
        if let Some(error) = said.into_iter().flatten().find_map(Result::err) {
            return Some(error.message().to_owned());
        }
        match self.path.as_deref() {
            Some(path) if path.as_os_str().is_empty() => {
                Some("The path is empty. Pass that of a file".to_owned())
            }
            path => path.and_then(problem),
        }
    }
}

/// Refuses files that cannot be uploaded, before any of them is. Blocks, as the
/// file system does.
pub(crate) fn check_files(files: &[TurnFile]) -> Result<()> {
    check_given(&files.iter().map(FileToCheck::of).collect::<Vec<_>>())
}

/// The same of files in whatever form.
pub(crate) fn check_given(files: &[FileToCheck]) -> Result<()> {
    let mut keys: HashMap<&str, usize> = HashMap::new();
    for (at, file) in files.iter().enumerate() {
        let why = file.problem().or_else(|| {
            let key = file.key.as_deref().filter(|_| !file.uploaded)?;
            let first = keys.insert(key, at)?;
            Some(format!(
                "It has the `key` of `files[{first}]`, which it would overwrite. Give it another, or none"
            ))
        });
        if let Some(why) = why {
            return Err(Error::invalid(format!("`files[{at}]`: {why}")));
        }
    }
    Ok(())
}

/// How a turn refers to files (docs/spec/raccoon.md, section 4.1).
pub(super) fn references(files: &[UploadedFile], wire: &WireNames) -> Value {
    let reference = |file: &UploadedFile| {
        json!({
            &wire.file_key: file.key,
            &wire.file_name: file.name,
            &wire.file_type: file.content_type,
            &wire.file_size: file.size,
        })
    };
    files.iter().map(reference).collect()
}

/// The media type that a name's ending stands for.
fn type_of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => "application/octet-stream",
    }
}
