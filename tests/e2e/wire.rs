//! HTTP/1.1 by hand, for requests that no client library sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than any answer takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn connect(port: u16) -> Self {
        Self(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have answered and closed before it read everything.
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn read_to_end(mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(LIMIT, self.0.read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        read.unwrap_or_else(|_| panic!("the connection stays open after {text:?}"))
            .unwrap_or_else(|error| panic!("{error} after {text:?}"));
        text
    }

    /// Reads until `text` has come.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&bytes).contains(text) {
                let byte = self.0.read_u8().await.unwrap();
                bytes.push(byte);
            }
        };
        if timeout(LIMIT, read).await.is_err() {
            panic!("no {text:?} in {:?}", String::from_utf8_lossy(&bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
