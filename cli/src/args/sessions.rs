//! `sessions`: their creation, their list, their end.

use clap::{Args, Subcommand};

use super::values::seconds;

const CREATE_HELP: &str = "\
Examples:
  S=$(sessionwire sessions create --quiet)
  sessionwire send \"$S\" \"Find the cheapest mug\" && sessionwire wait \"$S\" && sessionwire messages \"$S\"
  sessionwire sessions delete \"$S\"

The session is open, and costs, until it is deleted.";

/// How a session is created.
#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) new: NewSession,
    /// Print the session's id only
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// What a session can be created with.
#[derive(Args)]
pub(crate) struct NewSession {
    /// The agent
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// Where the service reports the session's events
    #[arg(long, value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
    /// Restore the snapshot of this deleted session
    #[arg(long, value_name = "SESSION")]
    pub(crate) restore_from: Option<String>,
    /// Restore the default environment of this user
    #[arg(long, value_name = "USER")]
    pub(crate) restore_default_of: Option<String>,
    /// Restore this environment
    #[arg(long, value_name = "ID")]
    pub(crate) restore_environment: Option<String>,
    /// Let a restore use the memory snapshot, which is faster
    #[arg(long, overrides_with = "no_memory_snapshot")]
    pub(crate) memory_snapshot: bool,
    /// Restore the file system alone, which is slower and more reliable
    #[arg(long, overrides_with = "memory_snapshot")]
    pub(crate) no_memory_snapshot: bool,
    /// The session's goal
    #[arg(long, value_name = "TEXT")]
    pub(crate) goal: Option<String>,
    /// The most steps of a task
    #[arg(long, value_name = "N")]
    pub(crate) max_steps: Option<u32>,
    /// managed-cdp, external-cdp or desktop
    #[arg(long, value_name = "TYPE")]
    pub(crate) session_type: Option<String>,
    /// The browser to drive, of an external-cdp
    #[arg(long, value_name = "URL")]
    pub(crate) cdp_url: Option<String>,
    /// chrome-1 or ubuntu-1
    #[arg(long, value_name = "TYPE")]
    pub(crate) environment_type: Option<String>,
    /// How long to wait while the service has no room for another session
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) wait_for_limit: Option<f64>,
}

/// What a delete keeps of a session.
#[derive(Args)]
pub(crate) struct Snapshot {
    /// What to save of the session when it is deleted, for --restore-from: memory or filesystem
    #[arg(long, value_name = "MODE", value_parser = ["none", "memory", "filesystem"], hide_possible_values = true)]
    pub(crate) save_snapshot: Option<String>,
    /// Make what is saved the user's default environment, too
    #[arg(long, requires = "save_snapshot")]
    pub(crate) save_as_default: bool,
}

/// A consent.
#[derive(Args)]
pub(crate) struct Yes {
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// Create a session and print what it is; it stays until it is deleted
    #[command(after_help = CREATE_HELP)]
    Create(Box<Create>),
    /// List your sessions
    #[command(visible_alias = "ls")]
    List {
        /// Only sessions with this status; repeat it for more
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
    },
    /// Show one session
    Get(Session),
    /// Delete sessions; one that is gone is no error
    #[command(visible_alias = "rm")]
    Delete {
        /// The ids of the sessions
        #[arg(id = "session", value_name = "SESSION", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        snapshot: Snapshot,
    },
    /// Delete the sessions that have ended; print what became of each
    Cleanup {
        /// Only sessions that were created longer ago than this, such as 3600, 2h or 7d
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        older_than: Option<f64>,
        /// Only sessions with this status; repeat it for more [default: completed, error]
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
    },
    /// Delete the sessions that dead processes left, by their ledger; print what became of each
    Reap {
        /// The file in which the processes note their sessions [default: `SESSIONWIRE_LEDGER`]
        #[arg(long, value_name = "PATH")]
        ledger: Option<String>,
        /// Only sessions that were created longer ago than this, such as 3600, 2h or 7d
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        older_than: Option<f64>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Delete ALL your sessions and cancel their tasks
    DeleteAll(Yes),
}

#[derive(Args)]
pub(crate) struct Session {
    /// The session's id
    #[arg(id = "session", value_name = "SESSION")]
    pub(crate) id: String,
}
