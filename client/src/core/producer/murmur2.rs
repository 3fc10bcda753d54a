//! MurmurHash2 as Kafka's clients use it: what decides the partition of a record that has a key.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The partition that every client of Kafka gives to this key in a topic of so many partitions.
pub fn partition_for_key(key: &[u8], partitions: usize) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    (positive as usize % partitions.max(1)) as i32
}

/// The hash, as the bits of Java's int.
pub fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde_json::Value;

    use super::*;

    /// `testdata/make-consumer-config` wrote down what Kafka's own classes say.
    #[test]
    fn keys_go_where_javas_producer_puts_them() {
        let lines = include_str!("../../../../testdata/murmur2.jsonl");
        let mut count = 0;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let key = BASE64_STANDARD.decode(line["key"].as_str().unwrap()).unwrap();
            assert_eq!(i64::from(murmur2(&key) as i32), line["hash"], "{key:?}");
            for partitions in [1, 7, 50, 1000] {
                let java = &line[format!("of{partitions}")];
                assert_eq!(i64::from(partition_for_key(&key, partitions)), *java, "{key:?} of {partitions}");
            }
            count += 1;
        }
        assert_eq!(count, 200);
    }
}
