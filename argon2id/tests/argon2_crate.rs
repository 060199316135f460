//! Whatever is hashed, in whatever slices, the hash is that of the `argon2`
//! crate.

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use rollcall_argon2id::{Hashing, Inputs, Memory, Params, Progress, Variant};

#[derive(Clone, Debug)]
struct Case {
    variant: Variant,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    password: Vec<u8>,
    salt: Vec<u8>,
    secret: Vec<u8>,
    associated_data: Vec<u8>,
    output_length: usize,
    /// The blocks of each slice, from the first one again after the last.
    slices: Vec<u32>,
}

fn case() -> impl Strategy<Value = Case> {
    let variant = prop_oneof![Just(Variant::D), Just(Variant::I), Just(Variant::Id)];
    let costs = (1..=4u32).prop_flat_map(|lanes| {
        // Segments of up to 40 blocks, and now and then of more than the 128
        // random numbers that are made at once.
        let memory_kib = prop_oneof![
            8 => 8 * lanes..160 * lanes,
            1 => 512 * lanes..640 * lanes,
        ];
        (memory_kib, 1..=3u32, Just(lanes))
    });
    // The crate takes at most 32 bytes of associated data.
    let inputs = (bytes(0, 200), bytes(8, 64), bytes(0, 64), bytes(0, 32));
    // Zero alone would not get anywhere.
    let slices = (1..2000u32, vec(0..300u32, 0..8));
    (variant, costs, inputs, 4..=200usize, slices).prop_map(
        |(variant, (memory_kib, passes, lanes), inputs, output_length, (first, more))| {
            let (password, salt, secret, associated_data) = inputs;
            let slices = [vec![first], more].concat();
            Case {
                variant,
                memory_kib,
                passes,
                lanes,
                password,
                salt,
                secret,
                associated_data,
                output_length,
                slices,
            }
        },
    )
}

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), least..=most)
}

impl Case {
    fn start<'m>(&self, memory: &'m mut Memory) -> Hashing<'m> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes).unwrap();
        let inputs = Inputs {
            password: &self.password,
            salt: &self.salt,
            secret: &self.secret,
            associated_data: &self.associated_data,
        };
        Hashing::new(self.variant, params, &inputs, self.output_length, memory).unwrap()
    }

    fn hash_in_slices(&self, memory: &mut Memory) -> Vec<u8> {
        let mut hashing = self.start(memory);
        let mut slices = self.slices.iter().cycle();
        while hashing.advance(*slices.next().unwrap()) != Progress::Ready {}
        hashing.finish()
    }

    fn hash_by_the_crate(&self) -> Vec<u8> {
        let algorithm = match self.variant {
            Variant::D => Algorithm::Argon2d,
            Variant::I => Algorithm::Argon2i,
            Variant::Id => Algorithm::Argon2id,
        };
        let params = ParamsBuilder::new()
            .m_cost(self.memory_kib)
            .t_cost(self.passes)
            .p_cost(self.lanes)
            .data(AssociatedData::new(&self.associated_data).unwrap())
            .output_len(self.output_length)
            .build()
            .unwrap();
        let mut output = vec![0; self.output_length];
        Argon2::new_with_secret(&self.secret, algorithm, Version::V0x13, params)
            .unwrap()
            .hash_password_into(&self.password, &self.salt, &mut output)
            .unwrap();
        output
    }
}

proptest! {
    #[test]
    fn a_hash_in_slices_is_that_of_the_crate(case in case()) {
        prop_assert_eq!(case.hash_in_slices(&mut Memory::new()), case.hash_by_the_crate());
    }

    #[test]
    fn a_hash_in_a_used_memory_is_that_of_the_crate(
        finished in case(),
        abandoned in case(),
        blocks in 0..1000u32,
        last in case(),
    ) {
        let mut memory = Memory::new();
        finished.start(&mut memory).finish();
        abandoned.start(&mut memory).advance(blocks);
        prop_assert_eq!(last.hash_in_slices(&mut memory), last.hash_by_the_crate());
    }
}
