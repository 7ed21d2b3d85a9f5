//! The fuzz targets' checks on their seeds, without a fuzzer.

use std::path::Path;

#[path = "../../fuzz/checks/decoder.rs"]
mod decoder;
#[path = "../../fuzz/checks/handle.rs"]
mod handle;
#[path = "../../fuzz/checks/json.rs"]
mod json;
#[path = "../../fuzz/checks/proxies.rs"]
mod proxies;
#[path = "../../fuzz/checks/redact.rs"]
mod redact;
#[path = "../../fuzz/checks/resume.rs"]
mod resume;
#[path = "../../fuzz/checks/retry.rs"]
mod retry;
#[path = "../../fuzz/checks/webhook.rs"]
mod webhook;

fn every_seed(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let seeds: Vec<_> = std::fs::read_dir(folder.join(target))
        .expect("the seeds are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    assert!(seeds.len() > 2, "{target} has no seeds");
    for seed in seeds {
        let input = std::fs::read(&seed).expect("the seed can be read");
        // A failure names the check; this names the seed.
        println!("{}", seed.display());
        check(&input);
    }
}

#[test]
fn the_decoders_seeds() {
    every_seed("decoder", decoder::check);
}

#[test]
fn the_handles_seeds() {
    every_seed("handle", handle::check);
}

#[test]
fn the_json_readers_seeds() {
    every_seed("json", json::check);
}

#[test]
fn the_proxies_seeds() {
    every_seed("proxies", proxies::check);
}

#[test]
fn the_redactions_seeds() {
    every_seed("redact", redact::check);
}

#[test]
fn the_resume_machines_seeds() {
    every_seed("resume", resume::check);
}

#[test]
fn the_retry_headers_seeds() {
    every_seed("retry", retry::check);
}

#[test]
fn the_webhook_parsers_seeds() {
    every_seed("webhook", webhook::check);
}
