//! The body of a response, read and inflated in pieces up to a cap.

use bytes::Bytes;

/// Most bytes of a response, after inflating.
pub(super) const MAX_RESPONSE: usize = 64 << 20;
/// Most bytes of a response that says what is wrong.
pub(super) const MAX_ERROR: usize = 1 << 20;

/// How much of a larger one is kept.
const KEPT: usize = 64 << 10;

/// Most bytes that are set aside for a body because it says that it is so large.
const MAX_PLACE: u64 = 1 << 20;

/// So many bytes are read before others have their turn: what a server sends in
/// a moment may inflate for seconds.
const AT_ONCE: usize = 64 << 10;

/// What was read of a body.
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Its beginning: there is more than was asked for.
    TooLarge(Bytes),
}

/// Reads a body of at most so many bytes.
pub(super) async fn read(mut response: reqwest::Response, most: usize) -> reqwest::Result<Body> {
    let claimed = response.content_length();
    if claimed.is_some_and(|claimed| claimed > most as u64) {
        return Ok(Body::TooLarge(Bytes::new()));
    }
    let Some(first) = response.chunk().await? else {
        return Ok(Body::Whole(Bytes::new()));
    };
    let mut next = Some(first);
    // A body that comes in pieces has its place at once, where it says how large it is.
    let expected = claimed.map_or(0, |claimed| claimed.min(MAX_PLACE) as usize);
    let mut body = Vec::new();
    let mut taken = 0;
    while let Some(piece) = next {
        if piece.len() > most - body.len() {
            body.extend_from_slice(&piece);
            body.truncate(KEPT);
            return Ok(Body::TooLarge(Bytes::from(body)));
        }
        taken += piece.len();
        if taken >= AT_ONCE {
            taken = 0;
            tokio::task::yield_now().await;
        }
        next = response.chunk().await?;
        if next.is_none() && body.is_empty() {
            // One piece: as it is.
            return Ok(Body::Whole(piece));
        }
        if body.is_empty() {
            body.reserve(expected);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Body::Whole(body.into()))
}
