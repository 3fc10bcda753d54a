//! Records with their keys and values deserialized.

use std::iter::FusedIterator;

use super::{Deserializer, Origin, Part, RecordDeserializationError};
use crate::records::{Headers, Iter, OwnedRecord, Record, Records};

/// A record with its key and value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TypedRecord<'a, K, V> {
    /// The record as it came.
    pub record: Record<'a>,
    /// The key; `None` is null.
    pub key: Option<K>,
    /// The value; `None` is null.
    pub value: Option<V>,
}

impl<'a> Record<'a> {
    /// The key; `None` is null.
    ///
    /// # Errors
    /// When the bytes are not what the deserializer reads. The consumer goes on behind the record.
    pub fn deserialize_key<D: Deserializer>(
        &self,
        deserializer: &D,
    ) -> Result<Option<D::Output<'a>>, RecordDeserializationError> {
        self.deserialize(Part::Key, self.key(), deserializer)
    }

    /// The value; `None` is null.
    ///
    /// ```no_run
    /// use milena_client::deserialize::{LongDeserializer, RecordDeserializationError};
    /// use milena_client::Records;
    ///
    /// fn total(records: Records<'_>) -> Result<i64, RecordDeserializationError> {
    ///     let mut total = 0;
    ///     for record in records {
    ///         total += record.deserialize_value(&LongDeserializer)?.unwrap_or(0);
    ///     }
    ///     Ok(total)
    /// }
    /// ```
    ///
    /// # Errors
    /// When the bytes are not what the deserializer reads. The consumer goes on behind the record.
    pub fn deserialize_value<D: Deserializer>(
        &self,
        deserializer: &D,
    ) -> Result<Option<D::Output<'a>>, RecordDeserializationError> {
        self.deserialize(Part::Value, self.value(), deserializer)
    }

    fn deserialize<D: Deserializer>(
        &self,
        part: Part,
        data: Option<&'a [u8]>,
        deserializer: &D,
    ) -> Result<Option<D::Output<'a>>, RecordDeserializationError> {
        let Some(data) = data else { return Ok(None) };
        let (topic, headers) = (self.topic(), self.headers());
        let value = deserializer.deserialize(&Origin { topic, part, headers, owned_headers: &[] }, data);
        value.map(Some).map_err(|cause| {
            RecordDeserializationError::new(topic, self.partition(), self.offset(), part, cause)
        })
    }
}

impl OwnedRecord {
    /// The key; `None` is null.
    ///
    /// # Errors
    /// When the bytes are not what the deserializer reads.
    pub fn deserialize_key<D: Deserializer>(
        &self,
        deserializer: &D,
    ) -> Result<Option<D::Output<'_>>, RecordDeserializationError> {
        self.deserialize(Part::Key, self.key.as_deref(), deserializer)
    }

    /// The value; `None` is null.
    ///
    /// # Errors
    /// When the bytes are not what the deserializer reads.
    pub fn deserialize_value<D: Deserializer>(
        &self,
        deserializer: &D,
    ) -> Result<Option<D::Output<'_>>, RecordDeserializationError> {
        self.deserialize(Part::Value, self.value.as_deref(), deserializer)
    }

    fn deserialize<'a, D: Deserializer>(
        &'a self,
        part: Part,
        data: Option<&'a [u8]>,
        deserializer: &D,
    ) -> Result<Option<D::Output<'a>>, RecordDeserializationError> {
        let Some(data) = data else { return Ok(None) };
        let OwnedRecord { topic, partition, offset, headers, .. } = self;
        let origin = Origin { topic, part, headers: Headers::default(), owned_headers: headers };
        let value = deserializer.deserialize(&origin, data);
        value
            .map(Some)
            .map_err(|cause| RecordDeserializationError::new(topic, *partition, *offset, part, cause))
    }
}

impl<'a> Records<'a> {
    /// The records, one after the other, with their keys and values deserialized. One that cannot be is an error in
    /// its place, about its key where that alone is wrong already; the others go on behind it.
    pub fn typed<'d, K: Deserializer, V: Deserializer>(
        &self,
        key: &'d K,
        value: &'d V,
    ) -> Typed<'a, 'd, K, V> {
        Typed { records: self.iter(), key, value }
    }
}

/// Goes through [`Records`] and deserializes them. See [`Records::typed`].
#[derive(Debug)]
pub struct Typed<'a, 'd, K, V> {
    records: Iter<'a>,
    key: &'d K,
    value: &'d V,
}

impl<'a, K: Deserializer, V: Deserializer> Iterator for Typed<'a, '_, K, V> {
    type Item = Result<TypedRecord<'a, K::Output<'a>, V::Output<'a>>, RecordDeserializationError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        let typed = |record: Record<'a>| {
            let key = record.deserialize_key(self.key)?;
            let value = record.deserialize_value(self.value)?;
            Ok(TypedRecord { record, key, value })
        };
        Some(typed(record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl<K: Deserializer, V: Deserializer> ExactSizeIterator for Typed<'_, '_, K, V> {}

impl<K: Deserializer, V: Deserializer> FusedIterator for Typed<'_, '_, K, V> {}
