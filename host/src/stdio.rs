//! Standard output and standard error: the guest's and the host's own.

use std::fmt::Display;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Says something on the host's standard error, where nobody may be listening.
pub(crate) fn report(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// The most bytes that a guest may hand over in one write.
const MAX_WRITE: usize = 64 << 10;

/// One of the two outputs of a component, shared by its instances. What is
/// written goes on at once, to a log file and to the terminal.
#[derive(Clone)]
pub(crate) struct Output(Arc<Sinks>);

struct Sinks {
    file: Option<File>,
    terminal: Option<Terminal>,
}

/// A standard stream of the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terminal {
    Stdout,
    Stderr,
}

impl Output {
    /// Appends to `file`, whose folder is made where there is none, and copies
    /// to `terminal`.
    pub(crate) fn new(file: Option<&Path>, terminal: Option<Terminal>) -> io::Result<Self> {
        let file = file
            .map(|path| {
                if let Some(folder) = path.parent() {
                    create_dir_all(folder)?;
                }
                OpenOptions::new().create(true).append(true).open(path)
            })
            .transpose()?;
        Ok(Self(Arc::new(Sinks { file, terminal })))
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(mut file) = self.0.file.as_ref() {
            file.write_all(bytes)?;
        }
        // A terminal that went away is no reason to fail the guest.
        let _ = match self.0.terminal {
            Some(Terminal::Stdout) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Some(Terminal::Stderr) => io::stderr().lock().write_all(bytes),
            None => Ok(()),
        };
        Ok(())
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_all(&bytes).map_err(|error| StreamError::LastOperationFailed(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_all(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
