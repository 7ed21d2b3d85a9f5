//! What keeps the tests of an application from the real service.

// Test builds register no exports.
#![cfg_attr(test, allow(dead_code))]

use napi_derive::napi;

/// Lives as long as the emulator of a test.
#[napi]
#[derive(Debug)]
pub struct TestGuard(Option<sessionwire::testing::TestGuard>);

#[napi]
impl TestGuard {
    /// Guards the process for an emulator at this address.
    #[napi(constructor, catch_unwind)]
    pub fn new(url: String) -> Self {
        Self(Some(sessionwire::testing::TestGuard::new(&url)))
    }

    /// Guards no more.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.0.take();
    }
}
