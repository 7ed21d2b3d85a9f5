//! What a text must be like for an entry to play.

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum Match {
    /// It contains this text.
    Contains(String),
    /// The expression is found in it: `{"regex": "..."}`.
    Regex(regex_lite::Regex),
}

impl Match {
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Contains(one), Self::Contains(other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

/// Whether a text is wanted; without a wish, any is.
pub(super) fn fits(wanted: Option<&Match>, text: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.fits(text))
}
