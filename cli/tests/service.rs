//! A service that runs, with its first admin.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rollcall_testkit::host::Builder;
use rollcall_testkit::{Host, build};

/// The admin's address.
pub(crate) const ADMIN: &str = "admin@example.com";
/// The admin's password, and everybody else's.
pub(crate) const PASSWORD: &str = "a long walk by the river";
/// What the operator makes the first admin with.
pub(crate) const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token";

/// How to start one on the SQLite of its state folder.
pub(crate) fn builder() -> Builder {
    build::component("rollcall");
    Host::builder(build::workspace().join("spin.toml"))
        .variable("secret_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .variable("bootstrap_token", BOOTSTRAP_TOKEN)
}

/// The one that all tests share which do not mind each other's users. It ends with
/// the last of them.
pub(crate) fn shared() -> Arc<Host> {
    static SHARED: Mutex<Weak<Host>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let host = Arc::new(builder().start());
        *shared = Arc::downgrade(&host);
        host
    })
}
