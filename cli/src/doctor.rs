//! `sessionwire doctor`: what keeps this machine from the service, and what to do.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sessionwire::agi::{Client, RawRequest, RawResponse};
use sessionwire::{ClientConfig, ErrorKind};

use crate::args::{Doctor, Global};
use crate::client::options;
use crate::failure::Failure;
use crate::finding::{Finding, Report, bad, doubtful, good};
use crate::interrupt::Interrupt;
use crate::live;
use crate::output::Output;

/// What findings about certificates are called.
const TRUST: &str = "trust";
/// A clock that is wrong by less does no harm.
const CLOCK: Duration = Duration::from_secs(60);
/// How long the service may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(
    args: Doctor,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let mut report = Report::new(global.json, output);
    let client = tokio::select! {
        biased;
        () = interrupt.wait() => return Err(Failure::Interrupted),
        client = look(global, &mut report) => client?,
    };
    // What cannot be reached is not tried out.
    if let (Some(client), true, true) = (client, args.live, report.is_good()) {
        live::look(&client, &mut report, interrupt).await?;
    }
    report.end()
}

/// Looks at everything that costs nothing. The client, if there can be one.
async fn look(global: &Global, report: &mut Report<'_>) -> Result<Option<Client>, Failure> {
    report.tell(version()).await?;
    for finding in key() {
        report.tell(finding).await?;
    }
    let config = match ClientConfig::resolve(options(global)) {
        Ok(config) => config,
        Err(error) => {
            // A missing key was told above.
            if report.is_good() {
                report.tell(bad("settings", error.to_string())).await?;
            }
            return Ok(None);
        }
    };
    for finding in settings(&config) {
        report.tell(finding).await?;
    }
    match Client::new(config) {
        Ok(client) => {
            for finding in service(&client).await {
                report.tell(finding).await?;
            }
            Ok(Some(client))
        }
        Err(error) => {
            report.tell(bad("settings", error.to_string())).await?;
            Ok(None)
        }
    }
}

fn version() -> Finding {
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let version = env!("CARGO_PKG_VERSION");
    good(
        "version",
        format!("sessionwire {version}, {system} {machine}"),
    )
}

/// The keys of both services. None is shown.
fn key() -> Vec<Finding> {
    let agi = std::env::var("AGI_API_KEY").unwrap_or_default();
    let raccoon = std::env::var("RACCOON_API_KEY").unwrap_or_default();
    let mut found = vec![match agi.trim() {
        "" => bad(
            "key",
            "AGI_API_KEY is not set. `export AGI_API_KEY=...` in this shell; without a key `sessionwire run --local` works.",
        ),
        key if key.starts_with(['"', '\'']) || key.ends_with(['"', '\'']) => bad(
            "key",
            "AGI_API_KEY is in quotes, which are sent as part of the key. Leave them out where it is set: in an `.env` file or in \
             `docker --env-file`, for example.",
        ),
        key if key.contains(char::is_whitespace) => bad(
            "key",
            "AGI_API_KEY has a space or a line break in it: more than the key was copied. Set the key alone.",
        ),
        key => good(
            "key",
            format!("AGI_API_KEY is set, {} characters", key.chars().count()),
        ),
    }];
    if !raccoon.trim().is_empty() {
        found.push(good(
            "key",
            "RACCOON_API_KEY is set; this looks at AGI alone",
        ));
    }
    found
}

fn settings(config: &ClientConfig) -> Vec<Finding> {
    let address = good("address", config.base_url());
    let proxy = match config.proxy_address() {
        Some(proxy) => good("proxy", proxy),
        None => good("proxy", "none"),
    };
    let mut found = vec![address, proxy];
    // The first that is set counts.
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(file) = std::env::var(name).ok().filter(|file| !file.is_empty()) {
            found.push(trust(name, &file, config.base_url().starts_with("https:")));
            break;
        }
    }
    found
}

/// The file of certificates that the environment names.
fn trust(variable: &str, file: &str, is_needed: bool) -> Finding {
    let why = match std::fs::read(file) {
        Ok(pem)
            if pem
                .windows(27)
                .any(|part| part == b"-----BEGIN CERTIFICATE-----") =>
        {
            return good(
                TRUST,
                format!("the certificates of {file} ({variable}), in place of the system's"),
            );
        }
        Ok(_) => "holds no certificate".to_owned(),
        Err(why) => format!("cannot be read: {why}"),
    };
    let text = format!(
        "{variable} names {file}, which {why}. Name a PEM file with `-----BEGIN CERTIFICATE-----` blocks, or `unset {variable}`."
    );
    match is_needed {
        true => bad(TRUST, text),
        false => doubtful(TRUST, text),
    }
}

/// What the service says to a request that costs nothing.
async fn service(client: &Client) -> Vec<Finding> {
    let started = Instant::now();
    let asked = client.request(RawRequest::new("GET", "/sessions"));
    let Ok(response) = tokio::time::timeout(PATIENCE, asked).await else {
        let seconds = PATIENCE.as_secs();
        return vec![bad(
            "service",
            format!(
                "No response within {seconds} s. Look at the network and the proxy, then at the service's status page."
            ),
        )];
    };
    let took = started.elapsed().as_millis();
    match response {
        Ok(response) => vec![list_of(&response, took), clock(&response)],
        Err(error) if error.kind() == ErrorKind::Authentication => vec![bad(
            "service",
            format!(
                "It refuses the key: {error} Look whether the key is of this service, and whole."
            ),
        )],
        Err(error) if error.kind() == ErrorKind::NotFound => vec![bad(
            "service",
            format!(
                "There is no list of sessions at this address: {} Look at AGI_BASE_URL or --base-url: its path, and the version \
                 in it, are those of another service. That of AGI is https://api.agi.tech/v1.",
                error.message()
            ),
        )],
        Err(error) => vec![bad("service", error.to_string())],
    }
}

fn list_of(response: &RawResponse, took: u128) -> Finding {
    let list: Option<Vec<serde_json::Value>> = serde_json::from_str(&response.body).ok();
    match list {
        Some(list) => {
            let count = match list.len() {
                1 => "1 session of this key is there".to_owned(),
                count => format!("{count} sessions of this key are there"),
            };
            good("service", format!("responds in {took} ms; {count}"))
        }
        None => bad(
            "service",
            "Something else than the service responds: no list of sessions came. Look at the address (AGI_BASE_URL, --base-url) and \
             the proxy.",
        ),
    }
}

fn clock(response: &RawResponse) -> Finding {
    let Some(sent) = response.sent_at() else {
        return doubtful(
            "clock",
            "The service names no time: this machine's clock was not looked at.",
        );
    };
    let apart = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (here, there) = (apart(SystemTime::now()), apart(sent));
    let off = here.abs_diff(there);
    if off < CLOCK {
        return good("clock", "as the service's");
    }
    let way = if here > there { "ahead of" } else { "behind" };
    doubtful(
        "clock",
        format!(
            "This machine's clock is {} s {way} the service's: certificates may be refused, and ages of sessions are wrong. Set it, \
             by NTP for example.",
            off.as_secs()
        ),
    )
}
