//! Two words in an array, for every machine.

/// Two 64-bit words.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct U64x2([u64; 2]);

impl U64x2 {
    pub(crate) const ZERO: Self = Self([0; 2]);

    pub(crate) fn new(words: [u64; 2]) -> Self {
        Self(words)
    }

    pub(crate) fn words(self) -> [u64; 2] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn xor(self, other: Self) -> Self {
        Self([self.0[0] ^ other.0[0], self.0[1] ^ other.0[1]])
    }

    /// Both words rotated to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn rotate_right<const BITS: u32>(self) -> Self {
        Self(self.0.map(|word| word.rotate_right(BITS)))
    }

    /// The second word of `self` and the first of `next`.
    #[inline(always)]
    pub(crate) fn shift_in(self, next: Self) -> Self {
        Self([self.0[1], next.0[0]])
    }

    /// `a + b + 2 * low(a) * low(b)` for four words, where `low` is the lower
    /// half of a word.
    #[inline(always)]
    pub(crate) fn multiply_add([a0, a1]: [Self; 2], [b0, b1]: [Self; 2]) -> [Self; 2] {
        let sum =
            |a: Self, b: Self| Self([multiply_add(a.0[0], b.0[0]), multiply_add(a.0[1], b.0[1])]);
        [sum(a0, b0), sum(a1, b1)]
    }
}

#[inline(always)]
fn multiply_add(a: u64, b: u64) -> u64 {
    let product = u64::from(a as u32) * u64::from(b as u32);
    a.wrapping_add(b).wrapping_add(product).wrapping_add(product)
}
