//! The port that hashes passwords, and its implementation.

mod bcrypt;
mod desk;
mod pause;
mod pbkdf2;
mod scrypt;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::encoding::{BASE64_NOPAD, HEX};
use rollcall_argon2id::{Hashing, Inputs, Params, Progress, Variant};
use zeroize::Zeroizing;

use crate::app::Timer;
use crate::domain::password::Password;
use crate::domain::password_hash::{Algorithm, Argon2, PasswordHash};
use crate::domain::secret::{equal, sha256};
use crate::domain::time::Clock;
use crate::error::{Error, Result};
use crate::store::database::BoxFuture;
use desk::Desk;
use pause::{Pause, Slice};

/// Turns passwords into PHC strings and compares them.
pub trait PasswordHasher: Send + Sync {
    /// A PHC string of the password with this salt.
    fn hash(&self, password: Password, salt: [u8; 16]) -> BoxFuture<'_, Result<String>>;

    /// Whether the password is the one that was hashed, here or elsewhere. Without a
    /// hash the answer is no, and takes as long as with one of our own.
    fn verify(&self, password: Password, hash: Option<String>) -> BoxFuture<'_, Result<bool>>;

    /// Whether a hash is as [`PasswordHasher::hash`] makes them now. One that is not
    /// is replaced when its password is shown.
    fn is_current(&self, hash: &str) -> bool;
}

const OUTPUT_BYTES: usize = 32;

/// Argon2id, RFC 9106, in slices: between two of them other requests go on.
pub struct Argon2id {
    params: Params,
    /// `m=…,t=…,p=…` of a PHC string.
    cost: String,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    desk: Desk,
    first_slice: Mutex<Slice>,
}

impl Argon2id {
    /// With a memory in KiB and a number of passes; OWASP's minimum is 19456 and 2.
    /// No hash waits for its turn longer than `patience`.
    pub fn new(
        memory_kib: u32,
        passes: u32,
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
        patience: Duration,
    ) -> Result<Self> {
        let params = Params::new(memory_kib, passes, 1).map_err(Error::internal)?;
        let cost = format!("m={memory_kib},t={passes},p=1");
        let desk = Desk::new(Arc::clone(&clock), Arc::clone(&timer), patience);
        Ok(Self { params, cost, clock, timer, desk, first_slice: Mutex::new(Slice::FIRST) })
    }

    async fn compute(
        &self,
        variant: Variant,
        params: Params,
        inputs: &Inputs<'_>,
        length: usize,
    ) -> Result<Vec<u8>> {
        let mut lent = self.desk.lend().await?;
        let hashing = Hashing::new(variant, params, inputs, length, lent.memory());
        let mut hashing = hashing.map_err(Error::internal)?;
        let mut slice = *self.first_slice();
        while hashing.advance(slice.blocks()) != Progress::Ready {
            let begin = self.clock.now();
            let long = self.pause().take_behind(slice).await;
            slice = slice.after(self.clock.now().since(begin) > long);
        }
        *self.first_slice() = slice.of_next();
        Ok(hashing.finish())
    }

    fn first_slice(&self) -> MutexGuard<'_, Slice> {
        self.first_slice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self) -> Pause<'_> {
        Pause(&*self.timer)
    }

    async fn matches(&self, password: &Password, hash: &str) -> Result<bool> {
        let hash = PasswordHash::parse(hash);
        let hash = hash.map_err(|_| Error::internal("a stored password hash is not one"))?;
        Ok(equal(&self.derive(password.reveal(), &hash).await?, &hash.output))
    }

    /// What comes out for this password as a hash was computed.
    async fn derive(&self, password: &[u8], hash: &PasswordHash) -> Result<Zeroizing<Vec<u8>>> {
        let (salt, length) = (hash.salt.as_slice(), hash.output.len());
        if let Algorithm::Argon2 { variant, memory_kib, passes, lanes } = hash.algorithm {
            let params = Params::new(memory_kib, passes, lanes).map_err(Error::internal)?;
            let inputs = Inputs { password, salt, ..Inputs::default() };
            return self.compute(variant.into(), params, &inputs, length).await.map(Zeroizing::new);
        }
        // The others take their turn like ours, with memory of their own.
        let _turn = self.desk.lend().await?;
        match hash.algorithm {
            Algorithm::Argon2 { .. } => Err(Error::internal("Argon2 was computed above")),
            Algorithm::Bcrypt { cost, sha256: false } => {
                Ok(Zeroizing::new(bcrypt::derive(password, salt, cost, self.pause()).await))
            }
            Algorithm::Bcrypt { cost, sha256: true } => {
                let password = Zeroizing::new(HEX.encode(&sha256(password)));
                let derived = bcrypt::derive(password.as_bytes(), salt, cost, self.pause());
                Ok(Zeroizing::new(derived.await))
            }
            Algorithm::Scrypt { log_n, block, lanes } => {
                let costs = scrypt::Costs { log_n, block, lanes };
                scrypt::derive(password, salt, costs, length, self.pause()).await
            }
            Algorithm::Pbkdf2 { digest, iterations } => {
                pbkdf2::derive(digest, password, salt, iterations, length, self.pause()).await
            }
        }
    }
}

