//! The client that the commands use.

use sessionwire::agi::Client;
use sessionwire::raccoon::{self, RaccoonConfig, RaccoonOptions, WireNames};
use sessionwire::{ClientConfig, ClientOptions, Error};

use crate::args::Global;

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

/// A client that notes its sessions in no ledger: they shall outlive this program, or end
/// with an emulator in it.
pub(crate) fn without_ledger(options: ClientOptions) -> Result<Client, Error> {
    let variable = |name: &str| match name {
        "SESSIONWIRE_LEDGER" => None,
        _ => std::env::var(name).ok(),
    };
    Client::new(ClientConfig::resolve_with(options, &variable)?)
}

/// A client of Raccoon as the environment and the command line have it.
pub(crate) fn raccoon(global: &Global) -> Result<raccoon::Client, Error> {
    raccoon_client(options(global), global)
}

/// The same, with these options instead of the environment's and the command line's.
pub(crate) fn raccoon_client(
    options: ClientOptions,
    global: &Global,
) -> Result<raccoon::Client, Error> {
    let mut options = RaccoonOptions::new().client(options);
    if let Some(wire) = &global.wire {
        options.wire = WireNames::clone(wire);
    }
    raccoon::Client::new(RaccoonConfig::resolve(options)?)
}
