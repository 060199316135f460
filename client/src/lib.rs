//! A client of Rollcall's REST API: typed, asynchronous, and patient.
//!
//! ```no_run
//! # async fn example() -> rollcall_client::Result<()> {
//! use rollcall_client::{Client, Credential, CreateUser};
//!
//! let key = Credential::bearer("rck_…");
//! let client = Client::builder("https://users.example.com")?.credential(key).build()?;
//! let ada = CreateUser { email: "ada@example.com".into(), name: "Ada".into(), ..Default::default() };
//! let ada = client.users().create(&ada).await?.value;
//! println!("{} is {}", ada.email, ada.id);
//! # Ok(())
//! # }
//! ```
//!
//! - [`client`]: [`Client`] and how it is made; one method for each resource of
//!   the API, such as [`Client::users`].
//! - [`credential`]: who calls. A session refreshes its tokens by itself.
//! - [`error`]: the one [`Error`]. A problem (RFC 9457) keeps its code, its fields
//!   and the id of the request.
//! - [`call`]: what every request passes. A POST carries an Idempotency-Key; 429
//!   and 503 are tried again when Retry-After says so.
//! - [`model`]: what is sent and received, named as in `openapi.json`.
//! - [`page`]: lists, page by page.
//! - The rest: one file for each resource.
//!
//! Times are texts as the service writes them: RFC 3339, UTC, with microseconds.

pub mod api_keys;
pub mod audit;
pub mod bulk;
pub mod call;
pub mod client;
pub mod credential;
pub mod error;
pub mod invitations;
pub mod model;
pub mod page;
mod pulse;
pub mod roles;
pub mod service;
pub mod sessions;
pub mod users;

pub use client::{Builder, Client};
pub use credential::{Credential, TokenStore, Tokens};
pub use error::{Error, FieldError, Problem, Result};
pub use model::*;
pub use page::{Page, Pages};
