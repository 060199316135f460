//! The port that hashes passwords, and its implementation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use data_encoding::BASE64_NOPAD;
use rollcall_argon2id::{Hashing, Inputs, Memory, Params, Progress, Variant};

use crate::app::Timer;
use crate::domain::password::Password;
use crate::domain::secret::equal;
use crate::error::{Error, Result};
use crate::store::database::BoxFuture;

/// Turns passwords into PHC strings and compares them.
pub trait PasswordHasher: Send + Sync {
    /// A PHC string of the password with this salt.
    fn hash(&self, password: Password, salt: [u8; 16]) -> BoxFuture<'_, Result<String>>;

    /// Whether the password is the one that was hashed. Without a hash the answer
    /// is no, and takes as long as with one.
    fn verify(&self, password: Password, hash: Option<String>) -> BoxFuture<'_, Result<bool>>;
}

/// How many hashes an instance computes at a time: each takes its own memory.
const AT_A_TIME: usize = 2;
/// How many may wait for one of those; who comes then is sent away at once.
const QUEUE: usize = 8;
/// Blocks between two pauses: about a millisecond.
const SLICE: u32 = 2_048;
/// A pause: a real timer gives the thread back, yielding alone does not.
const PAUSE: Duration = Duration::from_micros(50);
/// How often a waiting hash looks whether it may begin.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS: u32 = 1_000;

const OUTPUT_BYTES: usize = 32;

/// Argon2id, RFC 9106, in slices: between two of them other requests go on.
pub struct Argon2id {
    params: Params,
    /// `m=…,t=…,p=…` of a PHC string.
    cost: String,
    timer: Arc<dyn Timer>,
    desk: Mutex<Desk>,
}

/// Who computes and who waits. Looked at without waiting for another request.
struct Desk {
    free: Vec<Memory>,
    waiting: usize,
}

impl Argon2id {
    /// With a memory in KiB and a number of passes. OWASP's minimum is 19456 and 2.
    pub fn new(memory_kib: u32, passes: u32, timer: Arc<dyn Timer>) -> Result<Self> {
        let params = Params::new(memory_kib, passes, 1).map_err(Error::internal)?;
        let cost = format!("m={memory_kib},t={passes},p=1");
        let free = (0..AT_A_TIME).map(|_| Memory::new()).collect();
        Ok(Self { params, cost, timer, desk: Mutex::new(Desk { free, waiting: 0 }) })
    }

    async fn compute(
        &self,
        variant: Variant,
        params: Params,
        inputs: &Inputs<'_>,
        length: usize,
    ) -> Result<Vec<u8>> {
        let mut lent = self.lend().await?;
        let hashing = Hashing::new(variant, params, inputs, length, lent.memory());
        let mut hashing = hashing.map_err(Error::internal)?;
        while hashing.advance(SLICE) != Progress::Ready {
            self.timer.sleep(PAUSE).await;
        }
        Ok(hashing.finish())
    }

