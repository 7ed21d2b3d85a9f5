//! How results and errors cross to JavaScript.

use napi::bindgen_prelude::{Buffer, Either3, Either4, Null};
use napi_derive::napi;
use sessionwire::agi::Output;
use sessionwire::{Error, ErrorKind};

/// An error as data.
#[napi(object)]
pub struct ErrorInfo {
    /// The error's fields as one JSON object.
    pub error: String,
}

/// A screenshot.
#[napi(object)]
pub struct Picture {
    /// Everything but the image, as a JSON object.
    pub json: String,
    /// The encoded image.
    pub image: Buffer,
}

/// What a call gives: JSON, an error, a picture, or null when it was cancelled.
pub type Answer = Either4<String, ErrorInfo, Picture, Null>;

/// A handle, an error, or null when the call was cancelled.
pub type Handle<T> = Either3<T, ErrorInfo, Null>;

impl From<Error> for ErrorInfo {
    fn from(error: Error) -> Self {
        Self {
            error: error.to_json(),
        }
    }
}

impl ErrorInfo {
    /// For parameters that the core cannot read.
    pub fn unreadable(error: &serde_json::Error) -> Self {
        Self::invalid(format!(
            "A parameter is not valid: {error}. Check the names and types of what you pass"
        ))
    }

    /// For options that the core cannot read.
    pub fn unreadable_options(error: &serde_json::Error) -> Self {
        Self::config(format!(
            "An option is not valid: {error}. Check the names and types of the options"
        ))
    }

    /// For parameters that make no sense.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Error::new(ErrorKind::InvalidRequest, why.to_string()).into()
    }

    /// For options that make no sense.
    pub fn config(why: impl std::fmt::Display) -> Self {
        Error::new(ErrorKind::Config, why.to_string()).into()
    }
}

/// The answer of a call that gives JSON.
pub fn json_answer(result: Result<String, Error>) -> Answer {
    match result {
        Ok(json) => Answer::A(json),
        Err(error) => Answer::B(error.into()),
    }
}

/// The answer of a call that was not cancelled.
pub fn answer(result: Result<Output, Error>) -> Answer {
    match result {
        Err(error) => Answer::B(error.into()),
        Ok(output @ Output::Screenshot(_)) => {
            let json = output.to_json();
            let image = output.into_image().map(Vec::from).unwrap_or_default();
            Answer::C(Picture {
                json,
                image: image.into(),
            })
        }
        Ok(output) => Answer::A(output.to_json()),
    }
}
