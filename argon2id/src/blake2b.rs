//! The hash that Argon2 is built on: BLAKE2b, and H', its longer form.

use blake2::Blake2bVarCore;
use blake2::digest::Output;
use blake2::digest::block_api::{UpdateCore, VariableOutputCore};
use blake2::digest::block_buffer::LazyBuffer;
use zeroize::{Zeroize, Zeroizing};

/// The longest hash that BLAKE2b gives, in bytes.
pub(crate) const LONGEST: usize = 64;

/// BLAKE2b over `parts`, one after the other, into the 1 to 64 bytes of `out`.
pub(crate) fn hash(parts: &[&[u8]], out: &mut [u8]) {
    let mut hasher = Blake2bVarCore::new(out.len()).expect("BLAKE2b gives up to 64 bytes");
    let mut buffer = LazyBuffer::default();
    for part in parts {
        buffer.digest_blocks(part, |blocks| hasher.update_blocks(blocks));
    }
    let mut full = Output::<Blake2bVarCore>::default();
    hasher.finalize_variable_core(&mut buffer, &mut full);
    out.copy_from_slice(&full[..out.len()]);
    full.zeroize();
}

/// H' of RFC 9106 section 3.3: a hash of `parts` as long as `out`, which has 1
/// to 2^32 - 1 bytes.
pub(crate) fn hash_long(parts: &[&[u8]], mut out: &mut [u8]) {
    let length = (out.len() as u32).to_le_bytes();
    let parts = &[&[&length[..]], parts].concat();
    if out.len() <= LONGEST {
        return hash(parts, out);
    }
    let mut chain = Zeroizing::new([0; LONGEST]);
    hash(parts, &mut *chain);
    // Half of each hash goes out, and the whole of it into the next one.
    loop {
        let (half, rest) = out.split_at_mut(LONGEST / 2);
        half.copy_from_slice(&chain[..LONGEST / 2]);
        out = rest;
        if out.len() <= LONGEST {
            return hash(&[&*chain], out);
        }
        let last = chain.clone();
        hash(&[&*last], &mut *chain);
    }
}
