//! Random numbers from a seed (SplitMix64): all that is random in the core can be had again.

use std::time::Duration;

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
        // The bias of the remainder is far below anything that shows in the choice of a broker.
        (self.next_u64() % end.max(1) as u64) as usize
    }

    /// `time`, up to a fifth shorter or longer, so that clients which failed together do not return together.
    pub fn jitter(&mut self, time: Duration) -> Duration {
        let unit = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        time.mul_f64(0.8 + 0.4 * unit)
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
    fn a_number_is_below_its_end() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 3];
        (0..100).for_each(|_| seen[rng.below(3)] = true);
        assert_eq!(seen, [true; 3]);
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let mut rng = Rng::new(1);
        let times: Vec<u128> = (0..1000).map(|_| rng.jitter(Duration::from_secs(1)).as_millis()).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!((800..820).contains(least) && (1180..=1200).contains(most), "{least} to {most}");
    }
}
