//! Password hashes as texts: our own, and those that people bring along from other
//! services. Only what can be verified within bounds is read.

use super::encoding::{BASE64, BASE64_NOPAD};
use crate::error::Invalid;

/// The most memory that a hash may take, in KiB: 128 MiB.
const MAX_MEMORY_KIB: u64 = 128 << 10;
/// The most passes over memory, in KiB, that Argon2 may take: some 14 of our own.
const MAX_ARGON2_KIB: u64 = 512 << 10;
/// The most that bcrypt may take: 2^14 rounds.
const MAX_BCRYPT_COST: u32 = 14;
/// The most blocks of 128 bytes that scrypt may mix.
const MAX_SCRYPT_BLOCKS: u64 = 1 << 20;
/// The most iterations of PBKDF2.
const MAX_ITERATIONS: u32 = 2_000_000;
/// The longest text.
pub const MAX_BYTES: usize = 512;
/// The fewest and the most bytes of a salt.
const SALT: std::ops::RangeInclusive<usize> = 4..=64;
/// The fewest of Argon2, as everywhere (its reference implementation takes no fewer).
const ARGON2_SALT: usize = 8;

/// A password hash that can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    /// How it is computed.
    pub algorithm: Algorithm,
    /// The salt.
    pub salt: Vec<u8>,
    /// What must come out.
    pub output: Vec<u8>,
}

/// How a hash is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 9106, version 0x13.
    Argon2 {
        /// Which of the three.
        variant: Argon2,
        /// The memory, m.
        memory_kib: u32,
        /// The passes over it, t.
        passes: u32,
        /// The lanes, p.
        lanes: u32,
    },
    /// As OpenBSD has it: the first 72 bytes of a password count.
    Bcrypt {
        /// The number of rounds, as a power of two.
        cost: u32,
        /// Whether it is the SHA-256 of the password, in hexadecimal, that is hashed.
        sha256: bool,
    },
    /// RFC 7914.
    Scrypt {
        /// The cost N, as a power of two.
        log_n: u32,
        /// The size of a block, r.
        block: u32,
        /// The lanes, p.
        lanes: u32,
    },
    /// RFC 8018 with HMAC.
    Pbkdf2 {
        /// The hash below.
        digest: Digest,
        /// How often it is iterated.
        iterations: u32,
    },
}

/// The variants of Argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argon2 {
    /// Argon2d.
    D,
    /// Argon2i.
    I,
    /// Argon2id.
    Id,
}

/// The hashes that PBKDF2 is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl PasswordHash {
    /// Reads a hash of Argon2, bcrypt, scrypt or PBKDF2 in one of the forms that PHC
    /// strings, passlib, Django and crypt(3) have.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid::new("too_long", format!("must have at most {MAX_BYTES} bytes")));
        }
        // Django writes its own name of the algorithm before what others wrote.
        let parts: Vec<_> = text.split('$').collect();
        let parsed = match parts.as_slice() {
            ["" | "argon2", name, "v=19", costs, salt, output] => argon2(name, costs, salt, output),
            ["", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest, false),
            ["bcrypt", "", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest, false),
            ["bcrypt_sha256", "", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest, true),
            ["", "scrypt", costs, salt, output] => scrypt(costs, salt, output),
            ["scrypt", n, salt, block, lanes, output] => {
                scrypt_of_django(n, salt, [block, lanes], output)
            }
            ["", name, costs, salt, output] => pbkdf2(name, costs, salt, output),
            [name, iterations, salt, output] => pbkdf2_of_django(name, iterations, salt, output),
            _ => None,
        };
        let (algorithm, salt, output) = parsed.ok_or_else(unknown)?;
        let hash = Self { text: text.to_owned(), algorithm, salt, output };
        if hash.is_within_bounds() { Ok(hash) } else { Err(too_costly()) }
    }

    /// The text, as it is stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether verifying it takes no more than a request may: whoever stores a hash
    /// must not be able to stop the service with it.
    fn is_within_bounds(&self) -> bool {
        let costs = match self.algorithm {
            Algorithm::Argon2 { memory_kib, passes, lanes, .. } => {
                let filled = u64::from(memory_kib).saturating_mul(passes.into());
                u64::from(memory_kib) <= MAX_MEMORY_KIB
                    && filled <= MAX_ARGON2_KIB
                    && (1..=64).contains(&lanes)
                    && memory_kib >= lanes.saturating_mul(8)
                    && passes >= 1
                    && self.salt.len() >= ARGON2_SALT
                    && self.output.len() <= 64
            }
            Algorithm::Bcrypt { cost, .. } => (4..=MAX_BCRYPT_COST).contains(&cost),
            Algorithm::Scrypt { log_n, block, lanes } => {
                let blocks = u64::from(block).checked_shl(log_n).unwrap_or(u64::MAX);
                (1..=20).contains(&log_n)
                    && (1..=64).contains(&block)
                    && (1..=64).contains(&lanes)
                    && blocks.saturating_mul(lanes.into()) <= MAX_SCRYPT_BLOCKS
                    && self.output.len() <= 64
            }
            Algorithm::Pbkdf2 { digest, iterations } => {
                (1..=MAX_ITERATIONS).contains(&iterations) && self.output.len() == digest.bytes()
            }
        };
        costs && SALT.contains(&self.salt.len()) && self.output.len() >= 16
    }
}

