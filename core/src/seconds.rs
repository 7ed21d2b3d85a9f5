//! Durations as JSON has them: numbers of seconds. A module per name, so that an
//! error can say which number is wrong.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest duration accepted, so that adding it to a clock cannot overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// A duration, or one that may be missing.
pub(crate) trait Seconds: Sized {
    fn from_json(number: Option<f64>, name: &str) -> Result<Self, String>;
    fn to_json(&self) -> Option<f64>;
}

impl Seconds for Duration {
    fn from_json(number: Option<f64>, name: &str) -> Result<Self, String> {
        match number {
            Some(seconds) if seconds >= 0.0 && seconds.is_finite() => {
                Ok(Self::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
            }
            Some(seconds) => Err(format!(
                "`{name}` must be a positive number of seconds, not {seconds}"
            )),
            None => Err(format!("`{name}` must be a number of seconds, not null")),
        }
    }

    fn to_json(&self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

impl Seconds for Option<Duration> {
    fn from_json(number: Option<f64>, name: &str) -> Result<Self, String> {
        number
            .map(|number| Duration::from_json(Some(number), name))
            .transpose()
    }

    fn to_json(&self) -> Option<f64> {
        self.as_ref().and_then(Duration::to_json)
    }
}

/// The duration that this number of seconds stands for.
pub(crate) fn duration_of(number: Option<f64>, name: &str) -> Result<Duration, String> {
    Duration::from_json(number, name)
}

fn read<'de, D: Deserializer<'de>, T: Seconds>(deserializer: D, name: &str) -> Result<T, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    T::from_json(number, name).map_err(serde::de::Error::custom)
}

fn write<S: Serializer>(duration: &impl Seconds, serializer: S) -> Result<S::Ok, S::Error> {
    duration.to_json().serialize(serializer)
}

macro_rules! named {
    ($($name:ident)*) => { $(
        pub(crate) mod $name {
            use serde::{Deserializer, Serializer};

            #[allow(dead_code)]
            pub(crate) fn serialize<S: Serializer>(
                duration: &impl super::Seconds,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                super::write(duration, serializer)
            }

            #[allow(dead_code)]
            pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: super::Seconds>(
                deserializer: D,
            ) -> Result<T, D::Error> {
                super::read(deserializer, stringify!($name))
            }
        }
    )* };
}

named! {
    timeout connect_timeout wait_for_limit idle_timeout poll_interval ping_interval older_than duration max_age settle every
}
