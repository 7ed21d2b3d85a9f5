//! Builder methods for structs that may grow: one per field, named after it.

/// Methods that set fields and give the struct back: `name: Type`, `name?: Type`
/// for a field that may be unset, `into Type` for what becomes the type, and `each
/// Type` for a list of what becomes the type.
macro_rules! setters {
    ($owner:ty { $($fields:tt)* }) => {
        impl $owner {
            $crate::setters::setter!($($fields)*);
        }
    };
}

macro_rules! setter {
    () => {};
    ($name:ident?: into $type:ty, $($rest:tt)*) => {
        $crate::setters::setter!(@ $name, $name: impl Into<$type>, Some($name.into()));
        $crate::setters::setter!($($rest)*);
    };
    ($name:ident: into $type:ty, $($rest:tt)*) => {
        $crate::setters::setter!(@ $name, $name: impl Into<$type>, $name.into());
        $crate::setters::setter!($($rest)*);
    };
    ($name:ident?: $type:ty, $($rest:tt)*) => {
        $crate::setters::setter!(@ $name, $name: $type, Some($name));
        $crate::setters::setter!($($rest)*);
    };
    ($name:ident: each $type:ty, $($rest:tt)*) => {
        $crate::setters::setter!(@ $name, $name: impl IntoIterator<Item: Into<$type>>, $name.into_iter().map(Into::into).collect());
        $crate::setters::setter!($($rest)*);
    };
    ($name:ident: $type:ty, $($rest:tt)*) => {
        $crate::setters::setter!(@ $name, $name: $type, $name);
        $crate::setters::setter!($($rest)*);
    };
    (@ $field:ident, $argument:ident: $type:ty, $value:expr) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $argument: $type) -> Self {
            self.$field = $value;
            self
        }
    };
}

pub(crate) use {setter, setters};
