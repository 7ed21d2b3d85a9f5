//! What an emulator carries: many paced streams at once, and one that floods. Its streams are read over raw sockets.

use crate::process::Usage;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What is asked of the emulator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) streams: usize,
    /// Events per paced stream, one per second.
    pub(crate) seconds: u64,
    pub(crate) flood: u64,
}

/// How much may come before somebody says that something hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// The size of a flooding event's data is 120 bytes when its id has six digits.
const FLOOD_TEXT: &str =
    "Comparing two offers for the same flight, the earlier is cheaper by {n} and it goes to";

/// Starts the emulator, loads it, and says what came of it.
pub(crate) fn run(program: &str, load: Load) -> std::result::Result<String, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let emulator = Emulator::start(program, load)?;
    let paced = runtime.block_on(paced(&emulator, load));
    let flood = runtime.block_on(flood(&emulator, load));
    // Both are tried, and the emulator ended, before either fails.
    drop(emulator);
    let as_plain = |error: Box<dyn Error + Send + Sync>| -> Box<dyn Error> { error };
    Ok(format!(
        "{}\n{}",
        paced.map_err(as_plain)?,
        flood.map_err(as_plain)?
    ))
}

/// `sessionwire emulator` as a process. Dropping it ends it.
struct Emulator {
    process: Child,
    address: String,
    scenario: PathBuf,
}

impl Emulator {
    fn start(program: &str, load: Load) -> std::result::Result<Self, Box<dyn Error>> {
        let name = format!("sessionwire-capacity-{}.json", std::process::id());
        let scenario = std::env::temp_dir().join(name);
        std::fs::write(&scenario, scenario_text(load))?;
        let process = Command::new(program)
            .args(["emulator", "--json", "--browser", "builtin", "--scenario"])
            .arg(&scenario)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!("{program} does not start: {error}; build it, or name another")
            })?;
        let mut emulator = Self {
            process,
            address: String::new(),
            scenario,
        };
        let mut line = String::new();
        let out = emulator.process.stdout.take().ok_or("no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let rest = line.split_once("\"url\":\"http://").ok_or("no address")?.1;
        let address = rest.split_once('"').ok_or("no address")?.0;
        address.clone_into(&mut emulator.address);
        Ok(emulator)
    }

    fn usage(&self) -> Result<Usage> {
        Ok(Usage::of(self.process.id())?)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_file(&self.scenario));
    }
}

fn scenario_text(load: Load) -> String {
    format!(
        r#"{{"tasks": [
  {{"match": "pace", "steps": [{{"repeat": {}, "steps": [{{"delay": 1}}, {{"thought": "Looking at offer {{n}}"}}]}}, {{"done": "paced"}}]}},
  {{"match": "flood", "steps": [{{"repeat": {}, "steps": [{{"thought": "{FLOOD_TEXT}"}}]}}, {{"done": "flooded"}}]}}
]}}"#,
        load.seconds, load.flood
    )
}

/// A request and its whole answer.
async fn ask(address: &str, request: &str, body: &str) -> Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer bench\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(answer)
    } else {
        Err(format!("{request}: {answer}").into())
    }
}

