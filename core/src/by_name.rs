//! Reads parameters by their names, whoever gives them.

/// Reads and writes these structs, whose derives say `remote = "Self"`, as a map alone. What
/// derives make by themselves takes a list of values, too, and is there once for each kind of
/// input: for a struct of 30 fields 30 KB of code each.
macro_rules! by_name {
    ($($owner:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $owner {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let fields = serde_json::Map::<String, serde_json::Value>::deserialize(input)?;
                <$owner>::deserialize(fields).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $owner {
            fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                <$owner>::serialize(self, output)
            }
        }
    )+};
}

pub(crate) use by_name;
