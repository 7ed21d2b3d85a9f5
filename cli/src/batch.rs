//! `sessionwire batch`: many tasks of a file by a journal, each result once in another file.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{
    self, BufRead as _, BufReader, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sessionwire::agi::{BatchTask, CreateSession, FanOutItem, RunTasks, TaskOutcome, TaskOutcomes};
use sessionwire::meaning::misread;
use sessionwire::{Error, ErrorKind};

use crate::args::{Batch, Global, duration};
use crate::client;
use crate::failure::Failure;
use crate::files::check_target;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::terminal::{self, escaped, note, word};

/// How long what is under way may take once the command shall end.
const GRACE: Duration = Duration::from_secs(20);

pub(crate) async fn run(
    args: Batch,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let journal = args
        .journal
        .clone()
        .unwrap_or_else(|| journal_of(&args.out));
    check_files(&args, &journal)?;
    let tasks = read_tasks(&args.tasks)?;
    let count = tasks.len();
    let plan = plan(&args, tasks, &journal);
    plan.check()?;
    let client = client::connect(global)?;
    let mut results = Results::open(&args.out, &journal)?;
    let mut outcomes = client.run_tasks(plan)?;
    // From here on no other process works by the journal.
    let ran = match results.read(args.retry_failed) {
        Ok(()) => {
            follow(
                &mut outcomes,
                &mut results,
                count,
                args.concurrency,
                interrupt,
            )
            .await
        }
        Err(failure) => Err(failure),
    };
    let failure = match ran {
        Ok(tally) => {
            tell_left(&client, outcomes).await;
            return end(&tally, count, global.json, output).await;
        }
        Err(failure) => failure,
    };
    let is_interrupted = matches!(failure, Failure::Interrupted);
    if is_interrupted {
        terminal::end_line();
        note(
            "Interrupted: what was sent goes on in its session. Press Ctrl-C again to leave at once.",
        );
    }
    let _ = tokio::time::timeout(GRACE, outcomes.close()).await;
    // What ended meanwhile is in the journal, and need not wait for the next start.
    while is_interrupted && let Some(FanOutItem::Outcome(outcome)) = outcomes.try_take() {
        if !outcome.unfinished && results.write(&outcome).is_err() {
            break;
        }
    }
    tell_left(&client, outcomes).await;
    if is_interrupted {
        note(&format!(
            "The same command again goes on where it was: {} has {} of {count} results.",
            args.out.display(),
            results.there.len()
        ));
    }
    Err(failure)
}

async fn tell_left(client: &sessionwire::agi::Client, outcomes: TaskOutcomes) {
    drop(outcomes);
    client.close();
    for left in client.settle(GRACE).await {
        note(&format!("warning: {left}"));
    }
}

fn plan(args: &Batch, tasks: Vec<BatchTask>, journal: &Path) -> RunTasks {
    let mut plan = RunTasks::new(tasks)
        .concurrency(args.concurrency)
        .create(CreateSession::new(&args.agent))
        .journal(journal)
        .retry_failed(args.retry_failed);
    plan.start_url.clone_from(&args.start_url);
    plan.timeout = args.timeout.map(duration);
    plan
}

fn journal_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".journal");
    PathBuf::from(name)
}

/// Everything about the files that can be refused before one is opened for writing.
fn check_files(args: &Batch, journal: &Path) -> Result<(), Failure> {
    check_target(&args.out)?;
    check_target(journal)?;
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let files = [
        ("TASKS", &*args.tasks),
        ("--out", &*args.out),
        ("--journal", journal),
    ];
    for (place, (name, file)) in files.iter().enumerate() {
        for (other, same) in &files[place + 1..] {
            if whole(file) == whole(same) {
                return Err(Failure::Usage(format!(
                    "{name} and {other} are the same file, {}. Name another one.",
                    file.display()
                )));
            }
        }
    }
    Ok(())
}

/// The tasks of a file, or of standard input.
fn read_tasks(path: &Path) -> Result<Vec<BatchTask>, Failure> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = match name == "-" {
        true => io::stdin().lock().read_to_end(&mut bytes),
        false => File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|why| {
        Failure::Usage(format!(
            "The tasks {name} cannot be read: {why}. Name a file with one task on each line, or - for standard input."
        ))
    })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut tasks = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let task = read_task(line)
            .map_err(|why| Failure::Usage(format!("Line {number} of {name} is no task: {why}")))?;
        let id = task.id.clone().unwrap_or_else(|| tasks.len().to_string());
        if let Some(first) = places.insert(id.clone(), number) {
            return Err(Failure::Usage(format!(
                "Lines {first} and {number} of {name} have the same \"id\", {id:?}. Give each task another one (one \
                 without an \"id\" is called by its place, from 0)."
            )));
        }
        let checked = RunTasks::new([task.clone()]).check();
        checked.map_err(|why| {
            let why = why.message();
            let why = why
                .strip_prefix("The task with the index 0: ")
                .unwrap_or(why);
            Failure::Usage(format!("Line {number} of {name} is no task: {why}."))
        })?;
        tasks.push(task);
    }
    if tasks.is_empty() {
        return Err(Failure::Usage(format!(
            "{name} has no task. Write one on each line: {{\"message\": \"...\"}}."
        )));
    }
    Ok(tasks)
}

