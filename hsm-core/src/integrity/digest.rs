//! Digests of whole contents: `algorithm:value`, computed in the pass that stores the bytes.

use std::fmt;
use std::str::FromStr;

use blake2::Digest as _;

use crate::error::{Error, Result};

/// A way to compute a digest of a whole content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Algorithm {
    /// XXH3-128 in its canonical (big-endian) form.
    Xxh3 = 1,
    /// SHA-256.
    Sha256 = 2,
    /// MD5: for comparison with systems that use it, never for security.
    Md5 = 3,
    /// Adler-32.
    Adler32 = 4,
    /// CRC-32C (Castagnoli).
    Crc32c = 5,
    /// `BLAKE2b` with 512 bits, without a key.
    Blake2b = 6,
    /// BLAKE3 with 256 bits.
    Blake3 = 7,
    /// SHA-512.
    Sha512 = 8,
}

impl Algorithm {
    /// Every algorithm, in order of number.
    pub const ALL: [Self; 8] = [
        Self::Xxh3,
        Self::Sha256,
        Self::Md5,
        Self::Adler32,
        Self::Crc32c,
        Self::Blake2b,
        Self::Blake3,
        Self::Sha512,
    ];

    /// The name that stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xxh3 => "xxh3",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Adler32 => "adler32",
            Self::Crc32c => "crc32c",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of a value in bytes.
    pub fn value_len(self) -> usize {
        match self {
            Self::Adler32 | Self::Crc32c => 4,
            Self::Xxh3 | Self::Md5 => 16,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Blake2b | Self::Sha512 => 64,
        }
    }

    /// The algorithm with this number on disk.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| *algorithm as u8 == number)
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::invalid(
                "digest algorithm",
                format!("{text:?}; known are xxh3, sha256, sha512, md5, adler32, crc32c, blake2b and blake3"),
            )
        })
    }
}

/// A digest of a whole content; printed as `algorithm:hexadecimal`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    value: Vec<u8>,
}

impl Digest {
    /// A digest from its bytes, most significant first.
    pub fn new(algorithm: Algorithm, value: &[u8]) -> Result<Self> {
        if value.len() != algorithm.value_len() {
            return Err(Error::invalid(
                "digest",
                format!("{} bytes; {} has {}", value.len(), algorithm.name(), algorithm.value_len()),
            ));
        }
        Ok(Self { algorithm, value: value.to_vec() })
    }

    /// How it was computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes, most significant first.
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm.name())?;
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Reads `algorithm:hexadecimal`, in either case.
    fn from_str(text: &str) -> Result<Self> {
        let (algorithm, hex) = text
            .split_once(':')
            .ok_or_else(|| Error::invalid("digest", format!("{text:?}; write algorithm:hexadecimal")))?;
        let algorithm: Algorithm = algorithm.parse()?;
        let pairs = hex.as_bytes().chunks(2);
        let value: Option<Vec<u8>> = pairs
            .map(|pair| {
                let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
                u8::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|b| b.is_ascii_hexdigit()))
            })
            .collect();
        let value = value
            .ok_or_else(|| Error::invalid("digest", format!("{hex:?} is not a row of hexadecimal pairs")))?;
        Self::new(algorithm, &value)
    }
}

enum State {
    Xxh3(Box<twox_hash::xxhash3_128::Hasher>),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Md5(md5::Md5),
    Adler32(simd_adler32::Adler32),
    Crc32c(u32),
    Blake2b(Box<blake2::Blake2b512>),
    Blake3(Box<blake3::Hasher>),
}

/// Computes several digests of one stream of bytes in one pass.
#[derive(Default)]
pub struct DigestSet {
    states: Vec<(Algorithm, State)>,
}

impl fmt::Debug for DigestSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.states.iter().map(|(algorithm, _)| algorithm)).finish()
    }
}

