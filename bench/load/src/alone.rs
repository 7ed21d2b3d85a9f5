//! What the HTTP client beneath ours takes by itself: a Rust program that hands nothing on and
//! reads nothing out of what it gets. No client that is built on it can be faster.

use std::error::Error;
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::events::Spec;
use crate::sink::Tail;
use crate::{clock, process};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the program prints, or says went wrong.
type Told = Result<String, Box<dyn Error>>;

/// A stream of the first kind to warm up, one of the second measured: chunk by chunk.
pub(crate) fn events(base_url: &str, warm_up: &str, session_id: &str) -> Told {
    let (warm_up, measured) = (stream(base_url, warm_up), stream(base_url, session_id));
    on_one_worker(async move {
        let client = client()?;
        read(&client, warm_up).await?;
        let clock = Clock::start();
        let last = read(&client, measured).await?;
        let (seconds, cpu) = clock.stop();
        Ok(format!(
            r#"{{"events": {last}, "sum": {}, "seconds": {seconds:.6}, "cpu": {cpu:.6}, "kib": 0}}"#,
            last * (last + 1) / 2
        ))
    })
}

async fn read(client: &Client, (url, session_id): (String, String)) -> Outcome<u64> {
    let spec: Spec = session_id.parse()?;
    let asked = client.get(url).bearer_auth("bench-key");
    let mut response = asked.send().await?.error_for_status()?;
    let mut seen = Tail::default();
    while let Some(chunk) = response.chunk().await? {
        // Only the last chunks are looked at: the others cost nothing but their coming.
        seen.feed(&chunk);
    }
    match seen.last_of_body() {
        Some(last) if last == spec.events + 1 => Ok(last),
        last => Err(format!("the stream ended with id {last:?}").into()),
    }
}

/// Calls of a status, one after another or many at once.
pub(crate) fn calls(base_url: &str, work: &str, count: usize) -> Told {
    let width = if work == "at-once" { 64 } else { 1 };
    let url = format!("{base_url}/v1/sessions/n1-s120-each/status");
    on_one_worker(async move {
        let client = client()?;
        spread(&client, &url, width, count / 10).await?;
        let clock = Clock::start();
        let mut took = spread(&client, &url, width, count).await?;
        let (seconds, cpu) = clock.stop();
        took.sort();
        let at = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e6;
        Ok(format!(
            r#"{{"calls": {}, "seconds": {seconds:.6}, "cpu": {cpu:.6}, "p50": {:.3}, "p99": {:.3}}}"#,
            took.len(),
            at(50),
            at(99)
        ))
    })
}

/// So many calls, shared out among so many tasks: how long each took.
async fn spread(client: &Client, url: &str, width: usize, count: usize) -> Outcome<Vec<Duration>> {
    let each = (count / width).max(1);
    let tasks: Vec<_> = (0..width)
        .map(|_| tokio::spawn(share(client.clone(), url.to_owned(), each)))
        .collect();
    let mut took = Vec::with_capacity(each * width);
    for task in tasks {
        took.extend(task.await??);
    }
    Ok(took)
}

async fn share(client: Client, url: String, count: usize) -> Outcome<Vec<Duration>> {
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let answer = client.get(&url).bearer_auth("bench-key").send().await?;
        let body = answer.error_for_status()?.bytes().await?;
        if !body.ends_with(b"\"finished\"}") {
            return Err("a call was not answered whole".into());
        }
        took.push(start.elapsed());
    }
    Ok(took)
}

/// Many open streams with a few events a second: what each takes of the memory, what an event
/// takes of the processor, and how late it comes.
pub(crate) fn resting(
    base_url: &str,
    session_id: &str,
    [streams, settle, seconds]: [f64; 3],
) -> Told {
    let (base_url, session_id) = (base_url.to_owned(), session_id.to_owned());
    on_one_worker(async move {
        let client = client()?;
        // What the first one costs is not of the others.
        read(&client, stream(&base_url, "n1-s120-p1000")).await?;
        let (sender, mut late) = tokio::sync::mpsc::unbounded_channel();
        let memory = || process::Usage::of(std::process::id()).map(|usage| usage.resident);
        let empty = memory()?;
        let (url, _) = stream(&base_url, &session_id);
        for _ in 0..streams as usize {
            tokio::spawn(listen(client.clone(), url.clone(), sender.clone()));
        }
        for _ in 0..2 * streams as usize {
            late.recv().await.ok_or("the streams ended too soon")?;
        }
        let kib = (memory()?.saturating_sub(empty)) as f64 / 1024.0 / streams;
        let mut seen = in_time(&mut late, settle).await;
        seen.clear();
        let clock = Clock::start();
        seen.extend(in_time(&mut late, seconds).await);
        let (_, cpu) = clock.stop();
        if seen.is_empty() {
            return Err("no event came while they were counted: give more seconds".into());
        }
        seen.sort_unstable();
        let at = |percent: usize| seen[seen.len() * percent / 100] as f64 / 1e3;
        Ok(format!(
            r#"{{"streams": {streams}, "events": {}, "kib": {kib:.2}, "cpu": {:.3}, "p50": {:.1}, "p99": {:.1}}}"#,
            seen.len(),
            cpu / seen.len() as f64 * 1e6,
            at(50),
            at(99)
        ))
    })
}

/// How late events are, in nanoseconds.
type Late = tokio::sync::mpsc::UnboundedReceiver<u64>;

async fn in_time(late: &mut Late, seconds: f64) -> Vec<u64> {
    let mut seen = Vec::new();
    let over = tokio::time::sleep(Duration::from_secs_f64(seconds));
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return seen,
            event = late.recv() => seen.extend(event),
        }
    }
}

/// Says of each event how late it is.
async fn listen(
    client: Client,
    url: String,
    late: tokio::sync::mpsc::UnboundedSender<u64>,
) -> Outcome {
    let asked = client.get(url).bearer_auth("bench-key");
    let mut response = asked.send().await?.error_for_status()?;
    while let Some(chunk) = response.chunk().await? {
        let text = String::from_utf8_lossy(&chunk);
        let sent = text.split_once("\"sent\": ").and_then(|(_, rest)| {
            let digits = rest.split(|byte: char| !byte.is_ascii_digit()).next();
            digits?.parse().ok()
        });
        let sent = sent.unwrap_or_else(clock::nanoseconds);
        if late
            .send(clock::nanoseconds().saturating_sub(sent))
            .is_err()
        {
            break;
        }
    }
    Ok(())
}

/// Where a stream is, and what it is to hold.
fn stream(base_url: &str, session_id: &str) -> (String, String) {
    let url = format!("{base_url}/v1/sessions/{session_id}/events");
    (url, session_id.to_owned())
}

/// Runs the work where ours runs: on the one worker of a runtime.
fn on_one_worker(work: impl Future<Output = Outcome<String>> + Send + 'static) -> Told {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let told = runtime.block_on(runtime.spawn(work))?;
    told.map_err(|error| -> Box<dyn Error> { error })
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().build()
}

/// Seconds on the wall and of the processor.
struct Clock(Instant, u64);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), clock::of_process())
    }

    fn stop(self) -> (f64, f64) {
        let cpu = Duration::from_nanos(clock::of_process() - self.1);
        (self.0.elapsed().as_secs_f64(), cpu.as_secs_f64())
    }
}
