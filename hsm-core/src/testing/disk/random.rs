//! Random numbers that a seed repeats: splitmix64 (Steele, Lea and Flood, 2014).

#[derive(Debug)]
pub(in crate::testing) struct Random(pub(in crate::testing) u64);

impl Random {
    pub(in crate::testing) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True once in `times`.
    pub(in crate::testing) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }
}
