//! What an agent asks, as the protocol asks a user, and what comes back.

use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    InputRequest, InputRequests, InputResponses, PrimitiveSchemaDefinition, StringSchema,
};
use sessionwire::agi::Event;

use super::jobs::Job;
use super::replies::Refusal;
use crate::terminal::visible;

/// Takes what the user answered, by whichever way it came.
pub(super) async fn take_answers(job: &Job, responses: InputResponses) -> Result<(), Refusal> {
    let Some(question) = job.question() else {
        return Ok(());
    };
    let Some(given) = responses
        .into_iter()
        .find(|(key, _)| *key == key_of(&question))
    else {
        return Ok(());
    };
    let result = serde_json::from_value::<ElicitResult>(given.1).ok();
    match result.as_ref().and_then(answer_of) {
        Some(answer) => drop(job.answer(&answer, &question).await?),
        None => job.decline(&question),
    }
    Ok(())
}

/// What the client is to ask the user.
pub(super) fn requests(question: &Event) -> InputRequests {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(question)));
    InputRequests::from([(key_of(question), request)])
}

fn key_of(question: &Event) -> String {
    match question.id() {
        Some(id) => format!("question-{id}"),
        None => "question".to_owned(),
    }
}

/// The form that has one answer.
pub(super) fn form(question: &Event) -> ElicitRequestParams {
    let answer = StringSchema::new()
        .title("Answer")
        .description("What the agent is told");
    let properties = [(
        "answer".to_owned(),
        PrimitiveSchemaDefinition::String(answer),
    )];
    let mut schema = ElicitationSchema::new(properties.into());
    schema.required = Some(vec!["answer".to_owned()]);
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: format!("The agent asks: {}", visible(&question.text())),
        requested_schema: schema,
    }
}

/// The answer, where the user gave one.
pub(super) fn answer_of(result: &ElicitResult) -> Option<String> {
    if result.action != ElicitationAction::Accept {
        return None;
    }
    let answer = result.content.as_ref()?.get("answer")?.as_str()?.trim();
    (!answer.is_empty()).then(|| answer.to_owned())
}
