//! scrypt (RFC 7914) in slices, over the `salsa20` crate: the `scrypt` crate does
//! not stop before it is done, which takes a second.

use salsa20::SalsaCore;
use salsa20::cipher::StreamCipherCore;
use salsa20::cipher::typenum::U4;
use zeroize::Zeroizing;

use super::pause::Pause;
use super::pbkdf2;
use crate::domain::password_hash::Digest;
use crate::error::{Error, Result};

/// Words mixed between two pauses: about a millisecond.
const SLICE: usize = 1 << 16;
/// Words of the block that Salsa20 takes.
const CORE: usize = 16;

/// The costs: N as a power of two, r and p.
#[derive(Clone, Copy)]
pub(super) struct Costs {
    pub(super) log_n: u32,
    pub(super) block: u32,
    pub(super) lanes: u32,
}

/// Derives `length` bytes from a password.
pub(super) async fn derive(
    password: &[u8],
    salt: &[u8],
    costs: Costs,
    length: usize,
    pause: Pause<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    let out_of_bounds = || Error::internal("costs of scrypt that are out of bounds");
    let usize = |number: u32| usize::try_from(number).map_err(Error::internal);
    let words = usize(costs.block)?.checked_mul(2 * CORE).ok_or_else(out_of_bounds)?;
    let bytes = words.checked_mul(4).and_then(|bytes| bytes.checked_mul(usize(costs.lanes).ok()?));
    let bytes = bytes.ok_or_else(out_of_bounds)?;
    let n = 1_usize.checked_shl(costs.log_n).ok_or_else(out_of_bounds)?;

    let blocks = pbkdf2::derive(Digest::Sha256, password, salt, 1, bytes, pause).await?;
    let (blocks, _) = blocks.as_chunks::<4>();
    let mut blocks = Zeroizing::new(blocks.iter().map(|word| u32::from_le_bytes(*word)).collect());
    let mut memory = reserve(n.checked_mul(words).ok_or_else(out_of_bounds)?)?;
    for block in <[u32]>::chunks_exact_mut(Vec::as_mut_slice(&mut blocks), words) {
        mix(block, &mut memory, n, pause).await;
    }
    let blocks: Zeroizing<Vec<u8>> =
        Zeroizing::new(blocks.iter().flat_map(|word| word.to_le_bytes()).collect());
    pbkdf2::derive(Digest::Sha256, password, &blocks, 1, length, pause).await
}

/// Memory of so many words, or an error where there is no more.
fn reserve(words: usize) -> Result<Zeroizing<Vec<u32>>> {
    let mut memory = Vec::new();
    let reserved = memory.try_reserve_exact(words);
    reserved.map_err(|_| Error::unavailable("there is no memory to verify a password in"))?;
    memory.resize(words, 0);
    Ok(Zeroizing::new(memory))
}

/// scryptROMix (RFC 7914, 5).
async fn mix(block: &mut [u32], memory: &mut [u32], n: usize, pause: Pause<'_>) {
    let words = block.len();
    let mut mixed = Zeroizing::new(vec![0; words]);
    let mut done = 0_usize;
    for place in memory.chunks_exact_mut(words) {
        place.copy_from_slice(block);
        mix_block(place, block);
        rest(&mut done, words, pause).await;
    }
    for _ in 0..n {
        // N is a power of two, and less than 2^32: the lowest word says where.
        let first_of_last = words.saturating_sub(CORE);
        let at = block.get(first_of_last).map_or(0, |word| *word as usize & n.saturating_sub(1));
        let place = memory.chunks_exact(words).nth(at).unwrap_or_default();
        block.iter_mut().zip(place).for_each(|(word, other)| *word ^= other);
        mix_block(block, &mut mixed);
        block.copy_from_slice(&mixed);
        rest(&mut done, words, pause).await;
    }
}

async fn rest(done: &mut usize, words: usize, pause: Pause<'_>) {
    *done = done.saturating_add(words);
    if *done >= SLICE {
        *done = 0;
        pause.take().await;
    }
}

/// scryptBlockMix (RFC 7914, 4): even parts go to the first half, odd ones to the
/// second.
fn mix_block(input: &[u32], output: &mut [u32]) {
    let mut core = [0; CORE];
    core.iter_mut().zip(input.iter().rev().take(CORE).rev()).for_each(|(to, from)| *to = *from);
    let (first, second) = output.split_at_mut(output.len().checked_div(2).unwrap_or(0));
    let (parts, _) = input.as_chunks::<CORE>();
    let (first, _) = first.as_chunks_mut::<CORE>();
    let (second, _) = second.as_chunks_mut::<CORE>();
    let places = first.iter_mut().zip(second).flat_map(|(even, odd)| [even, odd]);
    for (part, place) in parts.iter().zip(places) {
        core.iter_mut().zip(part).for_each(|(word, other)| *word ^= other);
        core = salsa20_8(core);
        *place = core;
    }
}

fn salsa20_8(input: [u32; CORE]) -> [u32; CORE] {
    let mut bytes = [0; 4 * CORE];
    SalsaCore::<U4>::from_raw_state(input).write_keystream_block((&mut bytes).into());
    let (words, _) = bytes.as_chunks::<4>();
    let mut output = [0; CORE];
    output.iter_mut().zip(words).for_each(|(to, from)| *to = u32::from_le_bytes(*from));
    output
}
