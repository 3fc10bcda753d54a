//! What a client may do where nobody is kept from anything: bits of Kafka's `AclOperation`, as KIP-430 tells them.

const fn bits(operations: &[u8]) -> i32 {
    let mut bits = 0;
    let mut n = 0;
    while n < operations.len() {
        bits |= 1 << operations[n];
        n += 1;
    }
    bits
}

/// With a topic: read, write, create, delete, alter, describe, describe and alter configurations.
pub(super) const TOPIC: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// With the cluster: create, alter, describe, cluster action, describe and alter configurations, idempotent write.
pub(super) const CLUSTER: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);