type Parsed = (Algorithm, Vec<u8>, Vec<u8>);

fn argon2(name: &str, costs: &str, salt: &str, output: &str) -> Option<Parsed> {
    let variant = match name {
        "argon2d" => Argon2::D,
        "argon2i" => Argon2::I,
        "argon2id" => Argon2::Id,
        _ => return None,
    };
    let [memory_kib, passes, lanes] = numbers(costs, ["m", "t", "p"])?;
    let algorithm = Algorithm::Argon2 { variant, memory_kib, passes, lanes };
    Some((algorithm, base64(salt)?, base64(output)?))
}

fn bcrypt(cost: &str, rest: &str, sha256: bool) -> Option<Parsed> {
    let (salt, output) = rest.split_at_checked(22)?;
    let two_digits = cost.len() == 2;
    let algorithm = Algorithm::Bcrypt { cost: number(cost).filter(|_| two_digits)?, sha256 };
    let salt = base64_of_bcrypt(salt)?;
    let output = base64_of_bcrypt(output)?;
    (output.len() == 23).then_some((algorithm, salt, output))
}

fn scrypt(costs: &str, salt: &str, output: &str) -> Option<Parsed> {
    let [log_n, block, lanes] = numbers(costs, ["ln", "r", "p"])?;
    Some((Algorithm::Scrypt { log_n, block, lanes }, base64(salt)?, base64(output)?))
}

fn scrypt_of_django(n: &str, salt: &str, costs: [&str; 2], output: &str) -> Option<Parsed> {
    let n = number(n).filter(|n| n.is_power_of_two())?;
    let [block, lanes] = costs.map(number);
    let algorithm = Algorithm::Scrypt { log_n: n.trailing_zeros(), block: block?, lanes: lanes? };
    Some((algorithm, salt.as_bytes().to_vec(), BASE64.decode(output.as_bytes())?))
}

fn pbkdf2(name: &str, costs: &str, salt: &str, output: &str) -> Option<Parsed> {
    let digest = match name {
        "pbkdf2" | "pbkdf2-sha1" => Digest::Sha1,
        "pbkdf2-sha256" => Digest::Sha256,
        "pbkdf2-sha512" => Digest::Sha512,
        _ => return None,
    };
    // passlib has a bare number here, PHC strings i= and sometimes l=.
    let iterations = number(costs)
        .or_else(|| numbers(costs, ["i"]).map(|[iterations]| iterations))
        .or_else(|| numbers(costs, ["i", "l"]).map(|[iterations, _]| iterations))?;
    Some((Algorithm::Pbkdf2 { digest, iterations }, base64(salt)?, base64(output)?))
}

fn pbkdf2_of_django(name: &str, iterations: &str, salt: &str, output: &str) -> Option<Parsed> {
    let digest = match name {
        "pbkdf2_sha1" => Digest::Sha1,
        "pbkdf2_sha256" => Digest::Sha256,
        "pbkdf2_sha512" => Digest::Sha512,
        _ => return None,
    };
    let algorithm = Algorithm::Pbkdf2 { digest, iterations: number(iterations)? };
    Some((algorithm, salt.as_bytes().to_vec(), BASE64.decode(output.as_bytes())?))
}

