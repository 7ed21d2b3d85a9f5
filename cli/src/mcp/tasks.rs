//! Our tasks and turns as the protocol's Tasks extension has them: its states are ours.

use rmcp::model::{DetailedTask, ErrorData, Task, TaskPayload, TaskStatus};
use serde_json::Value;

use super::host::Host;
use super::jobs::{End, Job};
use super::questions::requests;
use super::replies::result_of;

/// How often a client shall look, in milliseconds.
const LOOK: u64 = 1_000;

/// What a client gets in place of the result of a call.
pub(super) fn seed(job: &Job, host: &Host) -> Task {
    let mut task = Task::new(
        &job.id,
        TaskStatus::Working,
        &job.created_at,
        job.changed_at(),
    );
    // It is kept beyond its end.
    let life = host.limits.life().as_millis().saturating_mul(2);
    task.ttl_ms = u64::try_from(life).ok();
    task.poll_interval_ms = Some(LOOK);
    let (said, _) = job.heard_after(0);
    task.status_message = said.into_iter().next_back();
    task
}

/// Where it is, and what it brought.
pub(super) fn detailed(job: &Job, host: &Host) -> Result<DetailedTask, ErrorData> {
    let payload = match (job.end(), job.question(), job.new_question()) {
        (Some(End::Cancelled), ..) => TaskPayload::Cancelled,
        // A question that the user leaves to the model is a result, too.
        (Some(_), ..) | (None, Some(_), None) => {
            let result = serde_json::to_value(result_of(job.report()));
            match result {
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => {
                    return Err(ErrorData::internal_error(
                        "The result cannot be written",
                        None,
                    ));
                }
            }
        }
        (None, Some(_), Some(question)) => TaskPayload::InputRequired {
            input_requests: requests(&question),
        },
        (None, None, _) => TaskPayload::Working,
    };
    Ok(DetailedTask::new(seed(job, host), payload))
}
