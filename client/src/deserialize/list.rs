//! Lists in Kafka's own format (KIP-466).
//!
//! ```text
//! int8 0: entries of a fixed size             int8 1: entries of any size
//! int32 count of nulls, int32 the index       int32 count of entries
//!   of each                                   for each: int32 size, or -1 for null
//! int32 count of entries                                bytes
//! bytes of each that is not null
//! ```

use super::{DeserializeError, Deserializer, Origin};

/// Reads a list, its entries with another deserializer: Kafka's `ListDeserializer`. Null entries are `None`.
///
/// Bytes behind the last entry are ignored, as Kafka's does. A last entry that is cut off is an error; Kafka's fills it up
/// with zeros.
///
/// ```
/// use milena_client::deserialize::{Deserializer, IntegerDeserializer, ListDeserializer, Origin, Part};
///
/// let numbers = ListDeserializer(IntegerDeserializer);
/// let bytes = [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7]; // written by Kafka's ListSerializer
/// let list = numbers.deserialize(&Origin::new("numbers", Part::Value), &bytes)?;
/// assert_eq!(list, [Some(7), None]);
/// # Ok::<(), milena_client::deserialize::DeserializeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ListDeserializer<D>(
    /// For the entries.
    pub D,
);

const FIXED_SIZE: u8 = 0;
const ANY_SIZE: u8 = 1;

/// The smallest that an entry of any size takes: its size, or an index in the list of nulls.
const INT: usize = 4;

impl<D: Deserializer> Deserializer for ListDeserializer<D> {
    type Output<'a> = Vec<Option<D::Output<'a>>>;

    fn deserialize<'a>(
        &self,
        origin: &Origin<'_>,
        data: &'a [u8],
    ) -> Result<Self::Output<'a>, DeserializeError> {
        let mut rest = data;
        match (take(&mut rest, 1)?[0], self.0.fixed_size()) {
            (FIXED_SIZE, Some(size)) => self.fixed_size_entries(origin, rest, size),
            (FIXED_SIZE, None) => Err(DeserializeError::new(
                "the list has entries of a fixed size, and the deserializer of its entries reads others",
            )),
            (ANY_SIZE, _) => self.entries(origin, rest),
            (form, _) => Err(DeserializeError::new(format!("a list begins with 0 or 1, and {form} came"))),
        }
    }
}

impl<D: Deserializer> ListDeserializer<D> {
    fn fixed_size_entries<'a>(
        &self,
        origin: &Origin<'_>,
        mut rest: &'a [u8],
        size: usize,
    ) -> Result<Vec<Option<D::Output<'a>>>, DeserializeError> {
        let count = count(&mut rest, |rest| rest.len() / INT)?;
        let mut nulls: Vec<i32> = Vec::with_capacity(count);
        for _ in 0..count {
            nulls.push(int32(&mut rest)?);
        }
        nulls.sort_unstable();
        let fits = |rest: &[u8]| rest.len().checked_div(size).unwrap_or(rest.len()) + nulls.len();
        let count = self::count(&mut rest, fits)?;
        let mut list = Vec::with_capacity(count);
        for index in 0..count {
            let is_null = i32::try_from(index).is_ok_and(|index| nulls.binary_search(&index).is_ok());
            let data = if is_null { None } else { Some(take(&mut rest, size)?) };
            list.push(self.entry(origin, index, data)?);
        }
        Ok(list)
    }

    fn entries<'a>(
        &self,
        origin: &Origin<'_>,
        mut rest: &'a [u8],
    ) -> Result<Vec<Option<D::Output<'a>>>, DeserializeError> {
        let count = count(&mut rest, |rest| rest.len() / INT)?;
        let mut list = Vec::with_capacity(count);
        for index in 0..count {
            let size = int32(&mut rest)?;
            let data = match usize::try_from(size) {
                Ok(size) => Some(take(&mut rest, size)?),
                Err(_) if size == -1 => None,
                Err(_) => return Err(DeserializeError::new(format!("entry {index} has the size {size}"))),
            };
            list.push(self.entry(origin, index, data)?);
        }
        Ok(list)
    }

    fn entry<'a>(
        &self,
        origin: &Origin<'_>,
        index: usize,
        data: Option<&'a [u8]>,
    ) -> Result<Option<D::Output<'a>>, DeserializeError> {
        let entry = data.map(|data| self.0.deserialize(origin, data)).transpose();
        entry.map_err(|error| error.at(format_args!("entry {index}")))
    }
}

/// How many there are. No more than can be in the bytes behind, so that memory can be reserved for them.
fn count(rest: &mut &[u8], fits: impl FnOnce(&[u8]) -> usize) -> Result<usize, DeserializeError> {
    let count = int32(rest)?;
    match usize::try_from(count) {
        Ok(count) if count <= fits(rest) => Ok(count),
        _ => Err(DeserializeError::new(format!(
            "{count} entries cannot be in the {} bytes behind their count",
            rest.len()
        ))),
    }
}

fn int32(rest: &mut &[u8]) -> Result<i32, DeserializeError> {
    let bytes = take(rest, INT)?;
    Ok(bytes.iter().fold(0, |int, byte| int << 8 | i32::from(*byte)))
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], DeserializeError> {
    rest.split_off(..size).ok_or_else(|| DeserializeError::new("the list is cut off"))
}