fn read_task(line: &[u8]) -> Result<BatchTask, String> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Err("it is not UTF-8. Save the file as UTF-8, and start again.".to_owned());
    };
    let value: Value = serde_json::from_str(text).map_err(|why| match line.first() {
        Some(b'{' | b'"') => format!("its JSON ends early or is wrong: {why}."),
        Some(b'[') => {
            "a list is not one task. Write one task on each line (`jq -c '.[]'` does it).".to_owned()
        }
        _ => "each line is a JSON object with \"message\", or a text in quotes (`jq -R .` makes such lines of plain \
              text)."
            .to_owned(),
    })?;
    if value.is_array() {
        return Err(
            "a list is not one task. Write one task on each line (`jq -c '.[]'` does it)."
                .to_owned(),
        );
    }
    serde_json::from_value(value).map_err(|why| format!("{}.", misread(&why.to_string())))
}

/// The file of results: each of them once.
struct Results {
    path: PathBuf,
    file: File,
    /// The session of each result that stands in it, by the id of its task.
    there: HashMap<String, String>,
}

impl Results {
    fn open(path: &Path, journal: &Path) -> Result<Self, Failure> {
        let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        if length(path) > 0 && length(journal) == 0 {
            return Err(Failure::Usage(format!(
                "{} has results already, but their journal {} is not there, so which tasks were sent is not known. \
                 Name the journal with --journal, or other results with --out.",
                path.display(),
                journal.display()
            )));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(|why| unwritable(path, &why))?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(Failure::Usage(format!(
                "--out is {}, which is no file. The results go to a file, so that they are there after a restart.",
                path.display()
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            there: HashMap::new(),
        })
    }

    /// Finds out which results stand in it. Half a line at its end, of a process that was
    /// killed, is cut off; with `retry_failed` the errors are taken out.
    fn read(&mut self, retry_failed: bool) -> Result<(), Failure> {
        let (mut length, mut number, mut kept, mut line) = (0, 0, Vec::new(), Vec::new());
        let mut lines = BufReader::new(&self.file);
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            read.map_err(|why| unwritable(&self.path, &why))?;
            if line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            length += line.len() as u64;
            let found = serde_json::from_slice::<Value>(&line).unwrap_or_default();
            let Some(id) = found["id"].as_str() else {
                return Err(Failure::Usage(format!(
                    "Line {number} of {} is no result of a batch. Put the file back as it was, or name another one \
                     with --out.",
                    self.path.display()
                )));
            };
            if retry_failed && found["status"] == "error" {
                continue;
            }
            if retry_failed {
                kept.extend_from_slice(&line);
            }
            let session_id = found["session_id"].as_str().unwrap_or_default();
            self.there.insert(id.to_owned(), session_id.to_owned());
        }
        match retry_failed {
            true => self.replace(&kept),
            false => self.cut(length),
        }
        .map_err(|why| unwritable(&self.path, &why))
    }

    /// Adds the result of a task, unless it stands there.
    fn write(&mut self, outcome: &TaskOutcome) -> Result<bool, Failure> {
        let session_id = session_of(outcome);
        let known = self.there.get(&outcome.id);
        if known.is_some_and(|known| *known == session_id) {
            return Ok(false);
        }
        let mut line = escaped(&line(outcome).to_string());
        line.push('\n');
        let written = match known {
            // The process was killed while it sent a task again that had failed.
            Some(_) => self.without(&outcome.id).and_then(|mut kept| {
                kept.extend_from_slice(line.as_bytes());
                self.replace(&kept)
            }),
            None => self.file.write_all(line.as_bytes()),
        };
        written.map_err(|why| unwritable(&self.path, &why))?;
        self.there.insert(outcome.id.clone(), session_id);
        Ok(true)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::End(0)).map(|_| ())
    }

    /// Writes all of it anew. What a process that is killed here loses is in the journal.
    fn replace(&mut self, text: &[u8]) -> io::Result<()> {
        self.cut(0)?;
        self.file.write_all(text)
    }

    fn without(&mut self, id: &str) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut text)?;
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let is_other = |line: &&[u8]| {
            serde_json::from_slice::<Value>(line).is_ok_and(|found| found["id"] != id)
        };
        Ok(lines.filter(is_other).flatten().copied().collect())
    }
}

fn unwritable(path: &Path, why: &io::Error) -> Failure {
    Failure::Local(format!(
        "The results {} cannot be written: {why}. Make room or see to its permissions; the same command again goes on \
         where it was.",
        path.display()
    ))
}

fn session_of(outcome: &TaskOutcome) -> String {
    match &outcome.result {
        Ok(result) => result.session_id.clone(),
        Err(error) => error.session_id().unwrap_or_default().to_owned(),
    }
}

