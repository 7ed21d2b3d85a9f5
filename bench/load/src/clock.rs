//! A clock that another process on this machine reads, too: Python's `time.monotonic_ns()`, Node's
//! `process.hrtime.bigint()`.

#[cfg(unix)]
pub(crate) fn nanoseconds() -> u64 {
    of(rustix::time::ClockId::Monotonic)
}

/// The processor's time of this process, all threads, user and system.
#[cfg(unix)]
pub(crate) fn of_process() -> u64 {
    of(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(unix)]
fn of(clock: rustix::time::ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Nobody can tell how late an event comes.
#[cfg(not(unix))]
pub(crate) fn nanoseconds() -> u64 {
    0
}

/// Nobody can tell what a program takes.
#[cfg(not(unix))]
pub(crate) fn of_process() -> u64 {
    0
}
