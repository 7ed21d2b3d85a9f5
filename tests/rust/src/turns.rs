//! The same for turns: a Raccoon client of an emulator.

use serde_json::{Value, json};
use sessionwire::raccoon::{Client, Event, RaccoonConfig, RaccoonOptions};
use sessionwire_emulator::Emulator;

pub use crate::fail;

/// A client of this emulator.
pub fn client(emulator: &Emulator) -> Client {
    client_with(emulator, json!({}))
}

/// A client with some options set.
pub fn client_with(emulator: &Emulator, options: Value) -> Client {
    let mut all = json!({"base_url": emulator.raccoon_url(), "api_key": emulator.api_key()});
    if let (Some(all), Value::Object(options)) = (all.as_object_mut(), options) {
        all.extend(options);
    }
    build(all).expect("the options are right")
}

/// A client from options alone, with an empty environment.
pub fn build(options: Value) -> sessionwire::Result<Client> {
    let (options, decode_frame, decode_answer) = hooks::taken_from(options);
    let mut options: RaccoonOptions = crate::read(options, sessionwire::ErrorKind::Config)?;
    options.decode_frame = decode_frame;
    options.decode_answer = decode_answer;
    Client::new(RaccoonConfig::resolve_with(options, &|_| None)?)
}

/// The functions that cases name.
mod hooks {
    use serde_json::{Value, json};
    use sessionwire::raccoon::{AnswerDecoder, FrameDecoder, HookError};

    /// Options without the hooks that they name, and those.
    pub(super) fn taken_from(
        mut options: Value,
    ) -> (Value, Option<FrameDecoder>, Option<AnswerDecoder>) {
        let mut named = |hook: &str| options.as_object_mut()?.remove(hook);
        let frame = named("decode_frame");
        let answer = named("decode_answer");
        let frame = frame.map(|name| FrameDecoder::new(decode_frame(name.as_str().unwrap())));
        let answer = answer.map(|name| AnswerDecoder::new(decode_answer(name.as_str().unwrap())));
        (options, frame, answer)
    }

    fn open_envelope(value: Value) -> Result<Value, HookError> {
        match value["envelope"].as_str() {
            Some(text) => Ok(serde_json::from_str(text)?),
            None => Ok(value),
        }
    }

    fn decode_frame(name: &str) -> fn(Value) -> Result<Option<Value>, HookError> {
        match name {
            "open_envelope" => |frame| match frame {
                Value::String(_) => Ok(None),
                frame => open_envelope(frame).map(Some),
            },
            "leave_out_thoughts" => {
                |frame| Ok(Some(frame).filter(|frame| frame["kind"] != "thought"))
            }
            "leave_out_ends" => {
                |frame| Ok(Some(frame).filter(|frame| frame["kind"] != "task.completed"))
            }
            "fail_at_text" => |frame| match frame["kind"] == "text" {
                true => Err("no such frame".into()),
                false => Ok(Some(frame)),
            },
            "give_a_number" => |frame| {
                let is_text = frame["kind"] == "text";
                Ok(Some(if is_text { json!(7) } else { frame }))
            },
            other => panic!("no hook is called {other}"),
        }
    }

    fn decode_answer(name: &str) -> fn(&str, u16, Value) -> Result<Value, HookError> {
        match name {
            "open_envelope" => |_, _, body| open_envelope(body),
            "fail" => |_, _, _| Err("no such response".into()),
            "give_nothing" => |_, _, _| Ok(Value::Null),
            other => panic!("no hook is called {other}"),
        }
    }
}

/// Sets what the agent does in turns.
pub fn script(emulator: &Emulator, turns: Value) {
    emulator.scenario(serde_json::from_value(json!({ "turns": turns })).expect("a scenario"));
}

/// The kinds of events, in their order.
pub fn kinds(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.event_type().name().to_owned())
        .collect()
}
