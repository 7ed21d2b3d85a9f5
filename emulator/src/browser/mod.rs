//! The browser of a session: a Chromium of its own, or the built-in page view.
//!
//! A Chromium starts when it is first needed: when a page is opened, or when somebody looks at one that was only named
//! so far (by a script's `start_url`, or by a snapshot). It has a profile folder of its own in the emulator's temporary
//! folder and goes with its session. A few run at a time (`pool.rs`).

mod choice;
mod chromium;
mod devtools;
mod error;
mod folder;
mod pool;
mod profile;
mod running;
mod session;
mod tab;

pub use choice::Browser;
pub(crate) use error::BrowserError;
pub(crate) use pool::Browsers;
pub(crate) use profile::SavedProfile;
pub(crate) use running::Picture;
pub(crate) use session::SessionBrowser;
