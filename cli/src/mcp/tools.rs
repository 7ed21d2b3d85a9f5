//! The tools: what is offered, and which function does it.

use std::sync::{Arc, OnceLock};

use rmcp::model::{CallToolRequestParams, CallToolResponse, ErrorData, InputResponses, Tool};

use super::arguments::Arguments;
use super::call::Call;
use super::host::Host;
use super::jobs::Job;
use super::replies::{Answer, Refusal, result_of};
use super::{agi, questions, raccoon};

/// Names, descriptions and schemas; without what some models' services refuse, such as `$ref`,
/// `anyOf` and `additionalProperties`.
const TOOLS: &str = include_str!("tools.json");

/// All of them.
fn all() -> &'static [Tool] {
    static ALL: OnceLock<Vec<Tool>> = OnceLock::new();
    ALL.get_or_init(|| serde_json::from_str(TOOLS).unwrap_or_default())
}

/// Those of the services that can be used.
pub(super) fn offered(host: &Host) -> Vec<Tool> {
    let is_offered = |tool: &&Tool| match is_of_raccoon(&tool.name) {
        true => host.raccoon.is_some(),
        false => host.agi.is_some(),
    };
    all().iter().filter(is_offered).cloned().collect()
}

fn is_of_raccoon(tool: &str) -> bool {
    tool.contains("turn") || tool.contains("raccoon")
}

/// Does what a tool is for.
pub(super) async fn call(
    mut call: Call<'_>,
    request: CallToolRequestParams,
) -> Result<CallToolResponse, ErrorData> {
    let tool = &*request.name;
    if !offered(call.host)
        .iter()
        .any(|offered| offered.name == tool)
    {
        let names: Vec<_> = offered(call.host)
            .into_iter()
            .map(|tool| tool.name)
            .collect();
        return Err(ErrorData::invalid_params(
            format!(
                "There is no tool {tool:?}. Call one of {}.",
                names.join(", ")
            ),
            None,
        ));
    }
    let arguments = Arguments::new(request.arguments);
    let kind = match tool {
        "run_task" => Some("task"),
        "run_turn" => Some("turn"),
        _ => None,
    };
    if let Some(kind) = kind {
        let job = match request.request_state {
            // The call that was answered, once more.
            Some(id) => {
                let answers = request.input_responses.unwrap_or_default();
                answered(&call, kind, &id, answers).await
            }
            None => start(&call, kind, arguments, true).await,
        };
        return Ok(match job {
            Ok(job) => call.run(&job).await,
            Err(refusal) => result_of(Err(refusal)).into(),
        });
    }
    let answer: Answer = match tool {
        "start_task" => started(start(&call, "task", arguments, false).await),
        "wait_task" => agi::wait(&mut call, arguments).await,
        "answer_question" => agi::answer(&call, arguments).await,
        "pause_task" => agi::pause(&call, arguments, true).await,
        "resume_task" => agi::pause(&call, arguments, false).await,
        "cancel_task" => agi::cancel(&call, arguments).await,
        "navigate" => agi::navigate(&call, arguments).await,
        "take_screenshot" => agi::screenshot(&call, arguments).await,
        "list_sessions" => agi::list(&call, arguments).await,
        "read_history" => agi::history(&call, arguments).await,
        "delete_session" => agi::delete(&call, arguments).await,
        "start_turn" => started(start(&call, "turn", arguments, false).await),
        "wait_turn" => raccoon::wait(&mut call, arguments).await,
        "send_to_turn" => raccoon::send(&call, arguments).await,
        "cancel_turn" => raccoon::cancel(&call, arguments).await,
        "list_raccoon_sessions" => raccoon::list(&call, arguments).await,
        "read_raccoon_history" => raccoon::history(&call, arguments).await,
        "delete_raccoon_session" => raccoon::delete(&call, arguments).await,
        _ => Err(Refusal::new("This tool does nothing.")),
    };
    Ok(result_of(answer).into())
}

type Started = Result<Arc<Job>, Refusal>;

async fn start(call: &Call<'_>, kind: &str, arguments: Arguments, is_run: bool) -> Started {
    match kind {
        "turn" => raccoon::start(call, arguments, is_run).await,
        _ => agi::start(call, arguments, is_run).await,
    }
}

async fn answered(call: &Call<'_>, kind: &str, id: &str, answers: InputResponses) -> Started {
    let job = call.host.job(kind, id)?;
    questions::take_answers(&job, answers).await?;
    Ok(job)
}

/// What the model gets of one that was started.
fn started(job: Started) -> Answer {
    job?.report()
}
