//! Where an export goes: the standard output, or a file that has its name when it is
//! whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::failure::Outcome;
use crate::files::at;

/// Where an export goes.
pub(crate) struct Target {
    // Asynchronous, so that Ctrl-C is heard while nobody reads a pipe.
    sink: Box<dyn AsyncWrite + Unpin>,
    path: Option<PathBuf>,
    draft: Option<Draft>,
}

/// A file that is taken away when it is dropped, but for one that was finished.
struct Draft {
    file: File,
    path: TempPath,
}

impl Target {
    /// The standard output, for no path or -; else the file at this path.
    pub(crate) async fn open(path: Option<&Path>) -> Outcome<Self> {
        match path.filter(|path| *path != Path::new("-")) {
            None => Ok(Self { sink: Box::new(tokio::io::stdout()), path: None, draft: None }),
            Some(path) => Self::open_file(path).await.map_err(|error| at(path, &error)),
        }
    }

    async fn open_file(path: &Path) -> io::Result<Self> {
        let found = path.symlink_metadata();
        // A device, a pipe or a link is what somebody wants to be written into.
        let is_own = found.map_or(true, |found| found.is_file());
        let (file, draft) = if is_own {
            let draft = Draft::beside(path)?;
            (tokio::fs::File::from_std(draft.file.try_clone()?), Some(draft))
        } else {
            (overwrite(path).await?, None)
        };
        Ok(Self { sink: Box::new(file), path: Some(path.to_owned()), draft })
    }

    /// Writes some more.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Outcome {
        let written = self.sink.write_all(bytes).await;
        self.name(written)
    }

    /// Gives the file its name.
    pub(crate) async fn finish(mut self) -> Outcome {
        let flushed = self.sink.flush().await;
        self.name(flushed)?;
        match (self.draft, self.path) {
            (Some(draft), Some(path)) => draft.finish(&path).map_err(|error| at(&path, &error)),
            _ => Ok(()),
        }
    }

    /// What came of it, with the name of the file.
    fn name(&self, result: io::Result<()>) -> Outcome {
        match &self.path {
            Some(path) => result.map_err(|error| at(path, &error)),
            None => Ok(result?),
        }
    }
}

impl Draft {
    /// In the folder of the file, by a name that nobody has, for its owner alone: it is
    /// full of addresses.
    fn beside(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut builder = tempfile::Builder::new();
        let file = builder.prefix(".rollcall-").suffix(".part");
        let (file, path) = file.tempfile_in(folder.unwrap_or(Path::new(".")))?.into_parts();
        Ok(Self { file, path })
    }

    fn finish(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        Ok(self.path.persist(path)?)
    }
}

/// What is there, emptied; what a link leads to is made, if it is not there.
async fn overwrite(path: &Path) -> io::Result<tokio::fs::File> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}
