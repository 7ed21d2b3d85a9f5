//! What a process used so far. Linux only: elsewhere it is an error.

use std::io;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Seconds, all threads, user and system.
    pub(crate) cpu: f64,
    /// Bytes.
    pub(crate) resident: u64,
}

/// Ticks per second in `/proc/<pid>/stat`, the same on every Linux that runs user programs.
const TICKS: f64 = 100.0;

impl Usage {
    pub(crate) fn of(process: u32) -> io::Result<Self> {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{process}/{name}")).map_err(|error| {
                let text =
                    format!("what process {process} uses is not known: {error}; this needs Linux");
                io::Error::new(error.kind(), text)
            })
        };
        Self::parse(&read("stat")?, &read("status")?)
            .ok_or_else(|| io::Error::other(format!("what process {process} uses cannot be read")))
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name in brackets may hold anything; the 12th and 13th field after it are the times.
        let mut times = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut time = || times.next()?.parse::<f64>().ok();
        let cpu = (time()? + time()?) / TICKS;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse().ok()?;
        Some(Self {
            cpu,
            resident: kibibytes * 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_stand_after_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 500 0 0 0 250 50 3 4 20 0 5 0 100 1000 200";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t5\n";
        let usage = Usage::parse(stat, status).expect("it is well formed");
        assert!((usage.cpu - 3.0).abs() < 1e-9);
        assert_eq!(usage.resident, 2048 * 1024);
        assert!(Usage::parse("7 (a) S", status).is_none());
    }
}
