//! `sessionwire emulator`: the emulator as a program of its own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sessionwire_emulator::{
    Browser, CapturedRequest, Clock, Emulator, Fault, Options, Resume, Scenario, ScenarioProblem,
    Unkept, Unmatched,
};

use crate::args;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::terminal::note;

/// How often `--verbose` looks for new requests.
const LOOK: Duration = Duration::from_millis(100);
/// A standard input that ends later than that was one.
const WAS_OPEN: Duration = Duration::from_millis(200);
/// Has the token of the control API.
const TOKEN: &str = "SESSIONWIRE_CONTROL_TOKEN";
/// After this many requests the record is emptied.
const KEPT: usize = 1000;

pub(crate) async fn run(
    args: args::Emulator,
    json: bool,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    check_host(&args)?;
    let options = Options {
        host: args.host,
        allow_remote: args.allow_remote,
        allow_hosts: args.allow_host.clone(),
        port: args.port,
        public_url: args.public_url.clone(),
        tls: args.tls,
        tls_ca: args.tls_ca.clone(),
        tls_cert: args.tls_cert.clone(),
        tls_key: args.tls_key.clone(),
        state: args.state.clone(),
        seed: args.seed.clone(),
        cors_origins: args.cors.clone(),
        api_keys: Some(args.api_key).filter(|keys| !keys.is_empty()),
        unmatched: match args.unmatched {
            args::Unmatched::Agent => Unmatched::Agent,
            args::Unmatched::Error => Unmatched::Error,
        },
        barred_keys: args.barred_key,
        control: args.control,
        control_token: args
            .control_token
            .or_else(|| token_of_environment(args.control)),
        heartbeat_interval: args.heartbeat_interval,
        step_delay: args.step_delay,
        init_delay: args.init_delay,
        session_limit: args.session_limit,
        extended_status: args.extended_status,
        honour_last_event_id: args.honour_last_event_id,
        webhook_backoff: args.webhook_backoff,
        webhook_timeout: args.webhook_timeout,
        chromium: args.chromium,
        max_turns: args.max_turns,
        queue_turns: args.queue_turns,
        upload_limit: args.upload_limit,
        resume: match args.resume {
            args::ResumeFrom::Honoured => Resume::Honoured,
            args::ResumeFrom::Ignored => Resume::Ignored,
            args::ResumeFrom::Inclusive => Resume::Inclusive,
        },
        entry_ids: !args.no_entry_ids,
        dialect: args.dialect.map(|dialect| *dialect).unwrap_or_default(),
        ping_interval: args.ping_interval,
        strict_frames: args.strict_frames,
        abort_endpoint: args.abort_endpoint,
        scenario: args.scenario.as_deref().map(read_scenario).transpose()?,
        faults: faults(args.fault, &args.fault_file)?,
        clock: if args.fast { Clock::Fast } else { Clock::Real },
        browser: match args.browser {
            args::Browser::Auto => Browser::Auto,
            args::Browser::Builtin => Browser::Builtin,
            args::Browser::Chromium => Browser::Chromium,
        },
        ..Options::default()
    };
    let emulator = Emulator::start(options)
        .await
        .map_err(|error| Failure::Local(format!("The emulator did not start: {error}.")))?;
    output.line(introduction(&emulator, json)).await?;
    for warning in emulator.warnings() {
        note(&format!("warning: {warning}."));
    }
    let mut log = RequestLog::default();
    tokio::select! {
        () = interrupt.wait() => {}
        () = end_of_stdin(), if args.end_with_stdin => {}
        () = watch_keeping(&emulator), if args.state.is_some() => {}
        () = log.follow(&emulator), if args.verbose => {}
        () = watch(&emulator, args.scenario.as_deref().unwrap_or(Path::new(""))), if args.watch => {}
    }
    if args.verbose {
        log.print_new(&emulator);
    }
    emulator.close().await;
    match emulator.unkept() {
        None => Ok(()),
        Some(unkept) => Err(Failure::Local(unkept.lost())),
    }
}

