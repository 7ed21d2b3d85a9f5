//! `sessionwire sessions create`: a session that stays.

use serde_json::json;

use crate::args::{Create, Global};
use crate::client::{options, without_ledger};
use crate::control::fields;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::new_session::session_of;
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
