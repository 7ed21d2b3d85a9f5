//! What may be written for the value of an option.

use serde_json::{Value, json};
use sessionwire::meaning::misread;
use sessionwire::raccoon::{RaccoonOptions, TextMode, UploadedFile, WireNames};
use sessionwire_emulator::{Dialect, Fault};

/// A time: a number of seconds, or of what its unit says.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let end = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => 0.0,
    };
    match number.trim_end().parse::<f64>() {
        Ok(number) if number * unit > 0.0 && (number * unit).is_finite() => Ok(number * unit),
        _ => Err(
            "give a positive number of seconds, such as 30 or 0.5, or a time such as 5m, 2h or 7d"
                .to_owned(),
        ),
    }
}

/// A time that may be none at all.
pub(super) fn seconds_or_none(text: &str) -> Result<f64, String> {
    match text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .parse()
    {
        Ok(0.0) => Ok(0.0),
        _ => seconds(text),
    }
}

pub(super) fn dialect(text: &str) -> Result<Box<Dialect>, String> {
    serde_json::from_str(text).map_err(|error| {
        let why = misread(&error.to_string());
        format!("{why}; give an object such as {{\"payload\": \"data\"}}")
    })
}

/// A number of seconds that was checked.
pub(crate) fn duration(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX)
}

pub(super) fn wire(text: &str) -> Result<Box<WireNames>, String> {
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        std::fs::read_to_string(text)
            .map_err(|error| format!("it is neither a JSON object nor a file to read ({error})"))?
    };
    // A client's options say which name is not as it should be.
    let read = serde_json::from_str(&json)
        .and_then(|wire: Value| serde_json::from_value(json!({ "wire": wire })));
    let options: RaccoonOptions = read.map_err(|error| {
        let why = misread(error.to_string().trim_start_matches("wire: "));
        format!("{why}; give an object such as {{\"prompt\": [\"task\"]}}")
    })?;
    Ok(Box::new(options.wire))
}

/// Whether a text names a place in a turn's stream (docs/spec/raccoon.md, section 5.6).
pub(crate) fn is_entry(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-')
        .is_some_and(|(at, number)| is_number(at) && is_number(number))
}

pub(super) fn entry(text: &str) -> Result<String, String> {
    match is_entry(text) {
        true => Ok(text.to_owned()),
        false => Err("give the `stream_entry_id` of an event, such as 1772615727418-0".to_owned()),
    }
}

pub(super) fn text_mode(text: &str) -> Result<TextMode, String> {
    serde_json::from_value(text.into()).map_err(|_| "use auto, delta or cumulative".to_owned())
}

pub(super) fn uploaded(text: &str) -> Result<UploadedFile, String> {
    serde_json::from_str(text).map_err(|error| {
        let why = misread(&error.to_string());
        format!("{why}; give the line that `sessionwire raccoon upload --json` printed")
    })
}

pub(super) fn fault(text: &str) -> Result<Fault, String> {
    let fault: Fault = text.parse().map_err(|error| format!("{error}"))?;
    fault.validate().map_err(|error| error.to_string())?;
    Ok(fault)
}
