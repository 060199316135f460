//! The types and rules of the field: pure, without I/O, wire formats or a host.
//!
//! A value of these types is always valid: each has one way in, which both
//! transports use.

pub mod access_token;
pub mod address;
pub mod api_key;
pub mod audit;
pub mod authentication;
pub mod change;
pub mod common_passwords;
pub mod email;
pub mod encoding;
pub mod event;
pub mod external_id;
pub mod factor;
pub mod finding;
pub mod id;
pub mod idempotency;
pub mod invitation;
pub mod locale;
pub mod mail;
pub mod metadata;
pub mod name;
pub mod one_time_token;
pub mod own_data;
pub mod page;
pub mod password;
pub mod password_hash;
pub mod presented_token;
pub mod rate_limit;
pub mod registration;
pub mod role;
pub mod schema;
pub mod secret;
pub mod session;
pub mod signing_key;
pub mod time;
pub mod token;
pub mod unicode;
pub mod user;
