//! `sessionwire sessions create`: a session that stays.

use serde_json::json;
use sessionwire::agi::CreateSession;

use crate::args::{self, Create, Global};
use crate::client::{options, without_ledger};
use crate::control::fields;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::reply::{Reply, show};
use crate::task::CREATE_GRACE;
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
        created = sessions.create(session_of(args)) => created.map_err(Failure::from),
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

fn session_of(args: Create) -> CreateSession {
    let mut create = CreateSession::new(args.agent);
    create.webhook_url = args.webhook_url;
    create.restore_from_session_id = args.restore_from;
    create.restore_default_environment_from_user_id = args.restore_default_of;
    create.restore_from_environment_id = args.restore_environment;
    create.enable_memory_snapshot = args.memory_snapshot.then_some(true);
    create.goal = args.goal;
    create.max_steps = args.max_steps;
    create.agent_session_type = args.session_type;
    create.cdp_url = args.cdp_url;
    create.environment_type = args.environment_type;
    create.wait_for_limit = args.wait_for_limit.map(args::duration);
    create
}
