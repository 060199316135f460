//! Which service, and who calls.

use std::ffi::OsString;
use std::time::Duration;

use rollcall_client::{Client, Credential, Error};

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::keyring::Keyring;
use crate::output::Output;

/// The service of `make up`.
const DEFAULT_URL: &str = "http://127.0.0.1:3000";

/// What every command has.
pub(crate) struct Context {
    /// The address of the service, without a slash at its end.
    pub(crate) url: String,
    /// How to print.
    pub(crate) out: Output,
    /// Where sessions are kept.
    pub(crate) keyring: Keyring,
    token: Option<String>,
    timeout: Duration,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Whoever the environment says.
    Environment,
    /// Whoever signed in.
    Session,
    /// Nobody.
    Nobody,
}

impl Context {
    /// Of this command line, and of the environment.
    pub(crate) fn new(common: Common, keyring: Keyring) -> Outcome<Self> {
        let url = match common.url {
            Some(url) => url,
            None => keyring.current()?.unwrap_or_else(|| DEFAULT_URL.to_owned()),
        };
        let token = match (variable("ROLLCALL_API_KEY")?, variable("ROLLCALL_TOKEN")?) {
            (Some(_), Some(_)) => {
                let text = "ROLLCALL_API_KEY and ROLLCALL_TOKEN are both set: which is meant?";
                return Err(Failure::Usage(text.to_owned()));
            }
            (key, token) => key.or(token),
        };
        let url = url.trim_end_matches('/').to_owned();
        // A wrong one is told before anything else is looked at.
        Client::builder(&url)?;
        let out = Output { json: common.json };
        Ok(Self { url, out, keyring, token, timeout: common.timeout })
    }

    /// Who calls when a command is run.
    pub(crate) fn caller(&self) -> Outcome<Caller> {
        Ok(if self.token.is_some() {
            Caller::Environment
        } else if self.keyring.get(&self.url)?.is_some() {
            Caller::Session
        } else {
            Caller::Nobody
        })
    }

    /// The token of the environment.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A client that shows who calls.
    pub(crate) fn client(&self) -> Outcome<Client> {
        let credential = match &self.token {
            Some(token) => Credential::bearer(token.clone()),
            None => Credential::session(self.keyring.at(&self.url))?,
        };
        self.client_with(credential)
    }

    /// A client that shows nothing.
    pub(crate) fn nobody(&self) -> Outcome<Client> {
        self.client_with(Credential::None)
    }

    pub(crate) fn client_with(&self, credential: Credential) -> Outcome<Client> {
        let name = concat!("rollcall/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder(&self.url)?.credential(credential).user_agent(name);
        Ok(client.limit(self.timeout).build()?)
    }

    /// The failure with the address of the service, if that was not reached.
    pub(crate) fn locate(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Service(cause) if is_unreachable(&cause) => {
                Failure::Unreachable { url: self.url.clone(), cause }
            }
            other => other,
        }
    }
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Outcome<Option<String>> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    let value = value.map(OsString::into_string).transpose();
    value.map_err(|_| Failure::Usage(format!("{name} is not UTF-8")))
}

/// Whether the service itself did not answer, which a proxy may say of it.
fn is_unreachable(error: &Error) -> bool {
    match error {
        Error::Transport(_) | Error::Silent(_) => true,
        Error::Unexpected { status, .. } => [502, 504].contains(status),
        _ => false,
    }
}
