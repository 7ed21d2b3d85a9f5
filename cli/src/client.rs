//! The client that the commands use.

use std::cell::RefCell;

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

/// A service as the environment and the command line have it, for what asks it without a client.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) key: String,
}

/// AGI's, after a client's own checks: the key is there, and goes to no strange place in the clear.
pub(crate) fn agi_service(global: &Global) -> Result<Service, Error> {
    let key = RefCell::default();
    let config = ClientConfig::resolve_with(options(global), &noting("AGI_API_KEY", &key))?;
    Ok(Service {
        url: config.base_url().to_owned(),
        key: key.take(),
    })
}

/// The same of Raccoon.
pub(crate) fn raccoon_service(global: &Global) -> Result<Service, Error> {
    let key = RefCell::default();
    let options = RaccoonOptions::new().client(options(global));
    let config = RaccoonConfig::resolve_with(options, &noting("RACCOON_API_KEY", &key))?;
    Ok(Service {
        url: config.base_url().to_owned(),
        key: key.take(),
    })
}

/// The environment, from which the configuration reads; what it read as the key is noted.
fn noting<'a>(key: &'a str, noted: &'a RefCell<String>) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        let value = std::env::var(name).ok();
        if name == key {
            noted.replace(value.clone().unwrap_or_default());
        }
        value
    }
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
