//! The configuration of a Raccoon client.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::hooks::{AnswerDecoder, FrameDecoder};
use super::wire_names::{FrameEncoder, WireNames};
use crate::config::{
    AtAddress, ClientConfig, ClientOptions, Lookup, OptionChanges, Service, environment,
    without_user,
};
use crate::error::{Error, Result};
use crate::setters::setters;

/// What a caller may set: a client's options, and what only Raccoon has. As
/// JSON they are one flat object.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RaccoonOptions {
    /// The API key (default: `RACCOON_API_KEY`), the address (default:
    /// `RACCOON_BASE_URL`, else `https://api.raccoonai.tech`), limits and TLS.
    pub client: ClientOptions,
    /// The address of the WebSockets, `wss://...`. Default: the base URL with
    /// ws for http.
    pub websocket_url: Option<String>,
    /// Other names for what the documentation leaves open.
    pub wire: WireNames,
    /// Writes the frames that are sent on a turn's socket. Default: as `wire` says.
    pub encode_frame: Option<FrameEncoder>,
    /// Brings each frame of a turn into the documented form before it is read.
    /// Default: frames are read as `wire` says.
    pub decode_frame: Option<FrameDecoder>,
    /// Brings the response to each operation into the documented form before it
    /// is read. Default: responses are read as `wire` says.
    pub decode_answer: Option<AnswerDecoder>,
    /// Starts no more turns at once than the service allows
    /// (docs/spec/raccoon.md, section 6): further ones wait here for a place,
    /// for the client's `wait_for_limit`, or its `timeout` where that is not
    /// set. A turn that nobody follows any more keeps its place until the history
    /// says that it is over, for at most 10 minutes. Default: false.
    pub respect_max_concurrent: bool,
}

impl RaccoonOptions {
    /// The defaults: everything comes from the environment.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(RaccoonOptions {
    client: ClientOptions,
    websocket_url?: into String,
    wire: WireNames,
    encode_frame?: FrameEncoder,
    decode_frame?: FrameDecoder,
    decode_answer?: AnswerDecoder,
    respect_max_concurrent: bool,
});

impl fmt::Debug for RaccoonOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Options are shown before they are checked: somebody may have put the
        // key, or a password, into the address.
        let websocket_url = self.websocket_url.as_deref();
        let key = self.client.api_key.as_ref();
        let websocket_url = websocket_url.map(|url| match key {
            Some(key) => key.redact(without_user(url)),
            None => without_user(url).to_owned(),
        });
        f.debug_struct("RaccoonOptions")
            .field("client", &self.client)
            .field("websocket_url", &websocket_url)
            .field("wire", &self.wire)
            .field("encode_frame", &self.encode_frame)
            .field("decode_frame", &self.decode_frame)
            .field("decode_answer", &self.decode_answer)
            .field("respect_max_concurrent", &self.respect_max_concurrent)
            .finish()
    }
}

impl<'de> Deserialize<'de> for RaccoonOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let mut own = |name: &str| fields.remove(name).filter(|value| !value.is_null());
        let websocket_url = own("websocket_url")
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| D::Error::custom(format!("websocket_url: {error}")))?;
        let wire = own("wire")
            .map(wire_of)
            .transpose()
            .map_err(|why| D::Error::custom(format!("wire: {why}")))?;
        let respect_max_concurrent = own("respect_max_concurrent")
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| D::Error::custom(format!("respect_max_concurrent: {error}")))?;
        Ok(Self {
            client: serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)?,
            websocket_url,
            wire: wire.unwrap_or_default(),
            encode_frame: None,
            decode_frame: None,
            decode_answer: None,
            respect_max_concurrent: respect_max_concurrent.unwrap_or_default(),
        })
    }
}

/// Reads names, and says which one is of a wrong type.
fn wire_of(names: Value) -> Result<WireNames, String> {
    serde_json::from_value(names.clone()).map_err(|error| {
        let is_odd = |(name, value): &(&String, &Value)| {
            let alone = Map::from_iter([((*name).clone(), (*value).clone())]);
            serde_json::from_value::<WireNames>(Value::Object(alone)).is_err()
        };
        let odd = names
            .as_object()
            .and_then(|names| names.iter().find(is_odd));
        match odd {
            Some((name, _)) if error.to_string().starts_with("invalid") => {
                format!("`{name}`: {error}")
            }
            _ => error.to_string(),
        }
    })
}

