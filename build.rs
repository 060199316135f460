//! Makes what is compiled in out of what is kept for people to read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// The passwords that nobody may choose, one a line.
const COMMON: &str = "src/domain/passwords/common.txt";

/// The description of the API.
const OPENAPI: &str = "openapi.json";
const DOCS: &str = "src/transport/http/docs.html";
/// The gRPC API, by the files that have services.
const PROTOS: &[&str] = &[
    "rollcall/v1/session_service.proto",
    "rollcall/v1/token_service.proto",
    "rollcall/v1/user_service.proto",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    common_passwords(&folder);
    openapi(&folder);
    docs(&folder);
    protos(&folder);
}

/// Writes the first four bytes of each password's SHA-256, sorted: less than half
/// of the list's size, and one in 270,000 others is taken for one of them.
fn common_passwords(folder: &Path) {
    println!("cargo::rerun-if-changed={COMMON}");
    let list = fs::read_to_string(COMMON).expect("the list can be read");
    let mut marks: Vec<[u8; 4]> = list.lines().map(mark).collect();
    marks.sort_unstable();
    fs::write(folder.join("common_passwords"), marks.concat()).expect("the marks can be written");
}

fn mark(password: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(password));
    [a, b, c, d]
}

/// Writes the checked-in description of the API.
fn openapi(folder: &Path) {
    println!("cargo::rerun-if-changed={OPENAPI}");
    let text = fs::read(OPENAPI).expect("the document can be read");
    let document: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    embed(folder, "openapi.json", document.to_string().as_bytes());
}

/// Writes the page at `/docs`.
fn docs(folder: &Path) {
    println!("cargo::rerun-if-changed={DOCS}");
    embed(folder, "docs.html", &fs::read(DOCS).expect("the page can be read"));
}

/// Writes what is seldom asked for compressed: a third to a tenth of its size.
fn embed(folder: &Path, name: &str, bytes: &[u8]) {
    let file = fs::File::create(folder.join(format!("{name}.gz"))).expect("it can be made");
    let mut file = GzEncoder::new(file, Compression::best());
    file.write_all(bytes).expect("it can be written");
    file.finish().expect("it can be written");
}

/// Writes the code and the descriptors of the gRPC API, without a `protoc`.
fn protos(folder: &Path) {
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"]).expect("proto is a folder");
    compiler.include_imports(true);
    compiler.open_files(PROTOS).unwrap_or_else(|error| panic!("{error:?}"));
    // For reflection: as protox writes them, with the annotations, which the types
    // of prost do not know; and without the comments, which nobody asks for.
    let descriptors = compiler.encode_file_descriptor_set();
    embed(folder, "descriptors.bin", &descriptors);
    let described = compiler.include_source_info(true).file_descriptor_set();
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(described)
        .expect("code can be made of what was compiled");
}