    /// A memory to compute in, as soon as there is one.
    async fn lend(&self) -> Result<Lent<'_>> {
        if let Some(memory) = self.take()? {
            return Ok(Lent { desk: &self.desk, memory: Some(memory) });
        }
        let _place = Place(&self.desk);
        for _ in 0..LOOKS {
            self.timer.sleep(LOOK_EVERY).await;
            if let Some(memory) = self.desk().free.pop() {
                return Ok(Lent { desk: &self.desk, memory: Some(memory) });
            }
        }
        Err(Error::unavailable("no hash came to its turn"))
    }

    /// A free memory, or a place in the queue; neither when the queue is full.
    fn take(&self) -> Result<Option<Memory>> {
        let mut desk = self.desk();
        if let Some(memory) = desk.free.pop() {
            return Ok(Some(memory));
        }
        if desk.waiting >= QUEUE {
            return Err(Error::unavailable("too many hashes at a time"));
        }
        desk.waiting = desk.waiting.saturating_add(1);
        Ok(None)
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn matches(&self, password: &Password, hash: &str) -> Result<bool> {
        let hash = PasswordHash::new(hash).map_err(Error::internal)?;
        let variant = match hash.algorithm.as_str() {
            "argon2id" => Variant::Id,
            "argon2i" => Variant::I,
            "argon2d" => Variant::D,
            other => return Err(Error::internal(format!("no hash of ours: {other}"))),
        };
        let cost = argon2::Params::try_from(&hash).map_err(Error::internal)?;
        let params = Params::new(cost.m_cost(), cost.t_cost(), cost.p_cost());
        let params = params.map_err(Error::internal)?;
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
            return Err(Error::internal("a hash without its salt or its output"));
        };
        let inputs =
            Inputs { password: password.reveal(), salt: salt.as_ref(), ..Inputs::default() };
        let expected = expected.as_bytes();
        let computed = self.compute(variant, params, &inputs, expected.len()).await?;
        Ok(equal(&computed, expected))
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Password, salt: [u8; 16]) -> BoxFuture<'_, Result<String>> {
        Box::pin(async move {
            let inputs = Inputs { password: password.reveal(), salt: &salt, ..Inputs::default() };
            let hash = self.compute(Variant::Id, self.params, &inputs, OUTPUT_BYTES).await?;
            let (salt, hash) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&hash));
            Ok(format!("$argon2id$v=19${}${salt}${hash}", self.cost))
        })
    }

    fn verify(&self, password: Password, hash: Option<String>) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            match hash {
                Some(hash) => self.matches(&password, &hash).await,
                None => self.hash(password, [0; 16]).await.map(|_| false),
            }
        })
    }
}

/// A memory that goes back when it is dropped: after the hash, after an error, and
/// when the request is given up.
struct Lent<'a> {
    desk: &'a Mutex<Desk>,
    memory: Option<Memory>,
}

impl Lent<'_> {
    fn memory(&mut self) -> &mut Memory {
        self.memory.get_or_insert_with(Memory::new)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk.free.extend(self.memory.take());
    }
}

/// A place in the queue, which is left when it is dropped.
struct Place<'a>(&'a Mutex<Desk>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        desk.waiting = desk.waiting.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordVerifier};
    use futures_util::FutureExt;

    use super::*;

    struct AtOnce;

    impl Timer for AtOnce {
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn hashes_are_those_of_everybody_else() {
        let hasher = Argon2id::new(64, 2, Arc::new(AtOnce)).unwrap();
        let password = Password::given("correct horse").unwrap();
        let hash = hasher.hash(password.clone(), [7; 16]).now_or_never().unwrap().unwrap();
        let parsed = PasswordHash::new(&hash).unwrap();
        Argon2::default().verify_password(password.reveal(), &parsed).unwrap();
        let verify = |password: &str, hash: Option<&str>| {
            let password = Password::given(password).unwrap();
            hasher.verify(password, hash.map(str::to_owned)).now_or_never().unwrap().unwrap()
        };
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct house", Some(&hash)));
        assert!(!verify("correct horse", None));
    }

    #[test]
    fn who_comes_when_the_queue_is_full_is_sent_away_at_once() {
        struct Never;
        impl Timer for Never {
            fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
                Box::pin(std::future::pending())
            }
        }
        let hasher = Argon2id::new(8_192, 2, Arc::new(Never)).unwrap();
        let start = || {
            let mut hash = hasher.hash(Password::given("x").unwrap(), [0; 16]);
            (hash.as_mut().now_or_never().map(|result| result.is_err()), hash)
        };
        let waiting: Vec<_> = (0..AT_A_TIME + QUEUE).map(|_| start()).collect();
        assert!(waiting.iter().all(|(outcome, _)| outcome.is_none()));
        assert_eq!(start().0, Some(true));
        // Requests that were given up leave their places to others.
        drop(waiting);
        assert_eq!(start().0, None);
    }
}
