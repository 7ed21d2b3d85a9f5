//! `batch`: many tasks of a file.

use clap::Args;

use super::values::seconds;

const BATCH_HELP: &str = "\
Examples:
  sessionwire batch tasks.jsonl --out results.jsonl --concurrency 8
  sessionwire batch tasks.jsonl --out results.jsonl --retry-failed
  jq -R . prices.txt | sessionwire batch - --out prices.jsonl --start-url https://shop.example

Each line of TASKS is a text in quotes, or an object with \"message\" and, where they differ, \"id\",
\"start_url\", \"agent_name\", \"timeout\" and other parameters of a session. Without an \"id\" a task is
called by its place, from 0. Each result is one line of the file --out, as its task ends: \"id\",
\"status\" (done or error), \"text\" and \"data\" or \"error\", \"session_id\".

However often the command is killed: the same command again goes on where it was, by the journal.
No task is sent twice, and no result is written twice. Ctrl-C ends the command; what was sent goes
on in its session until the command is started again.

Exit status: 0 all done, 1 some tasks failed, 2 usage, 3 some tasks did not end, 130 interrupted.";

#[derive(Args)]
#[command(after_help = BATCH_HELP)]
pub(crate) struct Batch {
    /// The file of tasks, one on each line (-: standard input)
    pub(crate) tasks: std::path::PathBuf,
    /// The file to which each result is added
    #[arg(long, value_name = "FILE")]
    pub(crate) out: std::path::PathBuf,
    /// How many tasks run at once, at most
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) concurrency: usize,
    /// The file that says how far each task came [default: that of --out with .journal]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<std::path::PathBuf>,
    /// Send the tasks that failed once more
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// The agent of tasks that name none
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// The page to open first, of tasks that name none
    #[arg(long, value_name = "URL")]
    pub(crate) start_url: Option<String>,
    /// Give each task up after this long, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
}
