//! What a fork changes: the process, and the threads that it has.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Threads that wait detached, or are on their way back.
pub(crate) static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Counts the forks that led to this process: cheaper to ask for than the
/// process id, which every event would need.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Names this process among its ancestors.
pub(crate) fn process() -> u32 {
    #[cfg(unix)]
    {
        static HOOK: std::sync::Once = std::sync::Once::new();
        HOOK.call_once(|| {
            // SAFETY: the hook is a function of this library, which is never
            // unloaded; it stores to atomics and closes files, as a fork's child may.
            unsafe { libc::pthread_atfork(None, None, Some(after_fork_in_child)) };
        });
    }
    FORKS.load(Ordering::Relaxed)
}

/// Forgets the parent's threads, and leaves it the journals that it works by.
#[cfg(unix)]
extern "C" fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    WAITING.store(0, Ordering::SeqCst);
    sessionwire::journal::forget();
}
