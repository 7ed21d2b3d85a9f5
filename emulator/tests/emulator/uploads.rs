//! Raccoon's uploads.

use crate::support::*;
use crate::turn_support::*;
use serde_json::json;
use sessionwire_emulator::{Options, RequestFilter};

#[tokio::test]
async fn an_upload_is_counted_and_described() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let answer = client
        .upload(&form(
            "/a//report.pdf",
            "report.pdf",
            "application/pdf",
            "%PDF",
        ))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let upload = answer.json();
    assert_eq!(upload["key"], "a/report.pdf");
    assert_eq!(upload["size"], 4);
    assert_eq!(upload["contentType"], "application/pdf");
    assert_eq!(upload["filename"], "report.pdf");
    assert!(upload["uploadedAt"].as_str().unwrap().ends_with('Z'));
    let filter = RequestFilter {
        method: Some("PUT".to_owned()),
        ..RequestFilter::default()
    };
    let request = emulator.requests_matching(&filter).remove(0);
    assert!(
        request
            .body
            .contains("name=\"file\"; filename=\"report.pdf\"")
            && request.body.contains("%PDF")
    );
}

#[tokio::test]
async fn a_large_upload_is_recorded_in_part() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let content = "x".repeat(3 << 20);
    let answer = client.upload(&form("a", "b", "text/plain", &content)).await;
    assert_eq!(answer.json()["size"], 3 << 20);
    assert_eq!(emulator.requests()[0].body.len(), 64 * 1024);
}

#[tokio::test]
async fn too_large_or_incomplete_uploads_are_refused() {
    let options = Options {
        upload_limit: 1000,
        ..quick()
    };
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let status = async |form: &str| client.upload(form).await.status;
    let sized = |size: usize| form("a", "b", "text/plain", &"x".repeat(size));
    assert_eq!(status(&sized(1000)).await, 200);
    assert_eq!(status(&sized(1001)).await, 413);
    assert_eq!(status(&sized(1 << 20)).await, 413);
    assert_eq!(status(&form("a/../b", "b", "text/plain", "x")).await, 422);
    assert_eq!(status(&form("", "b", "text/plain", "x")).await, 422);
    let file_only = form("a", "b", "text/plain", "x").replacen("name=\"key\"", "name=\"no\"", 1);
    assert_eq!(status(&file_only).await, 422);
    assert_eq!(status("--B\r\nunfinished").await, 400);
    let answer = client.send_json("PUT", "/media/upload", json!({})).await;
    assert_eq!(answer.status, 422);
    let stranger = Client::with_authorization(&emulator, "");
    assert_eq!(stranger.upload(&sized(1)).await.status, 401);
}
