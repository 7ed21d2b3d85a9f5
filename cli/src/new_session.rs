//! What the options of a session say, as the client takes it.

use sessionwire::agi::{CreateSession, SnapshotOptions};

use crate::args::{self, NewSession, Snapshot};
use crate::failure::Failure;

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
