//! The schema of the seam: `make generate` writes the bindings' types from it.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::{agi as agi_types, raccoon as raccoon_types, responses};

/// Both services' operations, and what each gives.
pub fn schema() -> Value {
    json!({ "agi": agi(), "raccoon": raccoon() })
}

fn agi() -> Value {
    use super::agi::{Check, Operation, TaskOperation};
    use agi_types::*;
    let mut inputs = Part::new(SchemaSettings::draft2020_12().for_deserialize());
    inputs.root::<Operation>("Operation");
    inputs.root::<TaskOperation>("TaskOperation");
    inputs.root::<Check>("Check");
    inputs.define::<StartTask>();
    inputs.define::<RunTasks>();
    let mut outputs = Part::new(SchemaSettings::draft2020_12().for_serialize());
    outputs.group("Outputs", |of| {
        of.gives::<SessionInfo>(&["create_session", "get_session"]);
        of.gives::<Vec<SessionInfo>>(&["list_sessions"]);
        of.gives::<responses::DeleteResult>(&[
            "delete_session",
            "end_session",
            "delete_all_sessions",
        ]);
        of.gives::<Vec<CleanupReport>>(&["cleanup"]);
        of.gives::<responses::SuccessResult>(&[
            "send_message",
            "pause",
            "resume",
            "cancel",
            "stop",
        ]);
        of.gives::<ExecutionStatus>(&["execution_status", "wait"]);
        of.gives::<Messages>(&["messages"]);
        of.gives::<NextMessages>(&["next_messages"]);
        of.gives::<Recording>(&["record"]);
        of.gives::<Navigation>(&["navigate"]);
        of.gives::<Screenshot>(&["screenshot"]);
        of.gives::<Vec<String>>(&["models"]);
        of.gives::<RawResponse>(&["request"]);
    });
    outputs.group("TaskOutputs", |of| {
        of.gives::<responses::SuccessResult>(&[
            "answer",
            "send_message",
            "pause",
            "resume",
            "cancel",
        ]);
        of.gives::<ExecutionStatus>(&["status"]);
        of.gives::<TaskResult>(&["result"]);
    });
    json!({ "inputs": inputs.finish(), "outputs": outputs.finish() })
}

fn raccoon() -> Value {
    use super::raccoon::{Check, Operation, TurnOperation};
    use raccoon_types::*;
    let mut inputs = Part::new(SchemaSettings::draft2020_12().for_deserialize());
    inputs.root::<Operation>("Operation");
    inputs.root::<TurnOperation>("TurnOperation");
    inputs.root::<Check>("Check");
    inputs.define::<StartTurn>();
    inputs.define::<Attach>();
    inputs.define::<Upload>();
    let mut outputs = Part::new(SchemaSettings::draft2020_12().for_serialize());
    outputs.define::<TurnState>();
    outputs.group("Outputs", |of| {
        of.gives::<SessionPage>(&["list_sessions"]);
        of.gives::<History>(&["get_session"]);
        of.gives::<responses::SuccessResult>(&["rename_session"]);
        of.gives::<responses::DeleteResult>(&["delete_session", "end_session"]);
        of.gives::<RawResponse>(&["request"]);
    });
    outputs.group("TurnOutputs", |of| {
        of.gives::<responses::SuccessResult>(&["send_message"]);
        of.gives::<StopResult>(&["stop"]);
        of.gives::<TurnResult>(&["result"]);
    });
    json!({ "inputs": inputs.finish(), "outputs": outputs.finish() })
}

/// Schemas that share their definitions.
struct Part {
    generator: SchemaGenerator,
    roots: Map<String, Value>,
}

/// What each operation gives.
struct Outputs<'a> {
    generator: &'a mut SchemaGenerator,
    by_operation: Map<String, Value>,
}

impl Part {
    fn new(settings: SchemaSettings) -> Self {
        Self {
            generator: settings.into_generator(),
            roots: Map::new(),
        }
    }

    fn root<T: JsonSchema>(&mut self, name: &str) {
        let schema = T::json_schema(&mut self.generator);
        self.roots.insert(name.to_owned(), schema.into());
    }

    /// A type that is handed over apart from operations.
    fn define<T: JsonSchema>(&mut self) {
        self.generator.subschema_for::<T>();
    }

    fn group(&mut self, name: &str, fill: impl FnOnce(&mut Outputs<'_>)) {
        let mut outputs = Outputs {
            generator: &mut self.generator,
            by_operation: Map::new(),
        };
        fill(&mut outputs);
        let by_operation = outputs.by_operation;
        self.roots.insert(name.to_owned(), by_operation.into());
    }

    fn finish(mut self) -> Value {
        json!({ "roots": self.roots, "definitions": self.generator.take_definitions(true) })
    }
}

impl Outputs<'_> {
    fn gives<T: JsonSchema>(&mut self, operations: &[&str]) {
        let schema: Schema = self.generator.subschema_for::<T>();
        for operation in operations {
            let name = (*operation).to_owned();
            self.by_operation.insert(name, schema.clone().into());
        }
    }
}
