//! What `build.rs` makes of `proto/`.

#![expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "it is generated"
)]

tonic::include_proto!("rollcall.v1");

/// Every file behind the API with its annotations, as a `FileDescriptorSet`,
/// compressed.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin.gz"));
