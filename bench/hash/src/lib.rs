//! A component that hashes one password for each request, at the parameters of
//! Rollcall and without a pause: what the hash itself takes, to be held against the
//! native crate.

use std::sync::{Mutex, PoisonError};

use rollcall_argon2id::{Error, Hashing, Inputs, Memory, Params, Variant};
use spin_sdk::http::{IntoResponse, Request, StatusCode};
use spin_sdk::http_service;

/// Kept from hash to hash, as Rollcall does.
static MEMORY: Mutex<Memory> = Mutex::new(Memory::new());

#[http_service]
async fn handle(_: Request) -> impl IntoResponse {
    match hash() {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn hash() -> Result<Vec<u8>, Error> {
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let inputs = Inputs {
        password: b"a long walk by the river",
        salt: b"16 random bytes.",
        ..Inputs::default()
    };
    let params = Params::new(19_456, 2, 1)?;
    Ok(Hashing::new(Variant::Id, params, &inputs, 32, &mut memory)?.finish())
}
