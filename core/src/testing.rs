//! Keeps the tests of an application from the real service.
//!
//! A module often makes its client when it is imported: before a test has an
//! emulator, and with the key of whoever runs the tests. While a [`TestGuard`]
//! lives, a client whose address nobody passed sends nothing but to a guarded
//! one. A process that a test starts knows of its emulator by
//! `SESSIONWIRE_TEST_EMULATOR`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// How many guards there are: a look at this costs a request nothing.
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// The origins of the guarded emulators.
static ORIGINS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Lives as long as the emulator of a test.
#[derive(Debug)]
pub struct TestGuard {
    origin: String,
}

impl TestGuard {
    /// Guards the process for an emulator at `url`.
    pub fn new(url: &str) -> Self {
        let origin = Url::parse(url).map_or_else(|_| url.to_owned(), |url| origin(&url));
        origins().push(origin.clone());
        COUNT.fetch_add(1, Ordering::Release);
        Self { origin }
    }
}

impl Drop for TestGuard {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Release);
        let mut origins = origins();
        if let Some(at) = origins.iter().position(|origin| *origin == self.origin) {
            origins.swap_remove(at);
        }
    }
}

fn origins() -> MutexGuard<'static, Vec<String>> {
    ORIGINS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Refuses what would leave the emulator of a test.
pub(crate) fn check(config: &ClientConfig) -> Result<()> {
    if config.address_given {
        return Ok(());
    }
    let own = origin(&config.base_url);
    let is_allowed = match &config.test_emulator {
        // Guards of this process know better: a test ends, and its variable stays in the client.
        _ if COUNT.load(Ordering::Acquire) > 0 => origins().contains(&own),
        Some(emulator) => Url::parse(emulator).is_ok_and(|url| origin(&url) == own),
        None => true,
    };
    if is_allowed {
        return Ok(());
    }
    let variable = config.service.url_variable();
    let address = config.base_url();
    Err(Error::config(format!(
        "A test has an emulator, and this client was made for {address} without it (`base_url` was not passed, and {variable} did not \
         name the emulator then): the call would reach the real service. Make the client when the test runs, for example in a \
         fixture or a function, or pass `base_url`"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{ClientOptions, Service};
    use crate::transport::Secret;

    #[test]
    fn only_a_client_of_nobodys_choice_is_kept_from_the_service() {
        let made = |given: Option<&str>, env: Option<&str>| {
            let mut options = ClientOptions::new().api_key(Secret::new("key-for-tests"));
            options.base_url = given.map(str::to_owned);
            let env = env.map(str::to_owned);
            let look = move |name: &str| env.clone().filter(|_| name == "AGI_BASE_URL");
            ClientConfig::resolve_for(Service::Agi, options, &look).unwrap()
        };
        let emulator = "http://127.0.0.1:4001";
        let by_default = made(None, None);
        let clients = [
            (&by_default, false),
            (&made(None, Some("https://gateway.example/v1")), false),
            (&made(None, Some("http://127.0.0.1:4002")), false),
            (&made(None, Some(emulator)), true),
            (&made(Some("https://api.agi.tech"), None), true),
        ];
        let guard = TestGuard::new(emulator);
        let second = TestGuard::new(emulator);
        drop(second);
        for (config, allowed) in clients {
            assert_eq!(check(config).is_ok(), allowed, "{}", config.base_url());
        }
        let text = check(&by_default).unwrap_err().to_string();
        for part in [
            "A test has an emulator",
            "https://api.agi.tech/v1",
            "AGI_BASE_URL",
            "pass `base_url`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let started = |url: &str, base: Option<&str>| {
            let mut options = ClientOptions::new().api_key(Secret::new("key-for-tests"));
            options.base_url = base.map(str::to_owned);
            let look = |name: &str| match name {
                "SESSIONWIRE_TEST_EMULATOR" => Some(emulator.to_owned()),
                "AGI_BASE_URL" => Some(url.to_owned()),
                _ => None,
            };
            ClientConfig::resolve_for(Service::Agi, options, &look).unwrap()
        };
        drop(guard);
        for (config, allowed) in [
            (started(emulator, None), true),
            (started("https://api.agi.tech", None), false),
            (started(emulator, Some("https://api.agi.tech")), true),
        ] {
            assert_eq!(check(&config).is_ok(), allowed, "{}", config.base_url());
        }
        let later = "http://127.0.0.1:4003";
        let guard = TestGuard::new(later);
        assert!(
            check(&started(emulator, None)).is_err(),
            "of a test that is over"
        );
        assert!(check(&started(later, None)).is_ok());
        drop(guard);
        for (config, _) in clients {
            check(config).unwrap();
        }
    }
}
