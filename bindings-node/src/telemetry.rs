//! What spans say: the native half of `shared/telemetry.ts`.

use napi_derive::napi;
use sessionwire::telemetry;

/// What one span is told.
#[napi]
pub struct Trace {
    pub(crate) inner: telemetry::Trace,
}

#[napi]
impl Trace {
    /// A span's name, kind and attributes, as a JSON object.
    #[napi(catch_unwind)]
    pub fn span(
        &self,
        operation: String,
        session_id: Option<String>,
        agent: Option<String>,
        input: Option<String>,
    ) -> String {
        self.inner.span(
            &operation,
            session_id.as_deref(),
            agent.as_deref(),
            input.as_deref(),
        )
    }

    /// Headers that name the span to the service: pairs of name and value.
    #[napi(catch_unwind)]
    pub fn carry(&self, headers: Vec<Vec<String>>) {
        let pairs = headers.iter().filter_map(|pair| match &pair[..] {
            [name, value] => Some((name, value)),
            _ => None,
        });
        self.inner.carry(pairs);
    }

    /// What the spans of those of many tasks or turns are to say that are over by now: a JSON
    /// list.
    #[napi(catch_unwind)]
    pub fn runs(&self) -> String {
        self.inner.runs()
    }

    /// What a call brought, as a JSON object; `error` is what JavaScript knows, such as that
    /// it was aborted.
    #[napi(catch_unwind)]
    pub fn report(&self, error: Option<String>) -> String {
        self.inner.report(error.as_deref())
    }
}
