//! The core's log, for JavaScript.
//!
//! The threads of the runtime only keep records and wake JavaScript, which
//! takes them. The wake-up does not keep the process alive.

use std::sync::{Mutex, PoisonError};

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use sessionwire::log;

// Not waited for by the process, and one call under way is enough.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// Who takes the records: the last one who asked.
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Switches the log on, with what to call when there are records; or off.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn watch_log(wake: Option<Function<'_, (), ()>>) -> napi::Result<()> {
    let wake = match wake {
        Some(wake) => Some(
            wake.build_threadsafe_function::<()>()
                .weak::<true>()
                .max_queue_size::<1>()
                .build()?,
        ),
        None => None,
    };
    log::on_record(call_wake);
    log::set_enabled(wake.is_some());
    let before = std::mem::replace(
        &mut *WAKE.lock().unwrap_or_else(PoisonError::into_inner),
        wake,
    );
    drop(before);
    Ok(())
}

fn call_wake() {
    if let Some(wake) = &*WAKE.lock().unwrap_or_else(PoisonError::into_inner) {
        // A full queue means that JavaScript is awake already.
        wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// Takes the records, as a JSON list of [seconds since 1970, whether it is a
/// warning, text, fields].
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn take_log() -> String {
    let records: Vec<_> = log::take()
        .into_iter()
        .map(|record| (record.time, record.is_warning, record.text, record.fields))
        .collect();
    serde_json::to_string(&records).unwrap_or_else(|_| "[]".to_owned())
}
