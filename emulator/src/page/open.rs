//! Opening a page: fetched, taken apart, or the reason why there is none.

use super::extract;
use super::model::{Page, Problem};
use crate::web::{Fetched, Unreachable, Web};
use std::time::Duration;
use url::Url;

/// How long taking a page apart may last.
const READING: Duration = Duration::from_secs(10);

impl Page {
    /// Opens an address. This never fails: where there is no page, the browser shows why.
    pub(crate) async fn open(web: &Web, url: &Url) -> Self {
        match web.fetch(url).await {
            Ok(fetched) => Self::read(fetched).await,
            Err(Unreachable(reason)) => Self::unreachable(url.as_str(), &reason),
        }
    }

    /// Takes apart what came back.
    pub(crate) async fn read(fetched: Fetched) -> Self {
        let address = fetched.url.to_string();
        // Reading a large page takes longer than a server thread may be held up.
        let reading = tokio::task::spawn_blocking(move || Self::from_fetched(fetched));
        match tokio::time::timeout(READING, reading).await {
            Ok(Ok(page)) => Self {
                opened: true,
                ..page
            },
            failed => {
                tracing::warn!(%address, ?failed, "reading a page failed");
                let reason = "its HTML could not be taken apart";
                Self::broken(&address, "This page could not be read", reason, 500)
            }
        }
    }

    fn from_fetched(fetched: Fetched) -> Self {
        let html = match fetched.text {
            Some(text) if fetched.content_type.contains("html") || looks_like_html(&text) => text,
            _ => {
                let kind = if fetched.content_type.is_empty() {
                    "unknown data".to_owned()
                } else {
                    fetched.content_type
                };
                let reason = format!("it is {kind}, not an HTML page");
                return Self::not_a_page(fetched.url.as_str(), &reason);
            }
        };
        let mut page = extract::page(&fetched.url, &html);
        if !(200..300).contains(&fetched.status) {
            if page.title.is_empty() {
                page.title.clone_from(&fetched.status_text);
            }
            page.problem = Some(Problem::new(
                &page.url,
                &format!("the server answered {}", fetched.status_text),
                fetched.status,
            ));
        }
        page
    }
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text
        .trim_start()
        .chars()
        .take(512)
        .collect::<String>()
        .to_ascii_lowercase();
    start.starts_with("<!doctype html")
        || start.contains("<html")
        || start.contains("<body")
        || start.contains("<head")
}