impl DigestSet {
    /// Prepares to compute each of `algorithms`; one named twice is computed once.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut wanted: Vec<Algorithm> = algorithms.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self { states: wanted.into_iter().map(|algorithm| (algorithm, start(algorithm))).collect() }
    }

    /// The digests, once they match what was expected.
    ///
    /// # Errors
    ///
    /// `DigestMismatch` for the first of `expected` that is another, or was not computed.
    pub(crate) fn check(self, expected: &[Digest]) -> Result<Vec<Digest>> {
        let computed = self.finish();
        for expected in expected {
            let found = computed.iter().find(|digest| digest.algorithm() == expected.algorithm());
            if found != Some(expected) {
                let computed = found.map_or_else(String::new, ToString::to_string);
                return Err(Error::DigestMismatch { expected: expected.to_string(), computed });
            }
        }
        Ok(computed)
    }

    /// Whether nothing is computed.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, state) in &mut self.states {
            match state {
                State::Xxh3(hasher) => hasher.write(bytes),
                State::Sha256(hasher) => hasher.update(bytes),
                State::Sha512(hasher) => hasher.update(bytes),
                State::Md5(hasher) => hasher.update(bytes),
                State::Adler32(hasher) => hasher.write(bytes),
                State::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
                State::Blake2b(hasher) => hasher.update(bytes),
                State::Blake3(hasher) => {
                    hasher.update(bytes);
                }
            }
        }
    }

    /// The digests, in order of algorithm.
    pub fn finish(self) -> Vec<Digest> {
        let digest = |(algorithm, state): (Algorithm, State)| {
            let value = match state {
                State::Xxh3(hasher) => hasher.finish_128().to_be_bytes().to_vec(),
                State::Sha256(hasher) => hasher.finalize().to_vec(),
                State::Sha512(hasher) => hasher.finalize().to_vec(),
                State::Md5(hasher) => hasher.finalize().to_vec(),
                State::Adler32(hasher) => hasher.finish().to_be_bytes().to_vec(),
                State::Crc32c(sum) => sum.to_be_bytes().to_vec(),
                State::Blake2b(hasher) => hasher.finalize().to_vec(),
                State::Blake3(hasher) => hasher.finalize().as_bytes().to_vec(),
            };
            Digest { algorithm, value }
        };
        self.states.into_iter().map(digest).collect()
    }
}

fn start(algorithm: Algorithm) -> State {
    match algorithm {
        Algorithm::Xxh3 => State::Xxh3(Box::new(twox_hash::xxhash3_128::Hasher::new())),
        Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
        Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        Algorithm::Md5 => State::Md5(md5::Md5::new()),
        Algorithm::Adler32 => State::Adler32(simd_adler32::Adler32::new()),
        Algorithm::Crc32c => State::Crc32c(crc32c::crc32c(&[])),
        Algorithm::Blake2b => State::Blake2b(Box::new(blake2::Blake2b512::new())),
        Algorithm::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published test vectors of "abc": FIPS 180-2, RFC 1321, RFC 7693, RFC 1950, the BLAKE3 repository.
    const ABC: [&str; 6] = [
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "md5:900150983cd24fb0d6963f7d28e17f72",
        "adler32:024d0127",
        "crc32c:364b3fb7",
        "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        "blake2b:ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    ];

    #[test]
    fn digests_match_the_published_vectors() {
        let mut set = DigestSet::new(Algorithm::ALL);
        set.update(b"a");
        set.update(b"bc");
        let computed = set.finish();
        for expected in ABC {
            let expected: Digest = expected.parse().unwrap();
            assert!(computed.contains(&expected), "{expected} not in {computed:?}");
        }
    }

    #[test]
    fn a_digest_reads_what_it_prints_and_refuses_the_rest() {
        let digest: Digest = ABC[1].parse().unwrap();
        assert_eq!(digest.to_string(), ABC[1]);
        for wrong in ["", "md5", "md5:00", "md5:zz0150983cd24fb0d6963f7d28e17f72", "crc:00", "md5:+1+1"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
