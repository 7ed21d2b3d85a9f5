//! A time in a fault.

use std::time::Duration;

/// The longest `delay`, in seconds.
const DELAY: f64 = 86_400.0;

pub(super) fn seconds(name: &str, seconds: Option<f64>) -> Result<Option<Duration>, String> {
    match seconds {
        Some(seconds) if !(0.0..=DELAY).contains(&seconds) => {
            Err(format!("`{name}` is in seconds, from 0 to {DELAY}"))
        }
        seconds => Ok(seconds.map(Duration::from_secs_f64)),
    }
}