fn line(outcome: &TaskOutcome) -> Value {
    match &outcome.result {
        Ok(result) => json!({
            "id": outcome.id,
            "status": "done",
            "text": result.text,
            "data": result.data,
            "session_id": result.session_id,
            "message_id": result.message_id,
            "duration": result.duration.as_secs_f64(),
            "metadata": result.metadata,
        }),
        Err(error) => json!({
            "id": outcome.id,
            "status": "error",
            "error": {
                "name": error.kind().name(),
                "status": error.status_code(),
                "message": error.to_string(),
                "code": error.code(),
                "reason": error.reason(),
                "maybe_delivered": error.maybe_delivered(),
            },
            "session_id": error.session_id(),
        }),
    }
}

/// What became of the tasks.
#[derive(Default)]
struct Tally {
    done: usize,
    failed: usize,
    unfinished: usize,
    /// Results that this command wrote.
    new: usize,
    /// Why the first one did not end.
    why: Option<Error>,
}

async fn follow(
    outcomes: &mut TaskOutcomes,
    results: &mut Results,
    count: usize,
    concurrency: usize,
    interrupt: &Interrupt,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut progress = Progress::new(count, concurrency);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let failure = loop {
        progress.show(&tally);
        let outcome = tokio::select! {
            biased;
            () = interrupt.wait() => break Failure::Interrupted,
            outcome = outcomes.next() => outcome,
            _ = seconds.tick(), if progress.is_shown => continue,
        };
        let Some(outcome) = outcome else {
            progress.end();
            return Ok(tally);
        };
        match (&outcome.result, outcome.unfinished) {
            (Err(error), true) => {
                // Nothing can be noted, or the key is wrong: no other task would fare better.
                if matches!(error.kind(), ErrorKind::Config | ErrorKind::Authentication) {
                    break Failure::Client(error.clone());
                }
                progress.end();
                note(&format!("task {}: {error}", word(&outcome.id)));
                tally.unfinished += 1;
                tally.why.get_or_insert_with(|| error.clone());
                continue;
            }
            (Err(_), false) => tally.failed += 1,
            (Ok(_), _) => tally.done += 1,
        }
        match results.write(&outcome) {
            Ok(new) => tally.new += usize::from(new),
            Err(failure) => break failure,
        }
        if let Some(left) = &outcome.undeleted {
            progress.end();
            note(&format!(
                "warning: the session of the task {} was not deleted: {left}",
                word(&outcome.id)
            ));
        }
    };
    progress.end();
    Err(failure)
}

/// The line on a terminal that is written again and again.
struct Progress {
    is_shown: bool,
    is_begun: bool,
    count: usize,
    concurrency: usize,
    begun: Instant,
    last: Option<Instant>,
}

impl Progress {
    fn new(count: usize, concurrency: usize) -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            is_begun: false,
            count,
            concurrency,
            begun: Instant::now(),
            last: None,
        }
    }

    fn show(&mut self, tally: &Tally) {
        let is_soon = self
            .last
            .is_some_and(|last| last.elapsed() < Duration::from_millis(100));
        if !self.is_shown || is_soon {
            return;
        }
        let over = tally.done + tally.failed + tally.unfinished;
        let running = self.concurrency.min(self.count - over.min(self.count));
        let seconds = self.begun.elapsed().as_secs();
        terminal::prompt(&format!(
            "\r\x1b[K{over}/{} over: {} done, {} failed, {} unfinished; {running} running, {}:{:02}",
            self.count,
            tally.done,
            tally.failed,
            tally.unfinished,
            seconds / 60,
            seconds % 60
        ));
        self.is_begun = true;
        self.last = Some(Instant::now());
    }

    /// Leaves the line, for another one.
    fn end(&mut self) {
        if std::mem::take(&mut self.is_begun) {
            terminal::prompt("\r\x1b[K");
        }
        self.last = None;
    }
}

/// Says what became of all.
async fn end(tally: &Tally, count: usize, json: bool, output: &Output) -> Result<(), Failure> {
    let Tally {
        done,
        failed,
        unfinished,
        new,
        ..
    } = tally;
    note(&format!(
        "{count} tasks: {done} done, {failed} failed, {unfinished} unfinished; {new} results are new"
    ));
    if json {
        let line = json!({
            "type": "batch", "tasks": count, "done": done, "failed": failed, "unfinished": unfinished, "new": new,
        });
        output.json(line.to_string()).await?;
    }
    match &tally.why {
        Some(_) => Err(Failure::Batch {
            text: format!(
                "{unfinished} of {count} tasks did not end. The same command again goes on with them, and sends no \
                 other task twice."
            ),
            status: 3,
        }),
        None if *failed > 0 => Err(Failure::Batch {
            text: format!(
                "{failed} of {count} tasks failed: their lines have the \"status\" \"error\". With --retry-failed the \
                 same command sends them once more."
            ),
            status: 1,
        }),
        None => Ok(()),
    }
}
