//! What a running Chromium shows, as pages and pictures.

use super::chromium::{Chromium, Document, Opened};
use super::devtools::Failure;
use crate::page::Page;
use crate::web::Fetched;
use url::Url;

/// What a browser shows.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) jpeg: Vec<u8>,
    pub(crate) url: String,
    pub(crate) title: String,
}

/// A Chromium, and what its tab shows.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) chromium: Chromium,
    /// The address of the session's page that its tab shows.
    pub(super) shows: String,
}

impl Running {
    pub(super) async fn open(&mut self, url: &Url) -> Result<Page, Failure> {
        let page = match self.chromium.open(url.as_str()).await? {
            Opened::Document(document) => read(document, url.as_str()).await,
            Opened::Nothing(reason) => Page::unreachable(url.as_str(), &reason),
            Opened::Same(document, reason) if can_show(&document.url) => {
                let page = read(document, url.as_str()).await;
                page.instead_of(url.as_str(), &reason)
            }
            Opened::Same(_, reason) => Page::not_a_page(url.as_str(), &reason),
        };
        self.shows.clone_from(&page.url);
        Ok(page)
    }

    pub(super) async fn picture(&mut self, page: &Page) -> Result<Picture, Failure> {
        if self.shows != page.url {
            self.chromium.open(&page.url).await?;
            self.shows.clone_from(&page.url);
        }
        let jpeg = self.chromium.picture().await?;
        let (url, title) = self.place(page).await?;
        self.shows.clone_from(&url);
        Ok(Picture { jpeg, url, title })
    }

    /// Where the tab is: a page's own scripts may have gone on. Chromium's page about an error is no place.
    pub(super) async fn place(&self, page: &Page) -> Result<(String, String), Failure> {
        let (url, title) = self.chromium.place().await?;
        if can_show(&url) {
            Ok((url, title))
        } else {
            Ok((page.url.clone(), page.title.clone()))
        }
    }
}

/// What a Chromium opens: it must not be sent to this machine's files.
pub(super) fn can_show(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The page as the agent reads it.
pub(super) async fn read(document: Document, asked: &str) -> Page {
    let Document {
        url,
        title,
        html,
        status,
        status_text,
        content_type,
    } = document;
    let Some(url) = Url::parse(&url).ok().filter(|url| can_show(url.as_str())) else {
        return Page::unreachable(asked, "Chromium could not show it");
    };
    // What Chromium shows without having said what it is, is a document all the same.
    let content_type = Some(content_type)
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| "text/html".to_owned());
    let is_page = content_type.contains("html") || content_type.contains("xml");
    let fetched = Fetched {
        url,
        status,
        status_text: format!("{status} {status_text}").trim_end().to_owned(),
        content_type,
        text: is_page.then_some(html),
    };
    let mut page = Page::read(fetched).await;
    if page.problem.is_none() {
        page.title = title;
    }
    page
}
