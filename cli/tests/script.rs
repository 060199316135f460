//! A service that says what a test tells it to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Where such a service is. It is there until the tests end.
pub(crate) struct Script {
    pub(crate) url: String,
    /// Takes connections as long as it is kept.
    _listener: TcpListener,
}

impl Script {
    /// Answers each request by its first line, such as `GET /livez HTTP/1.1`.
    pub(crate) fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let script = Self::silent();
        let listener = script._listener.try_clone().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Ok(line) = read(&stream) else { continue };
                // Whoever asked may have gone.
                let _ = stream.write_all(answer(&line).as_bytes());
            }
        });
        script
    }

    /// Answers each request with this, which does not end.
    pub(crate) fn stalling(answer: &'static str) -> Self {
        let script = Self::silent();
        let listener = script._listener.try_clone().unwrap();
        thread::spawn(move || {
            let mut streams = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                read(&stream).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                streams.push(stream);
            }
        });
        script
    }

    /// Answers nothing.
    pub(crate) fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, _listener: listener }
    }
}

/// An answer with these lines of a header, each ended, and this body.
pub(crate) fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}"
    )
}

/// A refusal, as the service tells it.
pub(crate) fn problem(status: &str, code: &str) -> String {
    let number = &status[..3];
    let body = format!(
        r#"{{"type":"urn:rollcall:problem:{code}","title":"T","status":{number},"detail":"D","code":"{code}","request_id":"R"}}"#
    );
    answer(status, "content-type: application/problem+json\r\n", &body)
}

/// The first line of a request, which is read to its end.
fn read(stream: &TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    let (mut length, mut is_chunked) = (0, false);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => is_chunked = true,
            _ => {}
        }
    }
    while is_chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        is_chunked = line != "0\r\n";
        length = 2;
    }
    reader.read_exact(&mut vec![0; length])?;
    Ok(first.trim_end().to_owned())
}
