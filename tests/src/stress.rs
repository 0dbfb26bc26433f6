//! Many threads of many processes on one store, with contents that prove themselves.
//!
//! - [`content`] makes and checks bytes that say whose they are;
//! - [`tally`] counts what was done, and which errors the rules name for it;
//! - [`verbs`] does one verb at random;
//! - [`worker`] is one process: threads, each with a handle of its own or the process's;
//! - [`audit`] looks at the store alone, when all is over.

pub mod audit;
pub mod content;
pub mod tally;
pub mod verbs;
pub mod worker;

/// Random numbers that a seed repeats (splitmix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}
