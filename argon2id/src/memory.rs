use std::fmt;

use zeroize::optimization_barrier;

use crate::Error;
use crate::block::Block;

/// The memory that hashes fill, one after the other.
///
/// It takes from the allocator what the largest hash so far needed, and keeps
/// that until it is dropped: what a WebAssembly instance has once taken it never
/// gives back. Between two hashes it is wiped.
#[derive(Default)]
pub struct Memory {
    /// The blocks ever used. They grow while the first hash fills them, so that
    /// not all of them have to be cleared at once.
    blocks: Vec<Block>,
    /// How many blocks, from the first on, the hash in progress uses. All others
    /// are zero.
    used: usize,
}

impl Memory {
    /// A memory that has not taken anything yet.
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), used: 0 }
    }

    /// What has been taken from the allocator, in KiB.
    pub fn kib(&self) -> usize {
        self.blocks.capacity()
    }

    /// Takes what it needs for `count` blocks.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        // A hash that was leaked has not wiped its blocks.
        self.wipe(self.used);
        if self.blocks.capacity() < count {
            // The old blocks go first: both may be too much.
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(count).map_err(|_| Error::OutOfMemory)?;
        }
        Ok(())
    }

    /// Makes sure that the first `count` blocks are in use. The new ones are
    /// zero.
    pub(crate) fn grow(&mut self, count: usize) {
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::ZERO);
        }
        self.used = self.used.max(count);
    }

    /// How many blocks are in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    pub(crate) fn block(&self, place: usize) -> &Block {
        &self.blocks[place]
    }

    pub(crate) fn set_block(&mut self, place: usize, block: &Block) {
        self.blocks[place] = *block;
    }

    /// XORs G of two blocks into a third one; see [`Block::compress`].
    pub(crate) fn compress(
        &mut self,
        place: usize,
        previous: usize,
        reference: usize,
        scratch: &mut Block,
    ) {
        let [block, previous, reference] = self
            .blocks
            .get_disjoint_mut([place, previous, reference])
            .expect("a block refers neither to itself nor twice to another one");
        block.compress(previous, reference, scratch);
    }

    /// Wipes the last `count` blocks in use, or as many as there are.
    pub(crate) fn wipe(&mut self, count: usize) {
        let kept = self.used.saturating_sub(count);
        let wiped = &mut self.blocks[kept..self.used];
        wiped.fill(Block::ZERO);
        optimization_barrier(wiped);
        self.used = kept;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe(self.used);
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("kib", &self.kib()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hashing, Inputs, Params, Progress, Variant};

    #[test]
    fn nothing_is_left_of_a_hash_whether_it_was_finished_or_dropped() {
        let params = Params::new(64, 2, 2).unwrap();
        let inputs = Inputs { salt: &[0; 8], ..Inputs::default() };
        for blocks in [1, 2, 30, 64, 100, 128, 130, u32::MAX] {
            let mut memory = Memory::new();
            let mut hashing = Hashing::new(Variant::Id, params, &inputs, 32, &mut memory).unwrap();
            if hashing.advance(blocks) == Progress::Ready {
                hashing.finish();
            } else {
                drop(hashing);
            }
            assert!(!memory.blocks.is_empty());
            for block in &memory.blocks {
                assert_eq!(block.to_bytes(), [0; Block::SIZE], "after {blocks} blocks");
            }
        }
    }
}
