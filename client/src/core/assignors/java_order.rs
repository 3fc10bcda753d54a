//! The order in which Java's `HashMap` and `HashSet` hand out what was put in.
//!
//! Java documents no order, yet it is no secret and no chance: the table has a power of two of buckets, a key
//! goes to the bucket that the low bits of its hash name, and iteration walks the buckets in turn, each in
//! order of arrival. Kafka's sticky assignors let this order decide which member may keep one partition more
//! than another, so whoever wants the same answer must walk in the same order.
//!
//! An example: in a table of four buckets, the hashes 6, 1 and 5, put in one after another, come out as 1 and
//! 5, which share bucket 1, and then 6 from bucket 2.
//!
//! Not copied: a bucket that collects nine keys in a table of 64 or more becomes a tree, whose order is
//! another. Ids that collide so often do not occur unless made for it, and then the result is only another
//! fair assignment.

use std::cmp::Ordering;

/// Buckets in an empty table (`DEFAULT_INITIAL_CAPACITY`).
const FIRST_BUCKETS: usize = 16;
/// A bucket that would exceed this many entries makes a small table grow (`TREEIFY_THRESHOLD`) ...
const CROWDED_BUCKET: usize = 8;
/// ... as long as it has fewer buckets than this (`MIN_TREEIFY_CAPACITY`).
const SMALL_TABLE: usize = 64;

/// A set of values that iterates as Java's `HashSet` does.
#[derive(Debug)]
pub(super) struct JavaHashSet<T> {
    buckets: Vec<Vec<(i32, T)>>,
    len: usize,
}

impl<T: Copy + Eq> JavaHashSet<T> {
    pub(super) fn new() -> Self {
        Self { buckets: vec![Vec::new(); FIRST_BUCKETS], len: 0 }
    }

    /// Adds a value with its Java hash code; one that is there already keeps its place.
    pub(super) fn insert(&mut self, hash: i32, value: T) {
        let at = self.bucket_of(hash);
        if self.buckets[at].contains(&(hash, value)) {
            return;
        }
        let crowded = self.buckets[at].len() >= CROWDED_BUCKET;
        self.buckets[at].push((hash, value));
        self.len += 1;
        if crowded && self.buckets.len() < SMALL_TABLE {
            self.grow();
        }
        if self.len > self.buckets.len() / 4 * 3 {
            self.grow();
        }
    }

    /// Removes a value; the table stays as large as it was.
    pub(super) fn remove(&mut self, hash: i32, value: T) {
        let at = self.bucket_of(hash);
        let before = self.buckets[at].len();
        self.buckets[at].retain(|entry| *entry != (hash, value));
        self.len -= before - self.buckets[at].len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.buckets.iter().flatten().map(|&(_, value)| value)
    }

    fn bucket_of(&self, hash: i32) -> usize {
        let spread = hash as u32 ^ (hash as u32 >> 16);
        spread as usize & (self.buckets.len() - 1)
    }

    fn grow(&mut self) {
        let larger = vec![Vec::new(); self.buckets.len() * 2];
        for (hash, value) in std::mem::replace(&mut self.buckets, larger).into_iter().flatten() {
            let at = self.bucket_of(hash);
            self.buckets[at].push((hash, value));
        }
    }
}

/// The positions of `keys` in the order in which a `HashMap` with these keys, put in one after another, is
/// walked.
pub(super) fn hash_order<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut set = JavaHashSet::new();
    for (position, key) in keys.into_iter().enumerate() {
        set.insert(string_hash(key), position);
    }
    set.iter().collect()
}

/// Java's `String.hashCode`, over UTF-16 units.
pub(super) fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The hash code of Kafka's `TopicPartition`, from that of the topic's name.
pub(super) fn partition_hash(topic_hash: i32, index: i32) -> i32 {
    index.wrapping_add(31).wrapping_mul(31).wrapping_add(topic_hash)
}

/// Java's `String.compareTo`: by UTF-16 units, which differs from Rust's order beyond the basic plane.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected orders were printed by OpenJDK 17.

    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("consumer-1"), -166_239_206);
        assert_eq!(string_hash("größe-🦀"), 175_616_574);
    }

    #[test]
    fn keys_come_out_in_java_order_after_the_table_grew() {
        let keys: Vec<String> = (0..14).map(|n| format!("member-{}", n * 37)).collect();
        let order = hash_order(keys.iter().map(String::as_str));
        assert_eq!(order, [8, 3, 6, 10, 13, 5, 1, 2, 11, 0, 9, 12, 4, 7]);
    }

    #[test]
    fn keys_with_equal_hashes_come_out_in_order_of_arrival() {
        assert_eq!(string_hash("Aa"), string_hash("BB"));
        assert_eq!(hash_order(["Aa", "BB"]), [0, 1]);
        assert_eq!(hash_order(["BB", "Aa"]), [0, 1]);
    }

    #[test]
    fn a_crowded_bucket_makes_a_small_table_grow() {
        let eight = ["AaAaAa", "AaAaBB", "AaBBAa", "AaBBBB", "BBAaAa", "BBAaBB", "BBBBAa", "BBBBBB"];
        let keys = |more| ["q", "b"].into_iter().chain(eight).chain(more);
        // Before growth "q" is in bucket 1 of 16 and "b" in bucket 2; after it, "q" is in bucket 17 of 32.
        assert_eq!(hash_order(keys(None)), [2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert_eq!(hash_order(keys(Some("AaAaC#"))), [2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 0]);
    }
}
