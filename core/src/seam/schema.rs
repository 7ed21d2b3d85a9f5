//! How the schema of the seam is made: `make generate` writes the bindings' types from it.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// What one service takes and gives.
pub(super) fn service(inputs: impl FnOnce(&mut Part), outputs: impl FnOnce(&mut Part)) -> Value {
    let mut taken = Part::new(SchemaSettings::draft2020_12().for_deserialize());
    inputs(&mut taken);
    let mut given = Part::new(SchemaSettings::draft2020_12().for_serialize());
    outputs(&mut given);
    json!({ "inputs": taken.finish(), "outputs": given.finish() })
}

/// Schemas that share their definitions.
pub(super) struct Part {
    generator: SchemaGenerator,
    roots: Map<String, Value>,
}

/// What each operation gives.
pub(super) struct Outputs<'a> {
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

    pub(super) fn root<T: JsonSchema>(&mut self, name: &str) {
        let schema = T::json_schema(&mut self.generator);
        self.roots.insert(name.to_owned(), schema.into());
    }

    /// A type that is handed over apart from operations.
    pub(super) fn define<T: JsonSchema>(&mut self) {
        self.generator.subschema_for::<T>();
    }

    pub(super) fn group(&mut self, name: &str, fill: impl FnOnce(&mut Outputs<'_>)) {
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
    pub(super) fn gives<T: JsonSchema>(&mut self, operations: &[&str]) {
        let schema: Schema = self.generator.subschema_for::<T>();
        for operation in operations {
            let name = (*operation).to_owned();
            self.by_operation.insert(name, schema.clone().into());
        }
    }
}
