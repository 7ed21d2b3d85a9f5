//! What goes on although nobody waits for it, when a client or the process ends.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use sessionwire::Error;
use sessionwire::background::Background;

use crate::promises;

/// Of every client of one JavaScript.
struct Backgrounds(Vec<Background>);

thread_local! {
    /// Each worker has a thread of its own.
    static BACKGROUNDS: RefCell<Backgrounds> = const { RefCell::new(Backgrounds(Vec::new())) };
}

/// Of workers that were terminated, for the end of the process.
static ORPHANS: Mutex<Vec<Background>> = Mutex::new(Vec::new());

impl Drop for Backgrounds {
    fn drop(&mut self) {
        let busy = self.0.drain(..).filter(|background| {
            background.close();
            !background.is_idle()
        });
        orphans().extend(busy);
    }
}

fn orphans() -> MutexGuard<'static, Vec<Background>> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for what goes on in this background when the JavaScript ends.
pub fn settle_at_exit(background: &Background) {
    BACKGROUNDS.with_borrow_mut(|Backgrounds(backgrounds)| {
        backgrounds.retain(|other| !other.is_unused());
        // A copy of a client has its background.
        if !backgrounds.iter().any(|other| other.is_same(background)) {
            backgrounds.push(background.clone());
        }
    });
}

/// Waits for it; which sessions are left. `None` where nothing goes on.
pub fn settle<'env>(
    env: &'env Env,
    background: &Background,
    milliseconds: u32,
) -> napi::Result<Option<PromiseRaw<'env, String>>> {
    if background.is_idle() {
        return Ok(None);
    }
    let background = background.clone();
    let limit = Duration::from_millis(milliseconds.into());
    promises::spawn(env, async move { texts(&background.settle(limit).await) }).map(Some)
}

/// Ends the calls of every client of this JavaScript, and blocks until nothing
/// goes on in the background; a JSON list of lists of texts.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn settle_all(milliseconds: u32) -> String {
    // This thread blocks from here on.
    crate::hooks::end();
    let limit = Duration::from_millis(milliseconds.into());
    let (sender, receiver) = mpsc::channel();
    let mut backgrounds = std::mem::take(&mut *orphans());
    BACKGROUNDS.with_borrow_mut(|Backgrounds(own)| backgrounds.append(own));
    for background in backgrounds {
        background.close();
        if background.is_idle() {
            continue;
        }
        let sender = sender.clone();
        napi::bindgen_prelude::spawn(async move {
            let _ = sender.send(texts(&background.settle(limit).await));
        });
    }
    drop(sender);
    // The core keeps the limit; this is for a runtime that is gone.
    let until = Instant::now() + limit + Duration::from_millis(500);
    let mut lists = Vec::new();
    while let Ok(list) = receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        lists.push(list);
    }
    format!("[{}]", lists.join(","))
}

fn texts(left: &[Error]) -> String {
    let texts: Vec<String> = left.iter().map(ToString::to_string).collect();
    serde_json::to_string(&texts).unwrap_or_else(|_| "[]".to_owned())
}