/// Waits until standard input ends; what comes on it is ignored. Says so where there was none from the start: nobody would
/// know why it ended.
async fn end_of_stdin() {
    let begun = Instant::now();
    let (sender, ended) = tokio::sync::oneshot::channel();
    // A thread, because nothing can end a read. It ends with the process.
    std::thread::spawn(move || {
        // What cannot be read brings nothing more, either.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
    if begun.elapsed() < WAS_OPEN {
        note(
            "Standard input was closed from the start, and so the emulator ends, as --end-with-stdin asks. Start it with a pipe that \
             stays open (docker run -i), or leave the option out.",
        );
    }
}

/// Says when what it holds cannot be kept any more, and when it can again. Does not end.
async fn watch_keeping(emulator: &Emulator) {
    let mut known: Option<Unkept> = None;
    loop {
        let now = emulator.unkept();
        match (&known, &now) {
            (known, Some(now)) if known.as_ref().map(|it| &it.why) != Some(&now.why) => {
                note(&format!(
                    "warning: what the emulator holds cannot be kept in {} since {}: {}. It tries again until it ends.",
                    now.folder.display(),
                    now.since,
                    now.why
                ))
            }
            (Some(known), None) => note(&format!(
                "What the emulator holds is kept again in {}.",
                known.folder.display()
            )),
            _ => {}
        }
        known = now;
        tokio::time::sleep(LOOK).await;
    }
}

/// The token of the control API that the environment has.
fn token_of_environment(wanted: bool) -> Option<String> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    token.filter(|_| wanted)
}

/// Reads the scenario again whenever its file has other contents. Does not end.
async fn watch(emulator: &Emulator, file: &Path) {
    // Contents and not times: an editor may write a file twice in one tick, or replace it.
    let mut known = tokio::fs::read(file).await.ok();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = tokio::fs::read(file).await.ok();
        // It is being replaced, or written.
        let is_whole = now.as_ref().is_some_and(|bytes| !bytes.is_empty());
        if now == known || !is_whole {
            continue;
        }
        known = now;
        match Scenario::check_file(file) {
            Ok((scenario, warnings)) => {
                warn(file, &warnings);
                let (tasks, turns) = (scenario.tasks.len(), scenario.turns.len());
                emulator.begin_with(scenario);
                note(&format!(
                    "The scenario was read again: {tasks} of tasks, {turns} of turns. What runs plays on as it began."
                ));
            }
            Err(error) => note(&format!(
                "warning: the scenario cannot be used: {error}. The one before stays until the file is right."
            )),
        }
    }
}

fn check_host(args: &args::Emulator) -> Result<(), Failure> {
    let name = args.host.trim_matches(['[', ']']);
    let loopback = match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    if loopback {
        return Ok(());
    }
    if !args.allow_remote {
        return Err(Failure::Usage(format!(
            "With --host {name} other machines could use the emulator, and its agent opens any page it is asked for. \
             Add --allow-remote if you want that, or leave --host out."
        )));
    }
    note(&format!(
        "warning: the emulator listens on {name}: other machines can use it{}{}.",
        if args.tls || args.tls_ca.is_some() || args.tls_cert.is_some() {
            ""
        } else {
            " without encryption"
        },
        if args.api_key.is_empty() {
            " and with any key (limit that with --api-key)"
        } else {
            ""
        }
    ));
    Ok(())
}

fn read_scenario(file: &Path) -> Result<Scenario, Failure> {
    let (scenario, warnings) = Scenario::check_file(file)
        .map_err(|error| Failure::Usage(format!("The scenario cannot be used: {error}.")))?;
    warn(file, &warnings);
    Ok(scenario)
}

/// Says what of a scenario can never play.
fn warn(file: &Path, warnings: &[ScenarioProblem]) {
    for warning in warnings {
        let (line, column) = (
            warning.line.unwrap_or_default(),
            warning.column.unwrap_or_default(),
        );
        let name = file.display();
        note(&format!("warning: {name}:{line}:{column}: {warning}"));
    }
}

/// Those of the command line, then those of the files.
fn faults(mut faults: Vec<Fault>, files: &[PathBuf]) -> Result<Vec<Fault>, Failure> {
    for file in files {
        let read = Fault::read_file(file)
            .map_err(|error| Failure::Usage(format!("The faults cannot be used: {error}.")))?;
        faults.extend(read);
    }
    Ok(faults)
}

