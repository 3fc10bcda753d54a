//! A string on the wire.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// A UTF-8 string that shares the memory of the frame it was read from.
///
/// Cloning it copies no text. As long as one lives its frame does: who keeps a name for long keeps a
/// [`detached`](Str::detached) one.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Str(Bytes);

impl Str {
    /// A string of the program itself, which costs no allocation.
    pub const fn from_static(text: &'static str) -> Self {
        Str(Bytes::from_static(text.as_bytes()))
    }

    /// A slice of `frame`, if it is UTF-8.
    #[inline(never)]
    pub(super) fn part_of(frame: &Bytes, text: &[u8]) -> Option<Self> {
        let is_utf8 = text.is_ascii() || std::str::from_utf8(text).is_ok();
        is_utf8.then(|| Str(frame.slice_ref(text)))
    }

    /// The text. Each time it is looked at it is seen again that it is UTF-8: who does so in a loop keeps what this gives.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Str is made of checked UTF-8 only")
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no characters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy with memory of its own.
    pub fn detached(&self) -> Self {
        Str(Bytes::copy_from_slice(&self.0))
    }

    /// The bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

// Sound because `Hash` is that of `str`, and equality and order of UTF-8 are those of its bytes.
impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Str(text.into())
    }
}

impl TryFrom<Bytes> for Str {
    type Error = std::str::Utf8Error;

    /// The text in these bytes, which are not copied.
    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Str(bytes))
    }
}

impl From<Str> for Bytes {
    /// The bytes of the text, which are not copied.
    fn from(text: Str) -> Bytes {
        text.0
    }
}

impl From<Str> for String {
    fn from(text: Str) -> String {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
