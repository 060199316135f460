//! bcrypt in slices, over the `blowfish` crate: the `bcrypt` crate does not stop
//! before it is done, which takes a second.

use blowfish::Blowfish;
use zeroize::Zeroizing;

use super::pause::Pause;

/// Rounds between two pauses: about a millisecond.
const SLICE: u32 = 8;
/// What counts of a password, with the NUL that ends it.
const MAX_BYTES: usize = 72;
/// `OrpheanBeholderScryDoubt`, which is encrypted 64 times.
const TEXT: [[u32; 2]; 3] =
    [[0x4f72_7068, 0x6561_6e42], [0x6568_6f6c, 0x6465_7253], [0x6372_7944, 0x6f75_6274]];

/// Derives 23 bytes from a password.
pub(super) async fn derive(password: &[u8], salt: &[u8], cost: u32, pause: Pause<'_>) -> Vec<u8> {
    let mut key = Zeroizing::new([password, &[0]].concat());
    key.truncate(MAX_BYTES);
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for round in 1..=1_u32.checked_shl(cost).unwrap_or(u32::MAX) {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
        pause.take_after(round, SLICE).await;
    }
    let encrypt = |pair| (0..64).fold(pair, |pair, _| state.bc_encrypt(pair));
    let words = TEXT.into_iter().flat_map(encrypt);
    let mut output: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
    // One byte was forgotten when it was invented.
    output.truncate(23);
    output
}
