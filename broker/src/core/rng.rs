//! Random numbers from a seed (SplitMix64): all that is random in the core can be had again.

use milena_protocol::Uuid;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end` - 1; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end.max(1) as u64) as usize
    }

    /// A random (version 4) UUID that is not reserved and does not begin with a dash, which tools would take for an
    /// option (Kafka's `Uuid.randomUuid`).
    pub fn uuid(&mut self) -> Uuid {
        loop {
            let mut bits = u128::from(self.next_u64()) << 64 | u128::from(self.next_u64());
            bits = bits & !(0xf << 76) | 4 << 76;
            bits = bits & !(3 << 62) | 2 << 62;
            let uuid = Uuid(bits.to_be_bytes());
            if !uuid.to_string().starts_with('-') {
                return uuid;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_splitmix64() {
        let mut rng = Rng::new(1234567);
        assert_eq!([rng.next_u64(), rng.next_u64()], [6457827717110365317, 3203168211198807973]);
    }

    #[test]
    fn uuids_are_of_version_4_and_no_options() {
        let mut rng = Rng::new(1);
        for _ in 0..1000 {
            let uuid = rng.uuid();
            assert_eq!((uuid.0[6] >> 4, uuid.0[8] >> 6), (4, 2));
            assert!(!uuid.to_string().starts_with('-'));
        }
    }
}
