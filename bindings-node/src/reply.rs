//! How results and errors cross to JavaScript.

use napi::bindgen_prelude::{Buffer, Either, Either3, Either4, Null, ToNapiValue};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use sessionwire::meaning::misread;
use sessionwire::{Error, ErrorKind, seam};

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
pub type Reply = Either4<String, ErrorInfo, Picture, Null>;

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
            "A parameter is not valid: {}. Check the names and types of what you pass",
            misread(&error.to_string())
        ))
    }

    /// For options that the core cannot read.
    pub fn unreadable_options(error: &serde_json::Error) -> Self {
        Self::config(format!(
            "An option is not valid: {}. Check the names and types of the options",
            misread(&error.to_string())
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

/// Reads the parameters of a call.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, ErrorInfo> {
    serde_json::from_str(json).map_err(|error| ErrorInfo::unreadable(&error))
}

/// Reads the options of a client.
pub fn read_options<T: DeserializeOwned>(json: &str) -> Result<T, ErrorInfo> {
    serde_json::from_str(json).map_err(|error| ErrorInfo::unreadable_options(&error))
}

/// A result as JavaScript gets it.
pub fn either<T>(result: Result<T, ErrorInfo>) -> Either<T, ErrorInfo> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error),
    }
}

/// What became of a call; `None`: it was cancelled.
pub type Outcome<T> = Result<Option<T>, ErrorInfo>;

/// The reply of a call that gives a handle, which `make` wraps.
pub fn handle<T, H>(outcome: Outcome<T>, make: impl FnOnce(T) -> H) -> Handle<H> {
    match outcome {
        Ok(Some(value)) => Handle::A(make(value)),
        Err(error) => Handle::B(error),
        Ok(None) => Handle::C(Null),
    }
}

/// The reply of a call of Raccoon.
pub fn turn_reply(outcome: Outcome<seam::raccoon::Output>) -> Reply {
    let taken = outcome.and_then(|output| {
        let output = output.map(seam::raccoon::Output::take).transpose()?;
        Ok(output)
    });
    match taken {
        Ok(Some(output)) => Reply::A(output.to_json()),
        Err(error) => Reply::B(error),
        Ok(None) => Reply::D(Null),
    }
}

/// A reply of AGI, and the session that is deleted unless JavaScript has it.
pub struct Delivery {
    reply: Reply,
    created: Option<seam::agi::Output>,
}

impl ToNapiValue for Delivery {
    unsafe fn to_napi_value(
        env: napi::sys::napi_env,
        delivery: Self,
    ) -> napi::Result<napi::sys::napi_value> {
        // SAFETY: the caller's promise about `env` is passed on.
        let value = unsafe { Reply::to_napi_value(env, delivery.reply) }?;
        if let Some(created) = delivery.created {
            // A created session is no error.
            let _ = created.take();
        }
        Ok(value)
    }
}

/// The reply of a call of AGI.
pub fn reply(outcome: Outcome<seam::agi::Output>) -> Delivery {
    let created = match &outcome {
        Ok(Some(output @ seam::agi::Output::Created(_))) => Some(output.clone()),
        _ => None,
    };
    let taken = outcome.and_then(|output| match output {
        Some(output @ seam::agi::Output::Ended(_)) => Ok(Some(output.take()?)),
        output => Ok(output),
    });
    let reply = agi_reply(taken);
    Delivery { reply, created }
}

fn agi_reply(outcome: Outcome<seam::agi::Output>) -> Reply {
    match outcome {
        Ok(Some(output @ seam::agi::Output::Screenshot(_))) => {
            let json = output.to_json();
            let image = output.into_image().map(Vec::from).unwrap_or_default();
            Reply::C(Picture {
                json,
                image: image.into(),
            })
        }
        Ok(Some(output)) => Reply::A(output.to_json()),
        Err(error) => Reply::B(error),
        Ok(None) => Reply::D(Null),
    }
}