/// A new session with its stream open.
async fn session(address: &str) -> Result<(String, TcpStream)> {
    let answer = ask(address, "POST /v1/sessions", "{}").await?;
    let id = answer
        .split_once("\"session_id\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .ok_or("no session id")?
        .0;
    let mut socket = TcpStream::connect(address).await?;
    let head = format!(
        "GET /v1/sessions/{id}/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer bench\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    Ok((id.to_owned(), socket))
}

async fn begin(address: &str, id: &str, task: &str) -> Result<()> {
    let body = format!("{{\"message\":\"{task}\"}}");
    ask(address, &format!("POST /v1/sessions/{id}/message"), &body)
        .await
        .map(drop)
}

/// Counts the events in a stream's bytes, chunk framing and all: each ends with an empty line, and nothing else does.
#[derive(Debug, Default)]
struct Counter {
    events: u64,
    after_newline: bool,
}

impl Counter {
    /// How many events ended in these bytes.
    fn take(&mut self, bytes: &[u8]) -> u64 {
        let before = self.events;
        for &byte in bytes {
            let newline = byte == b'\n';
            if newline && self.after_newline {
                self.events += 1;
            }
            self.after_newline = newline;
        }
        self.events - before
    }
}

async fn paced(emulator: &Emulator, load: Load) -> Result<String> {
    let address = &emulator.address;
    let idle = emulator.usage()?;
    let mut sessions = Vec::new();
    for _ in 0..load.streams {
        sessions.push(session(address).await?);
    }
    let open = emulator.usage()?;
    let mut readers = JoinSet::new();
    for (number, (id, socket)) in sessions.into_iter().enumerate() {
        let (address, seconds) = (address.clone(), load.seconds);
        readers.spawn(async move {
            // Spread over the second, as the tasks of strangers are.
            tokio::time::sleep(
                Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(load.streams)?,
            )
            .await;
            let begun = Instant::now();
            begin(&address, &id, "pace").await?;
            let reading = read_paced(socket, begun, seconds);
            let most = Duration::from_secs(seconds) + PATIENCE;
            tokio::time::timeout(most, reading).await?
        });
    }
    let begun = Instant::now();
    let (mut late, mut lost, mut last) = (Vec::new(), 0, open);
    while let Some(read) = readers.join_next().await {
        let read = read??;
        lost += load.seconds + 1 - read.events.min(load.seconds + 1);
        late.extend(read.late);
        last = emulator.usage()?;
    }
    let wall = begun.elapsed().as_secs_f64();
    late.sort_unstable();
    let at = |share: f64| -> f64 {
        let place = ((late.len() as f64 - 1.0) * share).round() as usize;
        late.get(place)
            .map_or(f64::NAN, |late| late.as_secs_f64() * 1000.0)
    };
    let events = late.len();
    let streams = load.streams;
    let per_stream = (last.resident.saturating_sub(idle.resident)) as f64 / 1024.0 / streams as f64;
    Ok(format!(
        "{streams} sessions with a stream each, 1 event per second on each, {} s: {events} events, {lost} lost; \
         emulator: {:.3} CPU s per s, {:.1} MiB resident ({per_stream:.1} KiB per session); \
         later than 1 s after the one before: median {:.1} ms, 99 % {:.1} ms, at most {:.1} ms",
        load.seconds,
        (last.cpu - open.cpu) / wall,
        last.resident as f64 / 1024.0 / 1024.0,
        at(0.5),
        at(0.99),
        at(1.0),
    ))
}

/// What came on a paced stream.
struct Read {
    events: u64,
    /// By how much each event came later than a second after the one before it.
    late: Vec<Duration>,
}

async fn read_paced(mut socket: TcpStream, begun: Instant, seconds: u64) -> Result<Read> {
    let (mut counter, mut bytes) = (Counter::default(), [0; 4096]);
    let (mut before, mut late) = (begun, Vec::new());
    // The `done` comes right after the last of them.
    while counter.events <= seconds {
        let read = socket.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        let paced = counter.events;
        counter.take(&bytes[..read]);
        let now = Instant::now();
        for _ in paced..counter.events.min(seconds) {
            late.push(
                now.duration_since(before)
                    .saturating_sub(Duration::from_secs(1)),
            );
            before = now;
        }
    }
    Ok(Read {
        events: counter.events,
        late,
    })
}

async fn flood(emulator: &Emulator, load: Load) -> Result<String> {
    let address = &emulator.address;
    let (id, mut socket) = session(address).await?;
    let before = emulator.usage()?;
    begin(address, &id, "flood").await?;
    let begun = Instant::now();
    let (mut counter, mut bytes, mut size) = (Counter::default(), vec![0; 256 * 1024], 0);
    while counter.events <= load.flood {
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut bytes)).await??;
        if read == 0 {
            break;
        }
        size += read;
        counter.take(&bytes[..read]);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = emulator.usage()?;
    let lost = load.flood + 1 - counter.events.min(load.flood + 1);
    let events = counter.events as f64;
    Ok(format!(
        "one stream that floods: {} events of {:.0} bytes on the wire, {lost} lost, in {seconds:.2} s: \
         {:.0} thousand events per second; emulator: {:.2} CPU s per million, {:.0} bytes kept per event",
        counter.events,
        size as f64 / events,
        events / seconds / 1000.0,
        (after.cpu - before.cpu) / events * 1e6,
        after.resident.saturating_sub(before.resident) as f64 / events,
    ))
}

/// The program of a build beside this one.
pub(crate) fn default_program() -> std::result::Result<String, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new("."));
    Ok(folder.join("sessionwire").display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_across_reads_and_chunks() {
        let stream = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n1f\r\nid: 1\nevent: a\ndata: {}\n\n\r\n1f\r\nid: 2\nevent: a\ndata: {}\n\n\r\n";
        for cut in 0..stream.len() {
            let mut counter = Counter::default();
            let (first, second) = stream.split_at(cut);
            assert_eq!(counter.take(first) + counter.take(second), 2, "{cut}");
        }
    }

    #[test]
    fn the_scenario_has_events_of_the_promised_size() {
        let text = FLOOD_TEXT.replace("{n}", "123456");
        let data = format!(r#"{{"text":"{text}","message_id":123457}}"#);
        assert_eq!(data.len(), 120);
    }
}
