use crate::Error;
use crate::position::SLICES;

/// Which blocks a new block may refer to (RFC 9106 section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Argon2d: those that the password chooses. The hardest to compute with
    /// less memory, but an onlooker can tell passwords apart by what it reads.
    D,
    /// Argon2i: those that the position chooses.
    I,
    /// Argon2id: like Argon2i for the first half of the first pass, then like
    /// Argon2d. The one for passwords.
    Id,
}

impl Variant {
    /// The type `y` of RFC 9106 section 3.1.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::D => 0,
            Self::I => 1,
            Self::Id => 2,
        }
    }
}

/// What a hash costs: memory, passes over it, and lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Params {
    /// Takes the memory in KiB (at least 8 for each lane), the passes over it
    /// (at least 1), and the lanes (1 to 2^24 - 1). They are m, t and p of
    /// RFC 9106.
    ///
    /// Lanes are filled one after the other: they change the hash, but do not
    /// make it faster.
    ///
    /// # Errors
    ///
    /// [`Error::LanesOutOfRange`], [`Error::MemoryTooSmall`] and
    /// [`Error::NoPasses`].
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        if lanes == 0 || lanes >= 1 << 24 {
            return Err(Error::LanesOutOfRange);
        }
        if memory_kib < 2 * SLICES * lanes {
            return Err(Error::MemoryTooSmall);
        }
        if passes == 0 {
            return Err(Error::NoPasses);
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// The memory in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// The passes over the memory.
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// The lanes.
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}
