//! The examples for Rust run.
#![allow(missing_docs, unreachable_pub)]

#[path = "../../../examples/rust/quickstart.rs"]
mod quickstart;

#[test]
fn quickstart_runs() {
    assert!(quickstart::main().is_ok());
}

#[path = "../../../examples/rust/turn.rs"]
mod turn;

#[test]
fn turn_runs() {
    assert!(turn::main().is_ok());
}