/// The numbers of `a=1,b=2`, in this order and no others.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Option<[u32; N]> {
    let mut given = text.split(',');
    let mut read = [0; N];
    for (place, name) in read.iter_mut().zip(names) {
        *place = number(given.next()?.strip_prefix(name)?.strip_prefix('=')?)?;
    }
    given.next().is_none().then_some(read)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Base64 without padding; passlib has a dot in the place of the plus.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64_NOPAD.decode(text.replace('.', "+").as_bytes())
}

/// Base64 in the alphabet of bcrypt, whose last characters have bits to spare.
fn base64_of_bcrypt(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const USUAL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let spare = text.len().wrapping_mul(6) % 8;
    let mut usual = Vec::with_capacity(text.len());
    for (place, letter) in (1..).zip(text.bytes()) {
        let mut value = LETTERS.iter().position(|known| *known == letter)?;
        if place == text.len() {
            value = (value >> spare) << spare;
        }
        usual.push(*USUAL.get(value)?);
    }
    BASE64_NOPAD.decode(usual)
}

fn unknown() -> Invalid {
    let message = "is not a hash of Argon2, bcrypt, scrypt or PBKDF2 in a form that is known";
    Invalid::new("unknown_hash", message)
}

fn too_costly() -> Invalid {
    Invalid::new("hash_out_of_bounds", "has a cost, a salt or a length that is not supported")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_hash_are_read() {
        let hash = PasswordHash::parse(
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        );
        let algorithm =
            Algorithm::Argon2 { variant: Argon2::Id, memory_kib: 19_456, passes: 2, lanes: 1 };
        let hash = hash.unwrap();
        assert_eq!((hash.algorithm, hash.salt, hash.output), (algorithm, vec![0; 8], vec![0; 16]));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [
            "",
            "$",
            "a long walk by the river",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "$argon2id$v=16$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$t=2,m=19456,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=2,p=1,x=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=-1,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$2b$4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6",
            "$2b$04$äbcdefghijklmnopqrstujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "pbkdf2_md5$2000$seasalt2$AAAAAAAAAAAAAAAAAAAAAA==",
            "scrypt$1000$seasalt2$8$1$AAAAAAAAAAAAAAAAAAAAAA==",
        ] {
            assert_eq!(PasswordHash::parse(text).unwrap_err().code, "unknown_hash", "{text}");
        }
    }

    #[test]
    fn nobody_can_plant_a_hash_that_stops_the_service() {
        let argon2 = |costs| format!("$argon2id$v=19${costs}$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA");
        let scrypt = |costs| format!("$scrypt${costs}$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA");
        for text in [
            argon2("m=131073,t=1,p=1"),
            argon2("m=65536,t=9,p=1"),
            argon2("m=8,t=4000000000,p=1"),
            argon2("m=19456,t=2,p=0"),
            argon2("m=8,t=2,p=2"),
            argon2("m=0,t=0,p=0"),
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            scrypt("ln=18,r=8,p=1"),
            scrypt("ln=4000000000,r=8,p=1"),
            scrypt("ln=14,r=8,p=9"),
            scrypt("ln=10,r=0,p=1"),
            "$2b$15$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".to_owned(),
            "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".to_owned(),
            "$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".to_owned(),
            "pbkdf2_sha1$2000001$seasalt2$vrvpyPLb9EVoZRlXl8/BD9SwG2w=".to_owned(),
            "pbkdf2_sha1$0$seasalt2$vrvpyPLb9EVoZRlXl8/BD9SwG2w=".to_owned(),
            "pbkdf2_sha256$2000$seasalt2$vrvpyPLb9EVoZRlXl8/BD9SwG2w=".to_owned(),
            "pbkdf2_sha1$2000$$vrvpyPLb9EVoZRlXl8/BD9SwG2w=".to_owned(),
        ] {
            assert_eq!(
                PasswordHash::parse(&text).unwrap_err().code,
                "hash_out_of_bounds",
                "{text}"
            );
        }
    }
}
