//! What sign-ins cost others: reads while passwords are hashed on every core, and
//! the hash itself beside the native `argon2` crate.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::load::turn;
use crate::offer::{offer, percentile};
use crate::rows::{READ_USER, SIGN_IN};
use crate::target::Target;

/// As many sign-ins at a time as keep two cores busy.
const AT_A_TIME: usize = 8;
/// Reads a second: enough to see their times, too few to take the cores.
const READS: f64 = 50.0;

/// What one run brought.
pub(crate) struct Hashing {
    /// Reads with nothing beside them, and beside sign-ins: p50 and p99.
    pub(crate) reads_alone: [Duration; 2],
    pub(crate) reads_beside: [Duration; 2],
    /// Sign-ins a second, alone and beside the reads.
    pub(crate) sign_ins_alone: f64,
    pub(crate) sign_ins_beside: f64,
    /// One sign-in on an idle machine, and one hash by the native crate.
    pub(crate) one_sign_in: Duration,
    pub(crate) native_hash: Duration,
}

/// Measures on a target, each part for a time.
///
/// # Errors
///
/// When an answer is not as expected.
pub(crate) async fn measure(target: &Target, time: Duration) -> Result<Hashing> {
    eprintln!("Reads beside sign-ins");
    let one_sign_in = turn(&SIGN_IN, target, 1, time / 2).await?.median;
    let native_hash = native_hash()?;
    let reads = offer(&READ_USER, target, READS, time).await?;
    let reads_alone = [50, 99].map(|hundredths| percentile(reads.iter(), hundredths));
    let sign_ins_alone = turn(&SIGN_IN, target, AT_A_TIME, time).await?.rate;
    let (sign_ins, reads) = tokio::join!(
        turn(&SIGN_IN, target, AT_A_TIME, time),
        offer(&READ_USER, target, READS, time)
    );
    let (sign_ins_beside, reads) = (sign_ins?.rate, reads?);
    ensure!(reads.iter().all(|read| read.status.is_success()), "a read failed");
    let reads_beside = [50, 99].map(|hundredths| percentile(reads.iter(), hundredths));
    Ok(Hashing {
        reads_alone,
        reads_beside,
        sign_ins_alone,
        sign_ins_beside,
        one_sign_in,
        native_hash,
    })
}

/// The median of some hashes by the native crate, at the parameters of the component.
fn native_hash() -> Result<Duration> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(anyhow::Error::msg)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut times = Vec::new();
    for round in 0..21_u8 {
        let begin = Instant::now();
        let mut output = [0; 32];
        argon2
            .hash_password_into(b"a long walk by the river", &[round; 16], &mut output)
            .map_err(anyhow::Error::msg)?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

impl fmt::Display for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = self.reads_alone;
        writeln!(f, "Reads alone: p50 {p50:.2?}, p99 {p99:.2?}")?;
        let [p50, p99] = self.reads_beside;
        writeln!(f, "Reads beside sign-ins on every core: p50 {p50:.2?}, p99 {p99:.2?}")?;
        let (alone, beside) = (self.sign_ins_alone, self.sign_ins_beside);
        writeln!(f, "Sign-ins: {alone:.1} a second alone, {beside:.1} beside the reads")?;
        let (sign_in, hash) = (self.one_sign_in, self.native_hash);
        let ratio = sign_in.as_secs_f64() / hash.as_secs_f64();
        writeln!(
            f,
            "One sign-in: {sign_in:.1?}, {ratio:.2} times a hash by the native crate ({hash:.1?})"
        )
    }
}
