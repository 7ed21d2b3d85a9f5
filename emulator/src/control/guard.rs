//! Who may use the control API: programs with the token, and no page in a browser.

use super::documents::CONTROL_PATH;
use crate::errors::ApiError;
use crate::foreign::is_foreign;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The fewest characters of a token.
const SHORTEST: usize = 8;

/// What a request must bring. Its `Debug` form hides it.
#[derive(Clone)]
pub(crate) struct ControlToken(String);

impl std::fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ControlToken(***)")
    }
}

impl ControlToken {
    /// A token that somebody chose; the error says what is wrong with it.
    pub(crate) fn chosen(token: String) -> Result<Self, String> {
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "control_token must be {SHORTEST} or more visible ASCII characters without spaces; leave it out for one \
                 that nobody can guess"
            ));
        }
        Ok(Self(token))
    }

    /// A new one, which nobody can guess.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes)?;
        let engine = &base64::engine::general_purpose::URL_SAFE_NO_PAD;
        Ok(Self(base64::Engine::encode(engine, bytes)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the token. The time it takes tells nothing about how much of it is right.
    fn is(&self, other: &str) -> bool {
        let pairs = self.0.bytes().zip(other.bytes());
        self.0.len() == other.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION);
        let value = value.and_then(|value| value.to_str().ok()?.split_once(' '));
        value.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && self.is(token.trim())
        })
    }
}

/// Lets in who may use it. The document and the state of health are for everybody but foreign pages.
pub(super) async fn guard(
    State((token, url)): State<(ControlToken, String)>,
    request: Request,
    next: Next,
) -> Response {
    // No page behind a forwarder may, either.
    if is_foreign(request.headers(), &url, "") {
        let detail = "A page of another site may not drive the emulator. Call the control API from a program: it sends \
                      no Origin";
        return ApiError::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let path = request.uri().path();
    let below = path.strip_prefix(CONTROL_PATH).unwrap_or_default();
    let open = matches!(below, "/health" | "/openapi");
    if !open && !token.is_in(request.headers()) {
        let detail = "The control API wants its token: send `Authorization: Bearer <token>`. The emulator prints the token \
                      when it starts, or takes yours from --control-token";
        return ApiError::new(StatusCode::UNAUTHORIZED, detail).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = ControlToken::chosen("a-long-token".to_owned()).unwrap();
        assert!(token.is("a-long-token"));
        for wrong in ["", "a-long-toke", "a-long-token2", "A-long-token"] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("long"));
        let random = ControlToken::random().unwrap();
        assert_eq!(random.as_str().len(), 32);
        assert!(!random.is(ControlToken::random().unwrap().as_str()));
    }

    #[test]
    fn a_short_or_unsendable_token_is_refused() {
        for bad in ["", "short", "with a space", "schlüssel-zwei"] {
            let refusal = ControlToken::chosen(bad.to_owned()).unwrap_err();
            assert!(refusal.contains("8 or more"), "{bad}");
        }
    }
}
