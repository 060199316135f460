//! Files that somebody names.

use std::fs;
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// What went wrong with a file, and with which.
pub(crate) fn at(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

/// Whether what is read from `input`, where - is the standard input, is in the file at
/// `path`, by whatever name or link.
pub(crate) fn is_same(input: &Path, path: &Path) -> bool {
    let Ok(there) = fs::metadata(path) else { return false };
    // A terminal or /dev/null may well be both.
    there.is_file() && identity(input).is_ok_and(|input| input == identity_of(&there, path))
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(input: &Path) -> io::Result<Identity> {
    use std::os::fd::AsFd;
    let metadata = if input == Path::new("-") {
        fs::File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()?
    } else {
        fs::metadata(input)?
    };
    Ok(identity_of(&metadata, input))
}

#[cfg(unix)]
fn identity_of(metadata: &fs::Metadata, _path: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
type Identity = Option<std::path::PathBuf>;

#[cfg(not(unix))]
fn identity(input: &Path) -> io::Result<Identity> {
    fs::canonicalize(input).map(Some)
}

#[cfg(not(unix))]
fn identity_of(_metadata: &fs::Metadata, path: &Path) -> Identity {
    fs::canonicalize(path).ok()
}
