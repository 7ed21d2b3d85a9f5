//! Streams cut at arbitrary bytes: nothing is lost, nothing comes twice. `make chaos` is the long run.
#![allow(missing_docs)]

use sessionwire_tests::chaos::{plan, run};

#[tokio::test]
async fn g01_any_cut_loses_nothing_and_repeats_nothing() {
    let mut plan = plan();
    plan.workers = 6;
    let figures = run(&plan, 3_000, 150, 7).await;
    assert!(figures.is_clean(), "{figures}");
}
