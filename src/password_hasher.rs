//! The port that hashes passwords, and its implementation.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, CustomizedPasswordHasher, Params, PasswordVerifier, Version};

use crate::domain::password::Password;
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

/// Argon2id, RFC 9106.
pub struct Argon2id {
    argon2: Argon2<'static>,
    /// Of nobody's password; compared with when an account does not exist.
    dummy: String,
}

impl Argon2id {
    /// With a memory in KiB and a number of passes. OWASP's minimum is 19456 and 2.
    pub fn new(memory_kib: u32, passes: u32) -> Result<Self> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(Error::internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // No password hashes to zeros, so that no computation is needed for it.
        let dummy = format!(
            "$argon2id$v=19$m={memory_kib},t={passes},p=1$cm9sbGNhbGwtZHVtbXkhIQ$\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        );
        Ok(Self { argon2, dummy })
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: Password, salt: [u8; 16]) -> BoxFuture<'_, Result<String>> {
        Box::pin(async move {
            let hash = self.argon2.hash_password_customized(
                password.reveal(),
                &salt,
                None,
                None,
                self.argon2.params().clone(),
            );
            hash.map(|hash| hash.to_string()).map_err(Error::internal)
        })
    }

    fn verify(&self, password: Password, hash: Option<String>) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let hash = hash.unwrap_or_else(|| self.dummy.clone());
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            Ok(self.argon2.verify_password(password.reveal(), &hash).is_ok())
        })
    }
}
