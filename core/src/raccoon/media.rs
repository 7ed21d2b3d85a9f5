//! Files on their way to the service (docs/spec/raccoon.md, section 4.6).

use serde_json::{Value, json};

use super::ids::random_bytes;
use super::models::{Upload, UploadedFile};
use super::validate;
use super::wire_names::WireNames;
use crate::error::Result;
use crate::transport::{FilePart, Multipart, UploadProgress, UploadSource};

/// What an upload says of its file.
pub(super) struct Sent {
    pub(super) name: String,
    pub(super) content_type: String,
}

/// The form that carries a file.
pub(super) fn form(
    upload: &Upload,
    source: UploadSource,
    progress: UploadProgress,
) -> Result<(Multipart, Sent)> {
    validate::session_id(&upload.session_id)?;
    let given = upload.name.clone().or_else(|| source.file_name());
    let name = validate::file_name(given.as_deref().unwrap_or_default());
    let random: String = random_bytes()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key = match (&upload.key, &given) {
        (Some(key), _) => key.clone(),
        (None, Some(_)) => format!("{}/{name}", upload.session_id),
        // Two files without a name are two files.
        (None, None) => format!("{}/{}/{name}", upload.session_id, &random[..8]),
    };
    validate::key(&key)?;
    let content_type = match &upload.content_type {
        Some(content_type) => content_type.clone(),
        None => type_of(&name).to_owned(),
    };
    validate::content_type(&content_type)?;
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
    Ok((body, Sent { name, content_type }))
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
