//! Resources: what a session's history says, and what its browser shows.

use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;
use sessionwire::agi::ListMessages;

use super::host::{Host, Service};
use super::replies::Refusal;

const AGI: &str = "sessionwire://agi/sessions/";
const RACCOON: &str = "sessionwire://raccoon/sessions/";
const HISTORY: &str = "/history";
const SCREENSHOT: &str = "/screenshot";

/// The address of a session's picture.
pub(super) fn screenshot(session_id: &str) -> String {
    format!("{AGI}{session_id}{SCREENSHOT}")
}

/// Those of the open sessions.
pub(super) fn list(host: &Host) -> ListResourcesResult {
    let mut resources = Vec::new();
    for id in host.open(Service::Agi) {
        resources.push(
            Resource::new(format!("{AGI}{id}{HISTORY}"), format!("History of {id}"))
                .with_mime_type("application/json"),
        );
        resources.push(
            Resource::new(screenshot(&id), format!("Browser of {id}")).with_mime_type("image/jpeg"),
        );
    }
    for id in host.open(Service::Raccoon) {
        resources.push(
            Resource::new(
                format!("{RACCOON}{id}{HISTORY}"),
                format!("History of {id}"),
            )
            .with_mime_type("application/json"),
        );
    }
    ListResourcesResult::with_all_items(resources)
}

pub(super) fn templates(host: &Host) -> ListResourceTemplatesResult {
    let mut templates = Vec::new();
    if host.agi.is_some() {
        templates.push(
            ResourceTemplate::new(format!("{AGI}{{session_id}}{HISTORY}"), "history")
                .with_description("The messages of a session. Reading it changes nothing.")
                .with_mime_type("application/json"),
        );
        templates.push(
            ResourceTemplate::new(format!("{AGI}{{session_id}}{SCREENSHOT}"), "screenshot")
                .with_description(
                    "What the session's browser shows now. Reading it changes nothing.",
                )
                .with_mime_type("image/jpeg"),
        );
    }
    if host.raccoon.is_some() {
        templates.push(
            ResourceTemplate::new(
                format!("{RACCOON}{{session_id}}{HISTORY}"),
                "raccoon_history",
            )
            .with_description("The messages of a Raccoon session. Reading it changes nothing.")
            .with_mime_type("application/json"),
        );
    }
    ListResourceTemplatesResult::with_all_items(templates)
}

pub(super) async fn read(host: &Host, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let of = |service: &str, what: &str| uri.strip_prefix(service)?.strip_suffix(what);
    let read = if let Some(id) = of(AGI, HISTORY) {
        history(host, uri, id).await
    } else if let Some(id) = of(AGI, SCREENSHOT) {
        picture(host, uri, id).await
    } else if let Some(id) = of(RACCOON, HISTORY) {
        raccoon_history(host, uri, id).await
    } else {
        let text = format!("There is no resource {uri:?}. List the resources and their templates.");
        return Err(ErrorData::resource_not_found(
            text,
            Some(json!({ "uri": uri })),
        ));
    };
    match read {
        Ok(contents) => Ok(ReadResourceResult::new(vec![contents])),
        Err(Refusal(text)) => Err(ErrorData::resource_not_found(
            text,
            Some(json!({ "uri": uri })),
        )),
    }
}

async fn history(host: &Host, uri: &str, id: &str) -> Result<ResourceContents, Refusal> {
    host.may_touch(Service::Agi, id)?;
    let session = host.agi()?.sessions().attach(id)?;
    let messages = session.messages(ListMessages::new()).await?;
    Ok(ResourceContents::text(json!(messages).to_string(), uri).with_mime_type("application/json"))
}

async fn picture(host: &Host, uri: &str, id: &str) -> Result<ResourceContents, Refusal> {
    host.may_touch(Service::Agi, id)?;
    let picture = host.agi()?.sessions().attach(id)?.screenshot().await?;
    let blob = base64_simd::STANDARD.encode_to_string(&picture.image);
    Ok(ResourceContents::blob(blob, uri).with_mime_type(picture.mime_type))
}

async fn raccoon_history(host: &Host, uri: &str, id: &str) -> Result<ResourceContents, Refusal> {
    host.may_touch(Service::Raccoon, id)?;
    let history = host.raccoon()?.sessions().get(id).await?;
    Ok(ResourceContents::text(json!(history).to_string(), uri).with_mime_type("application/json"))
}
