use std::{fmt, mem};

use zeroize::Zeroizing;

use crate::block::Block;
use crate::position::{Layout, Position, SLICES};
use crate::{Error, Inputs, Memory, Params, Variant, blake2b};

/// How many blocks are wiped in the time that it takes to fill one.
const WIPED_PER_FILLED: usize = 16;

/// How many random numbers are made at once where the password does not choose.
const ADDRESSES: u32 = 128;

/// How far a hash has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    Pending {
        /// The blocks filled.
        done: u64,
        /// The blocks to fill. When all are, the memory is still to be wiped.
        total: u64,
    },
    /// The hash is there, and the memory wiped.
    Ready,
}

/// A hash in progress.
///
/// Dropped before it is finished it wipes the memory, all at once.
pub struct Hashing<'m> {
    variant: Variant,
    params: Params,
    layout: Layout,
    /// H0 of RFC 9106, which all inputs are hashed to. On the heap, for a copy
    /// would be left behind wherever the hash is moved from.
    seed: Box<Zeroizing<[u8; blake2b::LONGEST]>>,
    memory: &'m mut Memory,
    /// The block to fill next.
    position: Position,
    filled: u64,
    /// The random numbers where the password does not choose.
    addresses: Block,
    output: Zeroizing<Vec<u8>>,
}

impl<'m> Hashing<'m> {
    /// Starts a hash of `output_length` bytes (4 to 2^32 - 1) in `memory`.
    ///
    /// The inputs are hashed at once, all else is left to
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    ///
    /// [`Error::OutputLengthOutOfRange`], [`Error::SaltTooShort`] and
    /// [`Error::InputTooLong`] by what is asked for, [`Error::OutOfMemory`] when
    /// the allocator does not give what `params` take.
    pub fn new(
        variant: Variant,
        params: Params,
        inputs: &Inputs<'_>,
        output_length: usize,
        memory: &'m mut Memory,
    ) -> Result<Self, Error> {
        let seed = inputs.seed(variant, params, output_length)?;
        let layout = Layout::of(params);
        memory.reserve(layout.blocks() as usize)?;
        Ok(Self {
            variant,
            params,
            layout,
            seed,
            memory,
            position: Position::START,
            filled: 0,
            addresses: Block::ZERO,
            output: Zeroizing::new(vec![0; output_length]),
        })
    }

    /// Goes on for the time that it takes to fill `blocks` blocks, or until the
    /// hash is ready.
    pub fn advance(&mut self, blocks: u32) -> Progress {
        let mut scratch = Zeroizing::new(Block::ZERO);
        let mut left = blocks;
        while left > 0 && !self.is_filled() {
            self.fill_block(&mut scratch);
            left -= 1;
        }
        if self.is_filled() {
            self.memory.wipe((left as usize).saturating_mul(WIPED_PER_FILLED));
        }
        self.progress()
    }

    /// Does all that is left to do, and returns the hash.
    pub fn finish(mut self) -> Vec<u8> {
        while self.advance(u32::MAX) != Progress::Ready {}
        mem::take(&mut self.output)
    }

    fn progress(&self) -> Progress {
        if self.is_filled() && self.memory.used() == 0 {
            return Progress::Ready;
        }
        Progress::Pending {
            done: self.filled,
            total: u64::from(self.params.passes()) * u64::from(self.layout.blocks()),
        }
    }

    fn is_filled(&self) -> bool {
        self.position.pass == self.params.passes()
    }

    fn fill_block(&mut self, scratch: &mut Block) {
        let Position { pass, slice, index, .. } = self.position;
        let place = self.position.place(self.layout);
        if pass == 0 {
            self.memory.grow(place + 1);
        }
        if pass == 0 && slice == 0 && index < 2 {
            self.memory.set_block(place, &self.first_block());
        } else {
            let previous = self.position.previous(self.layout);
            let random = if self.is_independent() {
                self.address(scratch)
            } else {
                self.memory.block(previous).word(0)
            };
            let reference = self.position.reference(self.layout, random);
            self.memory.compress(place, previous, reference, scratch);
        }
        self.filled += 1;
        self.position.step(self.layout);
        if self.is_filled() {
            self.hash_last_column();
        }
    }

    /// One of the two blocks that a lane starts with.
    fn first_block(&self) -> Zeroizing<Block> {
        let Position { lane, index, .. } = self.position;
        let mut bytes = Zeroizing::new([0; Block::SIZE]);
        blake2b::hash_long(
            &[&self.seed[..], &index.to_le_bytes(), &lane.to_le_bytes()],
            &mut *bytes,
        );
        Zeroizing::new(Block::from_bytes(&bytes))
    }

    /// Whether the position alone chooses the block to refer to.
    fn is_independent(&self) -> bool {
        let Position { pass, slice, .. } = self.position;
        match self.variant {
            Variant::D => false,
            Variant::I => true,
            Variant::Id => pass == 0 && slice < SLICES / 2,
        }
    }

    /// The random number that the position chooses by (RFC 9106 section
    /// 3.4.1.2).
    fn address(&mut self, scratch: &mut Block) -> u64 {
        let Position { pass, slice, lane, index } = self.position;
        // The first two blocks of all ask for none.
        let first = pass == 0 && slice == 0 && index == 2;
        if first || index % ADDRESSES == 0 {
            let mut bytes = [0; Block::SIZE];
            let numbers = [
                pass,
                lane,
                slice,
                self.layout.blocks(),
                self.params.passes(),
                self.variant.number(),
                index / ADDRESSES + 1,
            ];
            for (bytes, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
                *bytes = u64::from(number).to_le_bytes();
            }
            let mut once = Block::ZERO;
            once.compress(&Block::ZERO, &Block::from_bytes(&bytes), scratch);
            self.addresses = Block::ZERO;
            self.addresses.compress(&Block::ZERO, &once, scratch);
        }
        self.addresses.word((index % ADDRESSES) as usize)
    }

    /// Makes the output of the last blocks of all lanes.
    fn hash_last_column(&mut self) {
        let blocks = self.layout.blocks() as usize;
        let mut sum = Zeroizing::new(Block::ZERO);
        for place in blocks - self.layout.lanes as usize..blocks {
            sum.xor(self.memory.block(place));
        }
        let bytes = Zeroizing::new(sum.to_bytes());
        blake2b::hash_long(&[&*bytes], &mut self.output);
    }
}

impl Drop for Hashing<'_> {
    fn drop(&mut self) {
        self.memory.wipe(self.memory.used());
    }
}

impl fmt::Debug for Hashing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing")
            .field("variant", &self.variant)
            .field("params", &self.params)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
