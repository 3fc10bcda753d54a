//! JSON, through `serde`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{DeserializeError, Deserializer, Origin};

/// Any type that implements `serde::Deserialize`, from JSON. Needs the feature `json`.
///
/// The type owns what it is made of. For one that borrows from the record, `serde_json::from_slice` takes
/// [`Record::value`](crate::Record::value) as it is.
///
/// ```
/// use milena_client::deserialize::{Deserializer, JsonDeserializer, Origin, Part};
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     article: String,
///     count: u32,
/// }
///
/// let orders = JsonDeserializer::<Order>::new();
/// let origin = Origin::new("orders", Part::Value);
/// let order = orders.deserialize(&origin, br#"{"article": "shoe", "count": 2}"#)?;
/// assert_eq!((order.article.as_str(), order.count), ("shoe", 2));
///
/// let error = orders.deserialize(&origin, br#"{"article": "shoe"}"#).err().unwrap();
/// assert_eq!(error.to_string(), "missing field `count` at line 1 column 19");
/// # Ok::<(), milena_client::deserialize::DeserializeError>(())
/// ```
pub struct JsonDeserializer<T>(PhantomData<fn() -> T>);

impl<T> JsonDeserializer<T> {
    /// One for this type.
    pub const fn new() -> Self {
        JsonDeserializer(PhantomData)
    }
}

impl<T: DeserializeOwned> Deserializer for JsonDeserializer<T> {
    type Output<'a> = T;

    fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<T, DeserializeError> {
        serde_json::from_slice(data).map_err(DeserializeError::from_error)
    }
}

// Not derived: nothing is asked of `T`.
impl<T> Clone for JsonDeserializer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for JsonDeserializer<T> {}

impl<T> Default for JsonDeserializer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JsonDeserializer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonDeserializer<{}>", std::any::type_name::<T>())
    }
}