impl From<Argon2> for Variant {
    fn from(variant: Argon2) -> Self {
        match variant {
            Argon2::D => Self::D,
            Argon2::I => Self::I,
            Argon2::Id => Self::Id,
        }
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

    fn is_current(&self, hash: &str) -> bool {
        hash.strip_prefix("$argon2id$v=19$").is_some_and(|rest| {
            rest.strip_prefix(self.cost.as_str()).is_some_and(|rest| rest.starts_with('$'))
        })
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc;
    use argon2::{Argon2, PasswordVerifier};
    use futures_util::FutureExt;

    use super::{Argon2id, *};
    use crate::domain::time::Timestamp;

    struct AtOnce;

    impl Timer for AtOnce {
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    struct Epoch;

    impl Clock for Epoch {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    fn hasher() -> Argon2id {
        Argon2id::new(64, 2, Arc::new(Epoch), Arc::new(AtOnce), Duration::ZERO).unwrap()
    }

    #[test]
    fn hashes_are_those_of_everybody_else() {
        let hasher = hasher();
        let password = Password::given("correct horse").unwrap();
        let hash = hasher.hash(password.clone(), [7; 16]).now_or_never().unwrap().unwrap();
        let parsed = phc::PasswordHash::new(&hash).unwrap();
        Argon2::default().verify_password(password.reveal(), &parsed).unwrap();
        let verify = |password: &str, hash: Option<&str>| {
            let password = Password::given(password).unwrap();
            hasher.verify(password, hash.map(str::to_owned)).now_or_never().unwrap().unwrap()
        };
        assert!(hasher.is_current(&hash));
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct house", Some(&hash)));
        assert!(!verify("correct horse", None));
    }

    /// Made by Python's hashlib and by crypt(3) of libxcrypt, for "correct horse".
    const FOREIGN: &[&str] = &[
        "pbkdf2_sha256$2000$seasalt2$mvpAPYfriIlxNHX9NoZhXCwz+xuxNOls5p8p58FQA9Y=",
        "pbkdf2_sha1$2000$seasalt2$vrvpyPLb9EVoZRlXl8/BD9SwG2w=",
        "$pbkdf2-sha256$2000$yMnKy8zNzs/Q0dLT1NXW1w$EpvnsomSn0/DFYNCPeKkutYB8qA16UVvzMWXCxhQkA0",
        "$pbkdf2-sha512$2000$yMnKy8zNzs/Q0dLT1NXW1w$\
         eCz3BlXHmDWjmlqSCBxct0qD7iABmxi1vYsnSyDhjb6paBPCADu3/1m2x2MyGFbMJUARSGBbAxKhLyLM/xOY5A",
        "$pbkdf2$2000$yMnKy8zNzs/Q0dLT1NXW1w$x4Itx7c.2ROcjceh5APFxHGzvkE",
        "$pbkdf2-sha256$i=2000,l=32$yMnKy8zNzs/Q0dLT1NXW1w$\
         EpvnsomSn0/DFYNCPeKkutYB8qA16UVvzMWXCxhQkA0",
        "$scrypt$ln=10,r=8,p=1$yMnKy8zNzs/Q0dLT1NXW1w$SDfo5Vh4WOI0Gj2oah2O18JMdph5SFveKhdeD9EYzg0",
        "scrypt$1024$seasalt2$8$5$\
         IV2J5ZSIAnUciMo6BcaHeigaMSbZXnlBIyvRnrJuVu+6g4FNdqdmUd3s8DMnFueA891q49pV9F8fPw2Bgl5MJg==",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq",
    ];

    fn verify(hasher: &Argon2id, password: &str, hash: &str) -> bool {
        let verify = hasher.verify(Password::given(password).unwrap(), Some(hash.to_owned()));
        verify.now_or_never().unwrap().unwrap()
    }

    #[test]
    fn hashes_of_others_are_verified_and_not_current() {
        let hasher = hasher();
        for hash in FOREIGN {
            assert!(verify(&hasher, "correct horse", hash), "{hash}");
            assert!(!verify(&hasher, "correct house", hash), "{hash}");
            assert!(!hasher.is_current(hash), "{hash}");
        }
        let long = "x".repeat(80);
        let hash = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
        assert!(verify(&hasher, &long, hash));
    }

    #[test]
    fn argon2_of_other_parameters_is_verified_and_not_current() {
        let own = hasher();
        let salt = phc::Salt::new(b"seasalt2seasalt2").unwrap();
        for (algorithm, memory, passes, lanes) in
            [("argon2d", 64, 1, 1), ("argon2i", 128, 3, 2), ("argon2id", 64, 3, 4)]
        {
            let params = argon2::Params::new(memory, passes, lanes, None).unwrap();
            let other = argon2::Algorithm::new(algorithm).unwrap();
            let other = Argon2::new(other, argon2::Version::V0x13, params);
            let mut output = [0; 32];
            other.hash_password_into(b"correct horse", &salt, &mut output).unwrap();
            let hash = format!(
                "${algorithm}$v=19$m={memory},t={passes},p={lanes}${}${}",
                BASE64_NOPAD.encode(&salt),
                BASE64_NOPAD.encode(&output)
            );
            assert!(verify(&own, "correct horse", &hash), "{hash}");
            assert!(verify(&own, "correct horse", &format!("argon2{hash}")), "{hash}");
            assert!(!verify(&own, "correct house", &hash), "{hash}");
            assert!(!own.is_current(&hash), "{hash}");
        }
    }
}
