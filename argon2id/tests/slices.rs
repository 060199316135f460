//! What a caller sees of a hash in progress.

use rollcall_argon2id::{Error, Hashing, Inputs, Memory, Params, Progress, Variant};

const INPUTS: Inputs<'static> = Inputs {
    password: b"correct horse battery staple",
    salt: b"sodium chloride",
    secret: b"",
    associated_data: b"",
};

fn params(memory_kib: u32, passes: u32, lanes: u32) -> Params {
    Params::new(memory_kib, passes, lanes).unwrap()
}

fn start(params: Params, memory: &mut Memory) -> Hashing<'_> {
    Hashing::new(Variant::Id, params, &INPUTS, 32, memory).unwrap()
}

#[test]
fn a_hash_tells_how_many_blocks_it_has_filled() {
    let mut memory = Memory::new();
    // 67 KiB are 64 blocks: 2 lanes of 4 segments of 8.
    let mut hashing = start(params(67, 2, 2), &mut memory);
    let pending = |done| Progress::Pending { done, total: 128 };
    assert_eq!(hashing.advance(0), pending(0));
    assert_eq!(hashing.advance(1), pending(1));
    assert_eq!(hashing.advance(100), pending(101));
    assert_eq!(hashing.advance(27), pending(128));
    // The 64 blocks are wiped in the time of 4.
    assert_eq!(hashing.advance(3), pending(128));
    assert_eq!(hashing.advance(1), Progress::Ready);
    assert_eq!(hashing.advance(1), Progress::Ready);
}

#[test]
fn a_hash_is_the_same_however_early_it_is_finished() {
    let mut memory = Memory::new();
    let params = params(40, 2, 1);
    let hash = start(params, &mut memory).finish();
    for blocks in 1..100 {
        let mut hashing = start(params, &mut memory);
        hashing.advance(blocks);
        assert_eq!(hashing.finish(), hash, "finished after {blocks} blocks");
    }
}

#[test]
fn a_memory_keeps_what_the_largest_hash_needed() {
    let mut memory = Memory::new();
    assert_eq!(memory.kib(), 0);
    start(params(64, 1, 1), &mut memory).finish();
    assert_eq!(memory.kib(), 64);
    start(params(8, 1, 1), &mut memory).finish();
    assert_eq!(memory.kib(), 64);
    start(params(128, 1, 1), &mut memory).finish();
    assert_eq!(memory.kib(), 128);
}

#[test]
fn a_hash_that_was_leaked_does_not_spoil_the_next_one() {
    let params = params(64, 2, 1);
    let hash = start(params, &mut Memory::new()).finish();
    let mut memory = Memory::new();
    let mut leaked = start(params, &mut memory);
    leaked.advance(100);
    std::mem::forget(leaked);
    assert_eq!(start(params, &mut memory).finish(), hash);
}

#[test]
fn parameters_are_refused_outside_their_ranges() {
    assert_eq!(Params::new(7, 1, 1), Err(Error::MemoryTooSmall));
    assert_eq!(Params::new(31, 1, 4), Err(Error::MemoryTooSmall));
    assert_eq!(Params::new(8, 0, 1), Err(Error::NoPasses));
    assert_eq!(Params::new(8, 1, 0), Err(Error::LanesOutOfRange));
    assert_eq!(Params::new(u32::MAX, 1, 1 << 24), Err(Error::LanesOutOfRange));
    let largest = params(u32::MAX, u32::MAX, (1 << 24) - 1);
    assert_eq!(largest.memory_kib(), u32::MAX);
    assert_eq!(largest.passes(), u32::MAX);
    assert_eq!(largest.lanes(), (1 << 24) - 1);
}

#[test]
fn a_salt_of_less_than_8_bytes_is_refused() {
    let inputs = Inputs { salt: b"7 bytes", ..INPUTS };
    let mut memory = Memory::new();
    let hashing = Hashing::new(Variant::Id, params(8, 1, 1), &inputs, 32, &mut memory);
    assert_eq!(hashing.unwrap_err(), Error::SaltTooShort);
}

#[test]
fn an_output_of_less_than_4_bytes_is_refused() {
    let mut memory = Memory::new();
    let hashing = Hashing::new(Variant::Id, params(8, 1, 1), &INPUTS, 3, &mut memory);
    assert_eq!(hashing.unwrap_err(), Error::OutputLengthOutOfRange);
}

#[test]
fn nothing_secret_is_printed() {
    let mut memory = Memory::new();
    let mut hashing = start(params(8, 1, 1), &mut memory);
    hashing.advance(3);
    assert_eq!(
        format!("{hashing:?}"),
        "Hashing { variant: Id, params: Params { memory_kib: 8, passes: 1, lanes: 1 }, \
         progress: Pending { done: 3, total: 8 }, .. }"
    );
    drop(hashing);
    assert_eq!(format!("{memory:?}"), "Memory { kib: 8, .. }");
}
