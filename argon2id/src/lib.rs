//! rollcall-argon2id
