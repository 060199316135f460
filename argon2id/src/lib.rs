//! Argon2 (RFC 9106) a slice at a time, so that hashing a password starves
//! nobody.
//!
//! To hash a password well takes many milliseconds of pure computing. In a
//! WebAssembly instance nothing else happens meanwhile: every other request that
//! the instance has accepted waits, and on a host with as many threads as cores
//! soon every other request at all. Here a hash is a state that
//! [`advance`](Hashing::advance)s by as many blocks of memory as the caller can
//! afford, and then returns:
//!
//! ```
//! use rollcall_argon2id::{Hashing, Inputs, Memory, Params, Progress, Variant};
//!
//! # fn main() -> Result<(), rollcall_argon2id::Error> {
//! # fn let_others_run() {}
//! let params = Params::new(19_456, 2, 1)?;
//! let inputs = Inputs {
//!     password: b"correct horse battery staple",
//!     salt: b"16 random bytes.",
//!     ..Inputs::default()
//! };
//! let mut memory = Memory::new();
//! let mut hashing = Hashing::new(Variant::Id, params, &inputs, 32, &mut memory)?;
//! while hashing.advance(512) != Progress::Ready {
//!     let_others_run();
//! }
//! let hash = hashing.finish();
//! # assert_eq!(hash.len(), 32);
//! # Ok(())
//! # }
//! ```
//!
//! The hashes are those of every other implementation of Argon2 version 1.3; the
//! form in which they are stored (PHC strings) is left to others, and so is the
//! comparison in constant time.
//!
//! # How long a slice is
//!
//! A block takes about half a microsecond to fill, so 512 blocks are a quarter
//! of a millisecond, and a hash of 19 MiB in two passes is ready after 79 slices.
//! The caller measures on its own host and chooses. Three things do not go by
//! that measure: [`Hashing::new`] hashes the password at once, however long it
//! is; each lane starts with two blocks that take some twenty times as long as
//! others; and a hash that is dropped unfinished wipes its memory at once, a
//! millisecond or two for 19 MiB.
//!
//! # How many at a time
//!
//! A [`Memory`] serves one hash at a time, so a fixed number of memories bounds
//! both the hashes in progress and what the instance needs. Who finds none lets
//! others run and looks again; a lock with a queue of waiters is not needed, and
//! in an instance that serves requests as tasks of the host it would not work:
//!
//! ```
//! use std::cell::RefCell;
//! use std::ops::{Deref, DerefMut};
//!
//! use rollcall_argon2id::Memory;
//!
//! thread_local! {
//!     static FREE: RefCell<Vec<Memory>> = RefCell::new(vec![Memory::new(), Memory::new()]);
//! }
//!
//! /// A memory that goes back when it is dropped: after the hash, after an
//! /// error, and when the client has gone.
//! struct Lent(Memory);
//!
//! impl Lent {
//!     fn take() -> Option<Self> {
//!         FREE.with_borrow_mut(Vec::pop).map(Self)
//!     }
//! }
//!
//! impl Drop for Lent {
//!     fn drop(&mut self) {
//!         FREE.with_borrow_mut(|free| free.push(std::mem::take(&mut self.0)));
//!     }
//! }
//!
//! impl Deref for Lent {
//!     type Target = Memory;
//!     fn deref(&self) -> &Memory {
//!         &self.0
//!     }
//! }
//!
//! impl DerefMut for Lent {
//!     fn deref_mut(&mut self) -> &mut Memory {
//!         &mut self.0
//!     }
//! }
//!
//! let first = Lent::take().unwrap();
//! let second = Lent::take().unwrap();
//! assert!(Lent::take().is_none());
//! drop(first);
//! assert!(Lent::take().is_some());
//! ```
//!
//! # How fast it is
//!
//! On WebAssembly, built with `-Ctarget-feature=+simd128`, the blocks are filled by
//! SIMD128 instructions. Elsewhere, and without that flag, it is portable code, which
//! takes twice as long.
//!
//! # What is left behind
//!
//! The blocks, the working space and the hash of the inputs are wiped, BLAKE2b's
//! state too. The password itself is the caller's to wipe, and what the compiler
//! spills to the stack is out of reach.

#![forbid(unsafe_code)]

mod blake2b;
mod block;
mod error;
mod hashing;
mod inputs;
mod memory;
mod params;
mod position;
mod u64x2;

pub use error::Error;
pub use hashing::{Hashing, Progress};
pub use inputs::Inputs;
pub use memory::Memory;
pub use params::{Params, Variant};
