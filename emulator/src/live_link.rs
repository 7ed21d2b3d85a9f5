//! The address of a page of the live view, with the secret that opens it.

/// An address that cannot be guessed. Its `Debug` form hides the secret.
#[derive(Clone)]
pub(crate) struct LiveLink {
    url: String,
    secret: (usize, usize),
}

impl std::fmt::Debug for LiveLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveLink(***)")
    }
}

impl LiveLink {
    /// A new page below `base`; fails when the system has no random numbers.
    pub(crate) fn new(base: &str) -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let secret = format!("{:032x}", u128::from_be_bytes(random));
        let url = format!("{base}/live/{secret}/");
        let end = url.len() - 1;
        Ok(Self {
            url,
            secret: (end - secret.len(), end),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn secret(&self) -> &str {
        let (start, end) = self.secret;
        self.url.get(start..end).unwrap_or_default()
    }

    /// Whether this is the secret. The time it takes tells nothing about how much of it is right.
    pub(crate) fn opens_with(&self, secret: &str) -> bool {
        let own = self.secret();
        let pairs = own.bytes().zip(secret.bytes());
        own.len() == secret.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_with_its_own_secret_only() {
        let (one, other) = (
            LiveLink::new("http://h").unwrap(),
            LiveLink::new("http://h").unwrap(),
        );
        let secret = one.url().trim_start_matches("http://h/live/");
        let secret = secret.trim_end_matches('/');
        assert_eq!(secret.len(), 32);
        assert!(one.opens_with(secret));
        assert!(!other.opens_with(secret));
        assert!(!one.opens_with(""));
        assert!(!one.opens_with(&secret[1..]));
        assert!(!format!("{one:?}").contains(secret));
    }
}
