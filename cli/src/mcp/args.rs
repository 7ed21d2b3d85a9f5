//! The options of `sessionwire mcp`.

use std::path::PathBuf;

use url::{Origin, Url};

const HELP: &str = "\
Examples:
  sessionwire mcp
  sessionwire mcp --local
  sessionwire mcp --max-sessions 1 --max-minutes 10 --allow-origin https://shop.example
  sessionwire mcp --http 8420

A program that speaks the Model Context Protocol starts it, and talks to it by standard input and
output; docs/mcp.md has the lines for Claude Desktop, VS Code and Cursor. The tools of a service are
offered where its key is set: AGI_API_KEY, RACCOON_API_KEY. When the client goes, its tasks are cancelled
and its sessions deleted; those of a server that was killed are deleted when the next one starts.

With --http it listens on 127.0.0.1 alone. Clients send the token as `Authorization: Bearer TOKEN`.

Exit status: 0 the client left, or a signal ended it; 2 usage.";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Mcp {
    /// Use an emulator inside this program instead of the services: needs no key
    #[arg(long)]
    pub(crate) local: bool,
    /// Speak streamable HTTP on 127.0.0.1 at this port (0: any that is free)
    #[arg(long, value_name = "PORT")]
    pub(crate) http: Option<u16>,
    /// The file with the token of HTTP clients [default: SESSIONWIRE_MCP_TOKEN, else a new one on
    /// standard error]
    #[arg(long, value_name = "FILE", requires = "http")]
    pub(crate) token_file: Option<PathBuf>,
    /// How many sessions may be open at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = count)]
    pub(crate) max_sessions: usize,
    /// How long a task may take; then it is cancelled and its session deleted
    #[arg(long, value_name = "MINUTES", default_value = "60", value_parser = positive)]
    pub(crate) max_minutes: f64,
    /// How long a call waits for its task where the client shows no progress; then it comes back with
    /// the task's id
    #[arg(long, value_name = "SECONDS", default_value = "50", value_parser = positive)]
    pub(crate) max_wait: f64,
    /// How long a task goes on whose HTTP client left in the middle of its call, and may come back for
    /// the rest
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = positive)]
    pub(crate) client_grace: f64,
    /// An origin that the model may name pages of, as https://shop.example; repeat it for more
    /// [default: any]
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) allow_origin: Vec<Origin>,
    /// A folder whose files the model may upload; repeat it for more [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) allow_files: Vec<PathBuf>,
    /// Let the model steer and delete sessions that others opened with the same key
    #[arg(long)]
    pub(crate) all_sessions: bool,
    /// The agent
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// The file that notes which sessions are open [default: SESSIONWIRE_LEDGER, else mcp.ledger in the
    /// user's folder of states]
    #[arg(long, value_name = "PATH")]
    pub(crate) ledger: Option<String>,
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("give a whole number from 1".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("give a positive number, such as 30 or 0.5".to_owned()),
    }
}

fn origin(text: &str) -> Result<Origin, String> {
    let advice = "give a scheme and a host, such as https://shop.example or http://127.0.0.1:8000";
    let url = Url::parse(text).map_err(|why| format!("{why}; {advice}"))?;
    let is_bare =
        matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
    match url.scheme() {
        "http" | "https" if is_bare => Ok(url.origin()),
        "http" | "https" => Err(format!("it has more than an origin; {advice}")),
        _ => Err(advice.to_owned()),
    }
}
