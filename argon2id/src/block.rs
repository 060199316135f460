//! The blocks that fill the memory, and the compression function that makes
//! them.
//!
//! The attributes of the functions make one piece of machine code of the
//! compression, whatever the build thinks of inlining: calls in between take half as
//! long again.

use zeroize::DefaultIsZeroes;

use crate::u64x2::U64x2;

/// A block of 1 KiB: 8 rows and 8 columns of pairs of words.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block([[U64x2; 8]; 8]);

impl Block {
    /// The size in bytes.
    pub(crate) const SIZE: usize = 1024;

    pub(crate) const ZERO: Self = Self([[U64x2::ZERO; 8]; 8]);

    /// The block whose words are `bytes`, little-endian.
    pub(crate) fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let (words, _) = words.as_chunks::<2>();
        let mut block = Self::ZERO;
        for (pair, words) in block.0.as_flattened_mut().iter_mut().zip(words) {
            *pair = U64x2::new(words.map(u64::from_le_bytes));
        }
        block
    }

    /// The words as bytes, little-endian.
    pub(crate) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let (words, _) = bytes.as_chunks_mut::<8>();
        let (words, _) = words.as_chunks_mut::<2>();
        for (words, pair) in words.iter_mut().zip(self.0.as_flattened()) {
            *words = pair.words().map(u64::to_le_bytes);
        }
        bytes
    }

    /// The word at `index`, of 128.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.0.as_flattened()[index / 2].words()[index % 2]
    }

    /// XORs `other` into this block.
    pub(crate) fn xor(&mut self, other: &Self) {
        for (row, other) in self.0.iter_mut().zip(other.0) {
            *row = xor(*row, other);
        }
    }

    /// XORs G(`left`, `right`) of RFC 9106 section 3.5 into this block. In the
    /// first pass the block is zero, and so becomes G(`left`, `right`).
    ///
    /// Each permutation has two halves, of which the second waits for the first.
    /// So the first halves come first for all rows, or columns: the processor
    /// always has in sight what need not wait. That takes a fifth off the time.
    pub(crate) fn compress(&mut self, left: &Self, right: &Self, scratch: &mut Self) {
        for row in 0..8 {
            let sum = xor(left.0[row], right.0[row]);
            scratch.0[row] = mix_straight(sum);
            self.0[row] = xor(self.0[row], sum);
        }
        for row in 0..8 {
            scratch.0[row] = mix_diagonals(scratch.0[row]);
        }
        for column in 0..8 {
            let mixed = mix_straight(scratch.column(column));
            for (row, pair) in scratch.0.iter_mut().zip(mixed) {
                row[column] = pair;
            }
        }
        for column in 0..8 {
            let mixed = mix_diagonals(scratch.column(column));
            for (row, pair) in self.0.iter_mut().zip(mixed) {
                row[column] = row[column].xor(pair);
            }
        }
    }

    #[inline(always)]
    fn column(&self, column: usize) -> [U64x2; 8] {
        let mut pairs = [U64x2::ZERO; 8];
        for (pair, row) in pairs.iter_mut().zip(&self.0) {
            *pair = row[column];
        }
        pairs
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::ZERO
    }
}

impl DefaultIsZeroes for Block {}

#[inline(always)]
fn xor(mut a: [U64x2; 8], b: [U64x2; 8]) -> [U64x2; 8] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.xor(b);
    }
    a
}

/// The first half of the permutation P of RFC 9106 section 3.6: the columns of
/// a matrix of 4 by 4 words.
#[inline(always)]
fn mix_straight([a0, a1, b0, b1, c0, c1, d0, d1]: [U64x2; 8]) -> [U64x2; 8] {
    let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = mix([a0, a1], [b0, b1], [c0, c1], [d0, d1]);
    [a0, a1, b0, b1, c0, c1, d0, d1]
}

/// The second half: the diagonals.
#[inline(always)]
fn mix_diagonals([a0, a1, b0, b1, c0, c1, d0, d1]: [U64x2; 8]) -> [U64x2; 8] {
    let (b0, b1) = (b0.shift_in(b1), b1.shift_in(b0));
    let (c0, c1) = (c1, c0);
    let (d0, d1) = (d1.shift_in(d0), d0.shift_in(d1));
    let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = mix([a0, a1], [b0, b1], [c0, c1], [d0, d1]);
    let (b0, b1) = (b1.shift_in(b0), b0.shift_in(b1));
    let (c0, c1) = (c1, c0);
    let (d0, d1) = (d0.shift_in(d1), d1.shift_in(d0));
    [a0, a1, b0, b1, c0, c1, d0, d1]
}

/// Four words.
type Quad = [U64x2; 2];

/// GB of RFC 9106 section 3.6, four times side by side.
#[inline(always)]
fn mix(a: Quad, b: Quad, c: Quad, d: Quad) -> (Quad, Quad, Quad, Quad) {
    let a = U64x2::multiply_add(a, b);
    let d = xor_rotate::<32>(d, a);
    let c = U64x2::multiply_add(c, d);
    let b = xor_rotate::<24>(b, c);
    let a = U64x2::multiply_add(a, b);
    let d = xor_rotate::<16>(d, a);
    let c = U64x2::multiply_add(c, d);
    let b = xor_rotate::<63>(b, c);
    (a, b, c, d)
}

/// `a` XOR `b`, rotated to the right by `BITS`.
#[inline(always)]
fn xor_rotate<const BITS: u32>(a: Quad, b: Quad) -> Quad {
    [a[0].xor(b[0]).rotate_right::<BITS>(), a[1].xor(b[1]).rotate_right::<BITS>()]
}
