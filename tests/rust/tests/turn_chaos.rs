//! A turn's socket cut again and again, in each way the service may resume. `make chaos` is the long run.
#![allow(missing_docs)]

use sessionwire_tests::turn_chaos::{plan, run};

#[tokio::test]
async fn g01_any_cut_of_a_turn_loses_nothing_and_repeats_nothing() {
    let plan = plan();
    for mode in &plan.modes {
        let figures = run(&plan, mode, 40).await;
        assert!(figures.cuts >= 40, "{}: {figures}", mode.name);
        assert!(figures.is_clean(), "{}: {figures}", mode.name);
    }
}
