//! Two 64-bit words side by side: what the compression function computes with.
//!
//! The two back ends have the same inherent methods. On WebAssembly built with
//! SIMD128 the words live in one register; elsewhere in an array, which is left to the
//! optimizer.

#[cfg(target_feature = "simd128")]
mod simd128;
#[cfg(target_feature = "simd128")]
pub(crate) use simd128::U64x2;

#[cfg(not(target_feature = "simd128"))]
mod portable;
#[cfg(not(target_feature = "simd128"))]
pub(crate) use portable::U64x2;
