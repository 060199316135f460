//! Where the tokens of sessions are kept: `sessions.json` in the user's folder of
//! configuration, which only the user may read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};
use rollcall_client::{TokenStore, Tokens};
use serde::{Deserialize, Serialize};

use crate::output::note;

/// The sessions of this user, by the address of the service.
#[derive(Clone)]
pub(crate) struct Keyring {
    folder: PathBuf,
    /// What is kept cannot be read, and a new session replaces all of it.
    is_replaced: bool,
}

/// What is in the file.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// The address that is meant when none is given.
    current: Option<String>,
    sessions: BTreeMap<String, Entry>,
}

/// A session that is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Who signed in.
    pub(crate) email: String,
    #[serde(flatten)]
    tokens: Tokens,
}

impl Entry {
    /// The last access token, which may have ended.
    pub(crate) fn access_token(&self) -> &str {
        &self.tokens.access_token
    }
}

impl Keyring {
    /// The one of this user.
    ///
    /// # Errors
    ///
    /// When the user has no home.
    pub(crate) fn open() -> io::Result<Self> {
        let base = choose_base_strategy().map_err(io::Error::other)?;
        Ok(Self { folder: base.config_dir().join("rollcall"), is_replaced: false })
    }

    /// The same for who signs in, whom a damaged file does not keep from it.
    ///
    /// # Errors
    ///
    /// When the user has no home, or the file cannot be read.
    pub(crate) fn open_for_login() -> io::Result<Self> {
        let keyring = Self::open()?;
        match keyring.read() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let file = keyring.file();
                note(&format!("{} is damaged: a new one takes its place.", file.display()));
                Ok(Self { is_replaced: true, ..keyring })
            }
            read => read.map(|_| keyring),
        }
    }

    /// The address of the service that was signed in to last.
    pub(crate) fn current(&self) -> io::Result<Option<String>> {
        Ok(self.read()?.current)
    }

    /// The session at this address.
    pub(crate) fn get(&self, url: &str) -> io::Result<Option<Entry>> {
        Ok(self.read()?.sessions.remove(url))
    }

    /// Keeps a new session, which is the current one from now on.
    pub(crate) fn add(&self, url: &str, email: &str, tokens: Tokens) -> io::Result<()> {
        self.change(|kept| {
            let entry = Entry { email: email.to_owned(), tokens };
            kept.sessions.insert(url.to_owned(), entry);
            kept.current = Some(url.to_owned());
        })
    }

    /// Forgets the session at this address.
    pub(crate) fn remove(&self, url: &str) -> io::Result<()> {
        self.change(|kept| {
            kept.sessions.remove(url);
            if kept.current.as_deref() == Some(url) {
                kept.current = None;
            }
        })
    }

    /// The session at this address, for a client.
    pub(crate) fn at(&self, url: &str) -> Place {
        Place { keyring: self.clone(), url: url.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("sessions.json")
    }

    fn read(&self) -> io::Result<Kept> {
        let name = self.file();
        let name = name.display();
        match fs::read(self.file()) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Err(_) if self.is_replaced => Ok(Kept::default()),
                Err(error) => {
                    let text = format!("{name} is damaged ({error}): sign in by `rollcall login`");
                    Err(io::Error::new(io::ErrorKind::InvalidData, text))
                }
                Ok(kept) => Ok(kept),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let _lock = self.lock()?;
        self.change_locked(change)
    }

    /// The new file takes the place of the old one when it is whole.
    fn change_locked(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let mut kept = self.read()?;
        change(&mut kept);
        let path = self.file().with_extension("json.new");
        let mut file = private(&path)?;
        file.write_all(&serde_json::to_vec_pretty(&kept)?)?;
        file.sync_all()?;
        fs::rename(path, self.file())
    }

    fn lock(&self) -> io::Result<File> {
        make_private_folder(&self.folder)?;
        let file = private(&self.folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    }
}

/// The session at one address.
pub(crate) struct Place {
    keyring: Keyring,
    url: String,
}

impl TokenStore for Place {
    fn lock(&self) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(self.keyring.lock()?))
    }

    fn load(&self) -> io::Result<Option<Tokens>> {
        Ok(self.keyring.get(&self.url)?.map(|entry| entry.tokens))
    }

    fn save(&self, tokens: &Tokens) -> io::Result<()> {
        self.keyring.change_locked(|kept| {
            if let Some(entry) = kept.sessions.get_mut(&self.url) {
                entry.tokens = tokens.clone();
            }
        })
    }
}

/// A file, new or emptied, that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
