//! What JavaScript is told before promises are settled: lines of the log, and the items of an
//! emulator's agent.
//!
//! Each wakes the event loop by a handle of its own, which the loop may look at after the promises'
//! handle, or not at all where the process ends with them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::Env;
use napi::bindgen_prelude::{Function, FunctionRef};
use napi_derive::napi;
use sessionwire::log;

/// How many agents have items that JavaScript was woken for and did not take.
static AGENTS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// What takes all of it.
    static TAKE: RefCell<Option<Rc<FunctionRef<(), ()>>>> = const { RefCell::new(None) };
}

/// Has `take` called before promises are settled, where there is something to take.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn tell_before_promises(take: Function<'_, (), ()>) -> napi::Result<()> {
    let take = take.create_ref()?;
    TAKE.set(Some(Rc::new(take)));
    Ok(())
}

/// An agent has items from here on, or it has none.
pub fn agent_has_items(has: bool) {
    if has {
        AGENTS.fetch_add(1, Ordering::Release);
    } else {
        AGENTS.fetch_sub(1, Ordering::Release);
    }
}

/// Has JavaScript take what was told up to now.
pub fn tell(env: &Env) {
    if !log::is_pending() && AGENTS.load(Ordering::Acquire) == 0 {
        return;
    }
    // As a clone, since the function may do anything.
    let take = TAKE.with_borrow(Clone::clone);
    if let Some(take) = take
        && let Ok(take) = take.borrow_back(env)
    {
        // It throws nothing.
        let _ = take.call(());
    }
}
