use thiserror::Error;

/// Why a hash cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// RFC 9106 asks for at least 8 KiB of memory for each lane.
    #[error("the memory is less than 8 KiB per lane")]
    MemoryTooSmall,
    /// There must be at least one pass over the memory.
    #[error("there is no pass over the memory")]
    NoPasses,
    /// The lanes must be 1 to 2^24 - 1.
    #[error("the lanes are not between 1 and 2^24 - 1")]
    LanesOutOfRange,
    /// The salt must have at least 8 bytes.
    #[error("the salt is shorter than 8 bytes")]
    SaltTooShort,
    /// No input may have more than 2^32 - 1 bytes.
    #[error("an input is longer than 2^32 - 1 bytes")]
    InputTooLong,
    /// The output must have 4 to 2^32 - 1 bytes.
    #[error("the output is not between 4 and 2^32 - 1 bytes")]
    OutputLengthOutOfRange,
    /// The memory cannot be had from the allocator.
    #[error("out of memory")]
    OutOfMemory,
}
