//! Two words in a register of WebAssembly's SIMD128.
//!
//! What is chosen here is chosen for Cranelift, Wasmtime's compiler, on x86-64.

use core::arch::wasm32::{
    i8x16_shuffle, i32x4_shuffle, i64x2_add, i64x2_shuffle, u64x2, u64x2_extmul_high_u32x4,
    u64x2_extmul_low_u32x4, u64x2_extract_lane, u64x2_shl, u64x2_shr, v128, v128_bitselect,
    v128_or, v128_xor,
};

/// Two 64-bit words.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct U64x2(v128);

impl U64x2 {
    pub(crate) const ZERO: Self = Self(u64x2(0, 0));

    pub(crate) fn new([first, second]: [u64; 2]) -> Self {
        Self(u64x2(first, second))
    }

    pub(crate) fn words(self) -> [u64; 2] {
        [u64x2_extract_lane::<0>(self.0), u64x2_extract_lane::<1>(self.0)]
    }

    #[inline(always)]
    pub(crate) fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    /// Both words rotated to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn rotate_right<const BITS: u32>(self) -> Self {
        let (x, y) = (self.0, twin(self.0));
        Self(match BITS {
            32 => i32x4_shuffle::<1, 0, 3, 2>(x, x),
            24 => i8x16_shuffle::<3, 4, 5, 6, 7, 0, 1, 2, 27, 28, 29, 30, 31, 24, 25, 26>(x, y),
            16 => i8x16_shuffle::<2, 3, 4, 5, 6, 7, 0, 1, 26, 27, 28, 29, 30, 31, 24, 25>(x, y),
            _ => v128_or(u64x2_shr(x, BITS), u64x2_shl(x, 64 - BITS)),
        })
    }

    /// The second word of `self` and the first of `next`.
    #[inline(always)]
    pub(crate) fn shift_in(self, next: Self) -> Self {
        Self(i64x2_shuffle::<1, 2>(self.0, next.0))
    }

    /// `a + b + 2 * low(a) * low(b)` for four words, where `low` is the lower
    /// half of a word.
    #[inline(always)]
    pub(crate) fn multiply_add([a0, a1]: [Self; 2], [b0, b1]: [Self; 2]) -> [Self; 2] {
        let a = i32x4_shuffle::<0, 2, 4, 6>(a0.0, a1.0);
        let b = i32x4_shuffle::<0, 2, 4, 6>(b0.0, b1.0);
        [
            Self(sum(a0.0, b0.0, u64x2_extmul_low_u32x4(a, b))),
            Self(sum(a1.0, b1.0, u64x2_extmul_high_u32x4(a, b))),
        ]
    }
}

#[inline(always)]
fn sum(a: v128, b: v128, product: v128) -> v128 {
    i64x2_add(i64x2_add(a, b), i64x2_add(product, product))
}

/// The same value, as a second operand for a shuffle.
///
/// LLVM leaves the second operand open when a shuffle reads only one vector,
/// and Cranelift then has to take two into account. A shuffle of `x` and its
/// twin reads both; LLVM does not look through the selection, Cranelift does,
/// and makes one `pshufb`. That takes a twentieth off the time of a hash.
#[inline(always)]
fn twin(x: v128) -> v128 {
    v128_bitselect(x, x, u64x2(u64::MAX, 0))
}
