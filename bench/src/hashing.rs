//! What sign-ins cost others: reads while passwords are hashed on every core, and
//! the hash itself beside the native `argon2` crate.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::load::turn;
use crate::offer::{offer, percentile};
use crate::rows::{HASH, READ_USER, SIGN_IN};
use crate::target::{Kind, Target};

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
    /// On an idle machine: one sign-in, one hash in a component without a pause, and
    /// one by the native crate.
    pub(crate) one_sign_in: Duration,
    pub(crate) one_hash: Duration,
    pub(crate) native_hash: Duration,
    /// Hashes a second on every core: in a component without a pause, and by the
    /// native crate.
    pub(crate) hashes: f64,
    pub(crate) native_hashes: f64,
}

/// Measures on a target, each part for a time.
///
/// # Errors
///
/// When an answer is not as expected.
pub(crate) async fn measure(target: &Target, time: Duration) -> Result<Hashing> {
    eprintln!("Reads beside sign-ins");
    let one_sign_in = turn(&SIGN_IN, target, 1, time / 2).await?.median;
    let hash = Target::start(Kind::Hash, 0).await?;
    let one_hash = turn(&HASH, &hash, 1, time / 2).await?.median;
    let native_hash = native_hash()?;
    let hashes = turn(&HASH, &hash, AT_A_TIME, time).await?.rate;
    let native_hashes = native_hashes(time)?;
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
        one_hash,
        native_hash,
        hashes,
        native_hashes,
    })
}

/// The median of some hashes by the native crate, at the parameters of the component.
fn native_hash() -> Result<Duration> {
    let mut native = Native::new()?;
    let mut times = Vec::new();
    for _ in 0..21 {
        let begin = Instant::now();
        native.hash()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

/// How many of them a second on as many threads as there are cores.
fn native_hashes(time: Duration) -> Result<f64> {
    let begin = Instant::now();
    let thread = || -> Result<u32> {
        let mut native = Native::new()?;
        let mut count = 0;
        while begin.elapsed() < time {
            native.hash()?;
            count += 1;
        }
        Ok(count)
    };
    let count = thread::scope(|scope| {
        let cores = thread::available_parallelism()?.get();
        let threads = (0..cores).map(|_| scope.spawn(thread)).collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
    });
    Result::<u32>::map(count, |count| f64::from(count) / begin.elapsed().as_secs_f64())
}

/// The native crate, with memory that is kept from hash to hash.
struct Native {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl Native {
    fn new() -> Result<Self> {
        let params = Params::new(19_456, 2, 1, Some(32)).map_err(anyhow::Error::msg)?;
        let memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self { argon2, memory })
    }

    fn hash(&mut self) -> Result<()> {
        let (password, salt) = (b"a long walk by the river", b"16 random bytes.");
        let mut output = [0; 32];
        self.argon2
            .hash_password_into_with_memory(password, salt, &mut output, &mut self.memory)
            .map_err(anyhow::Error::msg)
    }
}

impl fmt::Display for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = self.reads_alone;
        writeln!(f, "Reads alone: p50 {p50:.2?}, p99 {p99:.2?}")?;
        let [p50, p99] = self.reads_beside;
        writeln!(f, "Reads beside sign-ins on every core: p50 {p50:.2?}, p99 {p99:.2?}")?;
        let (alone, beside) = (self.sign_ins_alone, self.sign_ins_beside);
        writeln!(f, "Sign-ins: {alone:.1} a second alone, {beside:.1} beside the reads")?;
        let times = |time: Duration| time.as_secs_f64() / self.native_hash.as_secs_f64();
        let native = self.native_hash;
        for (name, time) in [("hash in a component", self.one_hash), ("sign-in", self.one_sign_in)]
        {
            let times = times(time);
            writeln!(
                f,
                "One {name}: {time:.1?}, {times:.2} times the native crate's {native:.1?}"
            )?;
        }
        let (hashes, native) = (self.hashes, self.native_hashes);
        writeln!(f, "Hashes: {hashes:.1} a second in a component, {native:.1} by the native crate")
    }
}
