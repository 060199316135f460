//! PBKDF2 (RFC 8018, 5.2) in slices: the `pbkdf2` crate does not stop before it is
//! done, which takes seconds.

use hmac::digest::{FixedOutput, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::pause::Pause;
use crate::domain::password_hash::Digest;
use crate::error::{Error, Result};

/// Iterations between two pauses: about a millisecond.
const SLICE: u32 = 1_024;

/// Derives `length` bytes from a password.
pub(super) async fn derive(
    digest: Digest,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    pause: Pause<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    match digest {
        Digest::Sha1 => by::<Hmac<Sha1>>(password, salt, iterations, length, pause).await,
        Digest::Sha256 => by::<Hmac<Sha256>>(password, salt, iterations, length, pause).await,
        Digest::Sha512 => by::<Hmac<Sha512>>(password, salt, iterations, length, pause).await,
    }
}

async fn by<M: Mac + KeyInit + FixedOutput + Clone + Send + Sync>(
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    pause: Pause<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    let keyed = <M as KeyInit>::new_from_slice(password).map_err(Error::internal)?;
    let hash = |parts: &[&[u8]]| {
        let mut mac = keyed.clone();
        parts.iter().for_each(|part| Mac::update(&mut mac, part));
        Zeroizing::new(mac.finalize_fixed().to_vec())
    };
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    let mut number: u32 = 0;
    while derived.len() < length {
        number = number.saturating_add(1);
        let mut last = hash(&[salt, &number.to_be_bytes()]);
        let mut block = last.clone();
        for step in 1..iterations {
            pause.take_after(step, SLICE).await;
            last = hash(&[&last]);
            block.iter_mut().zip(last.iter()).for_each(|(sum, byte)| *sum ^= byte);
        }
        derived.extend_from_slice(&block);
    }
    derived.truncate(length);
    Ok(derived)
}
