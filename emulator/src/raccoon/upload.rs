//! `PUT /media/upload`: a file for the turns. It is counted, not kept: only its beginning is, for the agent to look at.

use super::call::Call;
use super::owner::Upload;
use super::validate;
use crate::clock::Timestamp;
use crate::errors::{ApiError, Problems, json_response};
use crate::middleware::drain;
use crate::state::Server;
use crate::sync::lock;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// How much of a file is kept.
const BEGIN: usize = 64 * 1024;

pub(super) async fn upload(
    State(server): State<Arc<Server>>,
    call: Result<Call, Response>,
    request: Request,
) -> Result<Response, Response> {
    // Whatever is wrong, the rest of the body is read, so that the sender gets to see the response.
    let call = match call {
        Ok(call) => call,
        Err(refusal) => {
            drain(request.into_body()).await;
            return Err(refusal);
        }
    };
    let boundary = request.headers().get("content-type").cloned();
    let is_form = boundary
        .as_ref()
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/form-data")
        });
    if !is_form {
        drain(request.into_body()).await;
        let mut problems = Problems::default();
        let text = "Input should be multipart/form-data with the parts `key` and `file`";
        problems.add(&["body"], "missing", text);
        return Err(problems.into_result().into_response());
    }
    let mut form = Multipart::from_request(request, &server)
        .await
        .map_err(|error| unreadable(&error.to_string()))?;
    let (mut key, mut file) = (None, None);
    while let Some(mut field) = next(&mut form).await? {
        match field.name() {
            Some("key") => {
                let bytes = field.bytes().await;
                let bytes = bytes.map_err(|error| unreadable(&error.to_string()))?;
                key = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
            Some("file") => {
                let text = |text: Option<&str>, or: &str| text.unwrap_or(or).to_owned();
                let mut upload = Upload {
                    name: text(field.file_name(), ""),
                    content_type: text(field.content_type(), "application/octet-stream"),
                    size: 0,
                    begin: Vec::new(),
                };
                while let Some(bytes) = field
                    .chunk()
                    .await
                    .map_err(|error| unreadable(&error.to_string()))?
                {
                    upload.size += bytes.len() as u64;
                    let room = BEGIN - upload.begin.len();
                    upload
                        .begin
                        .extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                file = Some(upload);
            }
            _ => {}
        }
    }
    let mut problems = Problems::default();
    for (name, missing) in [("key", key.is_none()), ("file", file.is_none())] {
        if missing {
            problems.add(&["body", name], "missing", "Field required");
        }
    }
    problems
        .into_result()
        .map_err(IntoResponse::into_response)?;
    let (Some(key), Some(file)) = (key, file) else {
        return Err(unreadable("a part is missing"));
    };
    let limit = server.options.upload_limit;
    if file.size > limit {
        let detail = format!("The file is larger than {limit} bytes");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response());
    }
    keep(&call, &key, file).map_err(IntoResponse::into_response)
}

fn keep(call: &Call, key: &str, mut file: Upload) -> Result<Response, ApiError> {
    let key = validate::upload_key(key)?;
    if file.name.is_empty() {
        file.name = key.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let reply = json!({
        "key": key,
        "size": file.size,
        "contentType": file.content_type,
        "filename": file.name,
        "uploadedAt": Timestamp::now().to_string(),
    });
    let uploads = call.account(|account| account.owner.uploads.clone());
    lock(&uploads).insert(key, Arc::new(file));
    let reply = reply.to_string().into_bytes();
    let reply = call.world.dialect().sealed_response(reply);
    Ok(json_response(StatusCode::OK, Body::from(reply)))
}

async fn next(
    form: &mut Multipart,
) -> Result<Option<axum::extract::multipart::Field<'_>>, Response> {
    let field = form.next_field().await;
    field.map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(problem: &str) -> Response {
    let detail = format!("The form cannot be read: {problem}");
    ApiError::new(StatusCode::BAD_REQUEST, detail).into_response()
}
