//! Whatever is hashed, in whatever slices, in a memory left by another hash, the
//! hash or the refusal is that of the `argon2` crate.

#![no_main]

use arbitrary::Arbitrary;
use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use libfuzzer_sys::fuzz_target;
use rollcall_argon2id::{Hashing, Inputs, Memory, Params, Progress, Variant};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    variant: u8,
    memory_kib: u16,
    passes: u8,
    lanes: u8,
    output_length: u8,
    password: &'a [u8],
    salt: &'a [u8],
    secret: &'a [u8],
    associated_data: &'a [u8],
    slices: Vec<u16>,
}

impl Case<'_> {
    /// Costs small enough to try many cases in a second.
    fn costs(&self) -> (u32, u32, u32) {
        (
            u32::from(self.memory_kib % 2048),
            u32::from(self.passes % 4),
            u32::from(self.lanes % 8),
        )
    }

    /// The hash, or nothing when it is refused or abandoned: when the slices do
    /// not suffice.
    fn hash_in_slices(&self, memory: &mut Memory, to_the_end: bool) -> Option<Vec<u8>> {
        let (memory_kib, passes, lanes) = self.costs();
        let variant = [Variant::D, Variant::I, Variant::Id][usize::from(self.variant % 3)];
        let inputs = Inputs {
            password: self.password,
            salt: self.salt,
            secret: self.secret,
            associated_data: self.associated_data,
        };
        let params = Params::new(memory_kib, passes, lanes).ok()?;
        let length = usize::from(self.output_length);
        let mut hashing = Hashing::new(variant, params, &inputs, length, memory).ok()?;
        let mut last = Progress::Pending { done: 0, total: 0 };
        for blocks in &self.slices {
            last = hashing.advance((*blocks).into());
        }
        (to_the_end || last == Progress::Ready).then(|| hashing.finish())
    }

    fn hash_by_the_crate(&self) -> Option<Vec<u8>> {
        let (memory_kib, passes, lanes) = self.costs();
        let algorithm = [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id]
            [usize::from(self.variant % 3)];
        let mut output = vec![0; self.output_length.into()];
        let params = ParamsBuilder::new()
            .m_cost(memory_kib)
            .t_cost(passes)
            .p_cost(lanes)
            .data(AssociatedData::new(self.associated_data).ok()?)
            .output_len(output.len())
            .build()
            .ok()?;
        Argon2::new_with_secret(self.secret, algorithm, Version::V0x13, params)
            .ok()?
            .hash_password_into(self.password, self.salt, &mut output)
            .ok()?;
        Some(output)
    }
}

fuzz_target!(|cases: (Case, Case)| {
    let (before, case) = cases;
    // The crate takes at most 32 bytes of associated data.
    if case.associated_data.len() > 32 {
        return;
    }
    let mut memory = Memory::new();
    before.hash_in_slices(&mut memory, false);
    assert_eq!(
        case.hash_in_slices(&mut memory, true),
        case.hash_by_the_crate()
    );
});
