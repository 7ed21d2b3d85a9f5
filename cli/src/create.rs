//! `sessionwire sessions create`: a session that stays.

use serde_json::json;
use sessionwire::agi::{CreateSession, SnapshotOptions};

use crate::args::{self, Create, Global, NewSession, Snapshot};
use crate::client::{options, without_ledger};
use crate::control::fields;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::reply::{Reply, show};
use crate::stop::CREATE_GRACE;
use crate::terminal::{end_line, note};

pub(crate) async fn run(
    args: Create,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let quiet = args.quiet && !global.json;
    // It shall outlive this program.
    let client = without_ledger(options(global))?;
    let sessions = client.sessions();
    let created = tokio::select! {
        biased;
        () = interrupt.wait() => {
            end_line();
            Err(Failure::Interrupted)
        }
        created = sessions.create(session_of(&args.new)) => created.map_err(Failure::from),
    };
    let Ok(session) = &created else {
        client.close();
        for left in client.settle(CREATE_GRACE).await {
            note(&format!("warning: {left}"));
        }
        return created.map(drop);
    };
    let lines = match quiet {
        true => vec![session.id().to_owned()],
        false => fields(session.info()),
    };
    show(&Reply::of(&json!(session.info()), lines), global, output).await
}

/// What the options of a new session say.
pub(crate) fn session_of(args: &NewSession) -> CreateSession {
    let mut create = CreateSession::new(&args.agent);
    create.webhook_url.clone_from(&args.webhook_url);
    create
        .restore_from_session_id
        .clone_from(&args.restore_from);
    create
        .restore_default_environment_from_user_id
        .clone_from(&args.restore_default_of);
    create
        .restore_from_environment_id
        .clone_from(&args.restore_environment);
    create.enable_memory_snapshot = match (args.memory_snapshot, args.no_memory_snapshot) {
        (false, false) => None,
        (is_wanted, _) => Some(is_wanted),
    };
    create.goal.clone_from(&args.goal);
    create.max_steps = args.max_steps;
    create.agent_session_type.clone_from(&args.session_type);
    create.cdp_url.clone_from(&args.cdp_url);
    create.environment_type.clone_from(&args.environment_type);
    create.wait_for_limit = args.wait_for_limit.map(args::duration);
    create
}

/// What a delete keeps.
pub(crate) fn snapshot_of(args: &Snapshot) -> Result<SnapshotOptions, Failure> {
    if args.save_as_default && args.save_snapshot.as_deref() == Some("none") {
        return Err(Failure::Usage(
            "--save-as-default needs something that is saved. Use it with --save-snapshot memory or filesystem."
                .to_owned(),
        ));
    }
    let mut snapshot = SnapshotOptions::new();
    snapshot.save_snapshot_mode.clone_from(&args.save_snapshot);
    snapshot.save_as_default = args.save_as_default.then_some(true);
    Ok(snapshot)
}
