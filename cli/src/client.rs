//! The client that the commands use.

use sessionwire::agi::{Client, Output as Reply};
use sessionwire::{ClientConfig, ClientOptions, Error};

use crate::args::Global;
use crate::failure::Failure;
use crate::render::one_line;

/// A client as the environment and the command line have it.
pub(crate) fn connect(global: &Global) -> Result<Client, Error> {
    client(options(global))
}

pub(crate) fn options(global: &Global) -> ClientOptions {
    let mut options = ClientOptions::new().allow_insecure_http(global.allow_insecure_http);
    options.base_url.clone_from(&global.base_url);
    options.max_retries = global.max_retries;
    options
}

pub(crate) fn client(options: ClientOptions) -> Result<Client, Error> {
    Client::new(ClientConfig::resolve(options)?)
}

/// A reply that does not belong to its operation: a defect of this program.
pub(crate) fn unexpected(reply: &Reply) -> Failure {
    Failure::Local(format!(
        "The client gave an answer that this command does not know: {}. Please report it.",
        one_line(&reply.to_json())
    ))
}