/// Checked configuration of one Raccoon client.
#[derive(Debug, Clone)]
pub struct RaccoonConfig {
    pub(super) rest: ClientConfig,
    /// The same at the address of the WebSockets.
    pub(super) sockets: ClientConfig,
    pub(super) wire: WireNames,
    pub(super) dialect: Arc<Dialect>,
    pub(super) encode_frame: Option<FrameEncoder>,
    pub(super) decode_frame: Option<FrameDecoder>,
    pub(super) decode_answer: Option<AnswerDecoder>,
    pub(super) respect_max_concurrent: bool,
}

impl RaccoonConfig {
    /// A text without the key.
    pub(crate) fn redacted(&self, text: &str) -> String {
        self.rest.api_key.redact(text)
    }

    /// Completes `options` from the process environment and checks them.
    ///
    /// # Errors
    /// `Config`: a key is missing, or a value is of no use.
    pub fn resolve(options: RaccoonOptions) -> Result<Self> {
        Self::resolve_with(options, &environment)
    }

    /// The same with an environment of the caller's choice.
    ///
    /// # Errors
    /// `Config`: a key is missing, or a value is of no use.
    pub fn resolve_with(options: RaccoonOptions, env: Lookup<'_>) -> Result<Self> {
        let proxy = options.client.proxy.clone();
        let ca_file = options.client.ca_file.clone();
        let allow_insecure_http = options.client.allow_insecure_http;
        let rest = ClientConfig::resolve_for(Service::Raccoon, options.client, env)?;
        let sockets = match &options.websocket_url {
            None => rest.clone(),
            Some(url) => rest.at(
                &AtAddress {
                    url: web_address(url)?,
                    source: "`websocket_url`",
                    proxy: proxy.as_deref(),
                    ca_file: ca_file.as_deref(),
                    allow_insecure_http,
                },
                env,
            )?,
        };
        options.wire.check()?;
        Ok(Self {
            rest,
            sockets,
            dialect: Arc::new(Dialect::new(&options.wire)),
            wire: options.wire,
            encode_frame: options.encode_frame,
            decode_frame: options.decode_frame,
            decode_answer: options.decode_answer,
            respect_max_concurrent: options.respect_max_concurrent,
        })
    }

    /// A copy with some values changed.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn changed(&self, changes: OptionChanges) -> Result<Self> {
        Ok(Self {
            rest: self.rest.changed(changes.clone())?,
            sockets: self.sockets.changed(changes)?,
            wire: self.wire.clone(),
            dialect: self.dialect.clone(),
            encode_frame: self.encode_frame.clone(),
            decode_frame: self.decode_frame.clone(),
            decode_answer: self.decode_answer.clone(),
            respect_max_concurrent: self.respect_max_concurrent,
        })
    }

    /// A copy with these hooks.
    pub(crate) fn with_hooks(
        self,
        decode_frame: Option<FrameDecoder>,
        decode_answer: Option<AnswerDecoder>,
    ) -> Self {
        Self {
            decode_frame,
            decode_answer,
            ..self
        }
    }

    /// The service's address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.rest.base_url()
    }

    /// Deadline of one call.
    pub fn timeout(&self) -> std::time::Duration {
        self.rest.timeout()
    }

    /// Whether the key was read from the environment.
    pub fn key_from_env(&self) -> bool {
        self.rest.key_from_env()
    }
}

/// The http address that a WebSocket's connection begins with.
fn web_address(url: &str) -> Result<String> {
    let url = url.trim();
    match url.split_once("://") {
        Some(("ws", rest)) => Ok(format!("http://{rest}")),
        Some(("wss", rest)) => Ok(format!("https://{rest}")),
        _ => Err(Error::config(
            "`websocket_url` is not the address of a WebSocket. Give one such as wss://api.raccoonai.tech, \
             or leave it out",
        )),
    }
}
