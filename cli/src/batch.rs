//! `sessionwire batch`: many tasks of a file by a journal, each result once in another file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use sessionwire::agi::{BatchTask, CreateSession, FanOutItem, RunTasks, TaskOutcomes};
use sessionwire::{Error, ErrorKind};

use crate::args::{Batch, Global, duration};
use crate::client;
use crate::failure::Failure;
use crate::files::check_target;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::results::Results;
use crate::screen::Status;
use crate::tasks::read_tasks;
use crate::terminal::{self, note, word};

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
    let bytes = tokio::select! {
        biased;
        () = interrupt.wait() => return Err(Failure::Interrupted),
        bytes = bytes_of(&args.tasks) => bytes?,
    };
    let (tasks, ids) = read_tasks(&args.tasks, &bytes)?;
    let count = tasks.len();
    let plan = plan(&args, tasks, &journal);
    plan.check()?;
    let client = client::connect(global)?;
    let mut results = Results::open(&args.out, &journal, ids)?;
    let mut outcomes = client.run_tasks(plan)?;
    // From here on no other process works by the journal.
    let ran = match results.begin(args.retry_failed) {
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
        terminal::interrupted("what was sent goes on in its session.");
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
            results.count()
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
    for (name, file) in [("--out", &*args.out), ("--journal", journal)] {
        if file == Path::new("-") {
            return Err(Failure::Usage(format!(
                "{name} is -, but it goes to a file, so that it is there after a restart. Name a file, such as \
                 results.jsonl (./- for one that is called so)."
            )));
        }
    }
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

/// What a file of tasks holds, or standard input. On a thread of its own: nothing can end a read
/// of a terminal.
async fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        match file == Path::new("-") {
            true => io::stdin().lock().read_to_end(&mut bytes),
            false => File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)),
        }
        .map(|_| bytes)
    });
    read.await.map_err(io::Error::other).flatten().map_err(|why| {
        Failure::Usage(format!(
            "The tasks {} cannot be read: {why}. Name a file with one task on each line, or - for standard input.",
            path.display()
        ))
    })
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
    let status = Status::begin(true);
    loop {
        status.say(standing(&tally, count, concurrency));
        let outcome = tokio::select! {
            biased;
            () = interrupt.wait() => return Err(Failure::Interrupted),
            outcome = outcomes.next() => outcome,
        };
        let Some(outcome) = outcome else {
            return Ok(tally);
        };
        match (&outcome.result, outcome.unfinished) {
            (Err(error), true) => {
                // Nothing can be noted, or the key is wrong: no other task would fare better.
                if matches!(error.kind(), ErrorKind::Config | ErrorKind::Authentication) {
                    return Err(Failure::Client(error.clone()));
                }
                note(&format!("task {}: {error}", word(&outcome.id)));
                tally.unfinished += 1;
                tally.why.get_or_insert_with(|| error.clone());
                continue;
            }
            (Err(_), false) => tally.failed += 1,
            (Ok(_), _) => tally.done += 1,
        }
        tally.new += usize::from(results.write(&outcome)?);
        if let Some(left) = &outcome.undeleted {
            note(&format!(
                "warning: the session of the task {} was not deleted: {left}",
                word(&outcome.id)
            ));
        }
    }
}

/// How things stand, in one line.
fn standing(tally: &Tally, count: usize, concurrency: usize) -> String {
    let over = tally.done + tally.failed + tally.unfinished;
    let running = concurrency.min(count - over.min(count));
    let Tally {
        done,
        failed,
        unfinished,
        ..
    } = tally;
    format!(
        "{over}/{count} over: {done} done, {failed} failed, {unfinished} unfinished; {running} running"
    )
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
