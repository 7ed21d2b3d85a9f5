//! `sessionwire mcp`: the services as tools of the Model Context Protocol.

pub(crate) mod args;

mod agi;
mod arguments;
mod call;
mod host;
mod http;
mod jobs;
mod limits;
mod presence;
mod questions;
mod raccoon;
mod replies;
mod resources;
mod server;
mod stdio;
mod tasks;
mod tools;

use std::sync::Arc;

use sessionwire::agi::{Client as Agi, ReapOptions};
use sessionwire::raccoon::Client as Raccoon;
use sessionwire::transport::Secret;
use sessionwire::{ClientOptions, Error, ErrorKind};
use sessionwire_emulator::Emulator;

use crate::args::Global;
use crate::client;
use crate::control::reaped;
use crate::emulator::start_local;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::terminal::note;
use args::Mcp;
use host::{Host, is_of_close};
use limits::Limits;
use server::Server;

pub(crate) async fn run(
    args: Mcp,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    check(&args, global)?;
    let limits = Limits::new(&args)?;
    let emulator = if args.local {
        Some(start_local().await?)
    } else {
        None
    };
    let (agi, raccoon) = match &emulator {
        Some(emulator) => local(emulator, global)?,
        None => remote(&args, global)?,
    };
    let host = Host::new(agi, raccoon, limits, args.agent.clone());
    if emulator.is_none() {
        tokio::spawn(reap(host.clone()));
    }
    tokio::spawn(host.clone().watch_the_clock());
    let served = match args.http {
        Some(port) => http::serve(&host, port, &args, interrupt).await,
        None => stdio::serve(Server::new(host.clone()), &host, output, interrupt).await,
    };
    host.close().await;
    if let Some(emulator) = emulator {
        emulator.close().await;
    }
    served
}

fn check(args: &Mcp, global: &Global) -> Result<(), Failure> {
    if global.base_url.is_some() {
        return Err(Failure::Usage(
            "--base-url is one address, and mcp speaks to two services. Set AGI_BASE_URL and RACCOON_BASE_URL, or take \
             --local."
                .to_owned(),
        ));
    }
    if args.local && args.ledger.is_some() {
        return Err(Failure::Usage(
            "--ledger is for sessions of a service: those of --local end with this program. Leave one of them out."
                .to_owned(),
        ));
    }
    Ok(())
}

type Clients = (Option<Agi>, Option<Raccoon>);

fn local(emulator: &Emulator, global: &Global) -> Result<Clients, Failure> {
    let options = |url: &str| {
        let mut options = ClientOptions::new()
            .base_url(url)
            .api_key(Secret::new(emulator.api_key()));
        options.max_retries = global.max_retries;
        options
    };
    let agi = client::without_ledger(options(emulator.url()))?;
    let raccoon = client::raccoon_client(options(emulator.raccoon_url()), global)?;
    Ok((Some(agi), Some(raccoon)))
}

/// The services whose key is there.
fn remote(args: &Mcp, global: &Global) -> Result<Clients, Failure> {
    let mut options = client::options(global);
    options.ledger = args.ledger.clone().or_else(default_ledger);
    let agi = with_key(client::client(options))?;
    let raccoon = with_key(client::raccoon(global))?;
    if agi.is_none() && raccoon.is_none() {
        return Err(Failure::Usage(
            "There is no key of a service. Set AGI_API_KEY or RACCOON_API_KEY where the client of MCP starts this program \
             (`env` in its settings), or use the emulator: `sessionwire mcp --local`."
                .to_owned(),
        ));
    }
    Ok((agi, raccoon))
}

/// A client, where there is a key for it.
fn with_key<T>(made: Result<T, Error>) -> Result<Option<T>, Error> {
    match made {
        Ok(client) => Ok(Some(client)),
        Err(error)
            if error.kind() == ErrorKind::Config && error.to_string().starts_with("No API key") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Where sessions are noted if the user does not say: a server that is killed is the usual end of
/// one, as its client knows no other.
fn default_ledger() -> Option<String> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if given("SESSIONWIRE_LEDGER").is_some() {
        return None;
    }
    let folder = given("XDG_STATE_HOME")
        .or_else(|| given("LOCALAPPDATA"))
        .or_else(|| given("HOME").map(|home| format!("{home}/.local/state")))?;
    let folder = std::path::Path::new(&folder).join("sessionwire");
    if let Err(why) = std::fs::create_dir_all(&folder) {
        note(&format!(
            "warning: no ledger of sessions can be kept in {}: {why}. If this program is killed, its sessions stay. Name a \
             file with --ledger.",
            folder.display()
        ));
        return None;
    }
    folder.join("mcp.ledger").to_str().map(str::to_owned)
}

/// Deletes what servers left that were killed.
async fn reap(host: Arc<Host>) {
    let Some(client) = &host.agi else { return };
    match client.sessions().reap(ReapOptions::new()).await {
        Ok(reports) => {
            for report in reports {
                note(&format!("left by a process that died: {}", reaped(&report)));
            }
        }
        // The next server goes on with it.
        Err(error) if is_of_close(&error) => {}
        // Another server does it, or there is no ledger.
        Err(error) if matches!(error.code(), Some("reap_in_progress")) => {}
        Err(error) if error.kind() == ErrorKind::Config => {}
        Err(error) => note(&format!(
            "warning: what dead servers left was not deleted: {error}"
        )),
    }
}
