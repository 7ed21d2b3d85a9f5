//! A page, and what the agent finds on it.

use serde::Serialize;
use url::Url;

/// A page, as it is drawn and as the agent reports it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Empty: the browser's blank first page.
    pub(crate) url: String,
    pub(crate) title: String,
    /// What is readable on it, top to bottom.
    pub(crate) blocks: Vec<Block>,
    pub(crate) content: Content,
    /// It was really opened: what it says is known.
    pub(crate) opened: bool,
    /// A `navigate` request opened it, so tasks without an address mean it.
    pub(crate) by_user: bool,
    /// Why it is no page to work on; `None` when it is.
    pub(crate) problem: Option<Problem>,
}

/// Why a page cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What happened and what to try, as sentences.
    pub(crate) text: String,
    /// The status for the error event: the server's, or 502.
    pub(crate) status: u16,
}

/// A piece of readable text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// How a block is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Heading,
    Text,
    Price,
    Button,
}

/// What the agent finds on a page.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Content {
    pub(crate) headings: Vec<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) prices: Vec<Price>,
    pub(crate) forms: Vec<Form>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) url: String,
}

/// A price and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Price {
    pub(crate) text: String,
    /// A plain number such as `1299.00`.
    pub(crate) price: String,
    /// `EUR`, `GBP`, ... or the sign itself where it does not say which (`$`); empty when the page names none.
    pub(crate) currency: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) method: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

impl Page {
    /// An address where there is no page.
    pub(crate) fn unreachable(url: &str, reason: &str) -> Self {
        Self::broken(url, "This page cannot be reached", reason, 502)
    }

    /// An address of something else.
    pub(crate) fn not_a_page(url: &str, reason: &str) -> Self {
        Self::broken(url, "Not a web page", reason, 415)
    }

    /// This page is still shown, since what was opened after it is no page.
    pub(crate) fn instead_of(mut self, url: &str, reason: &str) -> Self {
        self.problem = Some(Problem::new(url, reason, 415));
        self
    }

    /// An address that nobody opened yet.
    pub(crate) fn unopened(url: &str) -> Self {
        let title = Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        Self {
            url: url.to_owned(),
            title,
            ..Self::default()
        }
    }

    pub(crate) fn opened_by_user(mut self) -> Self {
        self.by_user = true;
        self
    }

    pub(super) fn broken(url: &str, title: &str, reason: &str, status: u16) -> Self {
        let problem = Problem::new(url, reason, status);
        let block = |style, text: &str| Block {
            style,
            text: text.to_owned(),
        };
        Self {
            url: url.to_owned(),
            title: title.to_owned(),
            blocks: vec![
                block(Style::Heading, title),
                block(Style::Text, &problem.text),
            ],
            problem: Some(problem),
            ..Self::default()
        }
    }
}

impl Problem {
    pub(super) fn new(url: &str, reason: &str, status: u16) -> Self {
        let advice = match status {
            404 | 410 => "Check the address for a typing error.",
            401 | 403 => {
                "The page may need a login that this agent does not have; try another page."
            }
            415 => "Give the address of an HTML page.",
            502 => "Check that the address is right and that its server is running.",
            _ => "Try again later, or try another page.",
        };
        Self {
            text: format!("Could not read {url}: {reason}. {advice}"),
            status,
        }
    }
}