/// Where it is, and lines to copy.
fn introduction(emulator: &Emulator, json: bool) -> String {
    let (url, key, live) = (emulator.url(), emulator.api_key(), emulator.live_url());
    let raccoon = emulator.raccoon_url();
    let browser = if emulator.chromium().is_some() {
        "chromium"
    } else {
        "builtin"
    };
    if json {
        return serde_json::json!({
            "url": url, "api_key": key, "live_url": live, "raccoon_url": raccoon, "browser": browser,
            "control_url": emulator.control_url(), "control_token": emulator.control_token(), "ca_file": emulator.ca_file(),
        })
            .to_string();
    }
    let browser = match emulator.chromium() {
        Some(program) => format!("Chromium ({})", program.display()),
        None => "the built-in page view".to_owned(),
    };
    // Quoted as JSON, which Python and JavaScript read alike.
    let control = match (emulator.control_url(), emulator.control_token()) {
        (Some(url), Some(token)) => format!("control API: {url} (token: {token})\n"),
        _ => String::new(),
    };
    let ca_file = emulator.ca_file();
    let ca_file = ca_file.map(|path| path.to_string_lossy().into_owned());
    let with_ca = |text: &dyn Fn(&str) -> String| ca_file.as_deref().map(text).unwrap_or_default();
    let trusted = with_ca(&|path| format!("certificates: clients must trust {path} (ca_file)\n"));
    let python_ca = with_ca(&|path| format!(", ca_file={}", serde_json::json!(path)));
    let node_ca = with_ca(&|path| format!(", caFile: {}", serde_json::json!(path)));
    let shell_ca = with_ca(&|path| format!("SSL_CERT_FILE={} ", shell_quoted(path)));
    let curl_ca = with_ca(&|path| format!("--cacert {} ", shell_quoted(path)));
    let (quoted_url, quoted_key) = (serde_json::json!(url), serde_json::json!(key));
    let quoted_raccoon = serde_json::json!(raccoon);
    let shell_key = shell_quoted(key);
    let header = shell_quoted(&format!("Authorization: Bearer {key}"));
    format!(
        "The emulator listens on {url} (API key: {key}). Ctrl-C ends it.
live view: {live}
browser: {browser}
{control}{trusted}
Python   client = Agi(base_url={quoted_url}, api_key={quoted_key}{python_ca})
Node     const client = new Agi({{ baseUrl: {quoted_url}, apiKey: {quoted_key}{node_ca} }})
Shell    {shell_ca}AGI_API_KEY={shell_key} sessionwire run --base-url {url} \"What is on https://example.com?\"
curl     curl {curl_ca}-X POST -H {header} {url}/v1/sessions

Raccoon is at {raccoon}:
Python   client = Raccoon(base_url={quoted_raccoon}, api_key={quoted_key}{python_ca})
Node     const client = new Raccoon({{ baseUrl: {quoted_raccoon}, apiKey: {quoted_key}{node_ca} }})
Shell    {shell_ca}RACCOON_API_KEY={shell_key} sessionwire turn --base-url {raccoon} \"What is on https://example.com?\""
    )
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// What was printed of the emulator's record.
#[derive(Default)]
struct RequestLog {
    seen: usize,
    /// Requests that were not answered when last seen.
    open: Vec<usize>,
}

impl RequestLog {
    /// Prints a line per request once it is answered. Does not end.
    async fn follow(&mut self, emulator: &Emulator) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.print_new(emulator);
        }
    }

    fn print_new(&mut self, emulator: &Emulator) {
        let requests = emulator.requests();
        let candidates = std::mem::take(&mut self.open)
            .into_iter()
            .chain(self.seen..requests.len());
        for index in candidates {
            match requests.get(index) {
                Some(CapturedRequest { status: None, .. }) => self.open.push(index),
                Some(request) => note(&line(request)),
                None => {}
            }
        }
        self.seen = requests.len();
        // The record grows with every request, and reading it copies it.
        if self.seen >= KEPT && self.open.is_empty() {
            emulator.clear_requests();
            self.seen = 0;
        }
    }
}

fn line(request: &CapturedRequest) -> String {
    let CapturedRequest {
        method,
        path,
        query,
        status,
        received_at,
        ..
    } = request;
    let mark = if query.is_empty() { "" } else { "?" };
    let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    format!("{received_at} {status} {method} {path}{mark}{query}")
}

/// The emulator of a command that asks for one with `--local`.
pub(crate) async fn start_local() -> Result<Emulator, Failure> {
    Emulator::start(Options::default())
        .await
        .map_err(|error| Failure::Local(format!("The local emulator did not start: {error}.")))
}
