//! `sessionwire doctor`: what may keep this machine from the service, and what to do.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sessionwire::agi::{Client, RawRequest, RawResponse};
use sessionwire::{ClientConfig, ErrorKind};

use crate::args::{Doctor, Global};
use crate::client::options;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::one_line;

/// A clock that is wrong by less does no harm.
const CLOCK: Duration = Duration::from_secs(60);
/// How long the service may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a look at one thing found.
struct Finding {
    name: &'static str,
    state: State,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Doubtful,
    Bad,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "error",
        }
    }
}

fn good(name: &'static str, text: impl Into<String>) -> Finding {
    let (state, text) = (State::Good, text.into());
    Finding { name, state, text }
}

fn doubtful(name: &'static str, text: impl Into<String>) -> Finding {
    let state = State::Doubtful;
    Finding {
        state,
        ..good(name, text)
    }
}

fn bad(name: &'static str, text: impl Into<String>) -> Finding {
    let state = State::Bad;
    Finding {
        state,
        ..good(name, text)
    }
}

pub(crate) async fn run(_: Doctor, global: &Global, output: &Output) -> Result<(), Failure> {
    let mut report = Report {
        global,
        output,
        troubles: 0,
    };
    report.tell(version()).await?;
    for finding in key() {
        report.tell(finding).await?;
    }
    let config = match ClientConfig::resolve(options(global)) {
        Ok(config) => config,
        Err(error) => {
            // A missing key was told above.
            if report.troubles == 0 {
                report.tell(bad("settings", error.to_string())).await?;
            }
            return report.end();
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
        }
        Err(error) => report.tell(bad("settings", error.to_string())).await?,
    }
    report.end()
}

/// Says each finding as it is made.
struct Report<'a> {
    global: &'a Global,
    output: &'a Output,
    troubles: usize,
}

impl Report<'_> {
    async fn tell(&mut self, finding: Finding) -> Result<(), Failure> {
        let Finding { name, state, text } = finding;
        self.troubles += usize::from(state == State::Bad);
        if self.global.json {
            let line =
                json!({"type": "check", "name": name, "status": state.word(), "message": text});
            return self.output.json(line.to_string()).await;
        }
        let text = one_line(&text);
        let word = state.word();
        self.output.line(format!("{word:<8}{name:<10}{text}")).await
    }

    fn end(self) -> Result<(), Failure> {
        match self.troubles {
            0 => Ok(()),
            _ => Err(Failure::Waited {
                kind: ErrorKind::Config,
                text: "The service cannot be used as things are. Each line that begins with `error` says what to do.".to_owned(),
            }),
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
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(file) = std::env::var(name).ok().filter(|file| !file.is_empty()) {
            found.push(good(
                "trust",
                format!("the certificates of {file} ({name}), in place of the system's"),
            ));
            break;
        }
    }
    found
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
        Err(error) => vec![bad("service", error.to_string())],
    }
}

fn list_of(response: &RawResponse, took: u128) -> Finding {
    let list: Option<Vec<serde_json::Value>> = serde_json::from_str(&response.body).ok();
    match list {
        Some(list) => {
            let count = list.len();
            good(
                "service",
                format!("responds in {took} ms; {count} sessions of this key are there"),
            )
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
