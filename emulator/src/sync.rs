//! A mutex that outlives a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere must not take the server down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
