//! Makes what is compiled in out of what is kept for people to read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::{Environment, UndefinedBehavior};
use sha2::{Digest, Sha256};

/// The passwords that nobody may choose, one a line.
const COMMON: &str = "src/domain/passwords/common.txt";

/// The description of the API.
const OPENAPI: &str = "openapi.json";
const DOCS: &str = "src/transport/http/docs.html";
/// How mails are worded: `LANGUAGE/KIND.PART`, and a layout.
const MAILS: &str = "templates/mail";
/// The gRPC API, by the files that have services, and what its statuses carry.
const PROTOS: &[&str] = &[
    "google/rpc/error_details.proto",
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
    mails(&folder);
    warn_without_simd();
}

/// RUSTFLAGS from outside set those of `.cargo/config.toml` aside.
fn warn_without_simd() {
    let set = |name| env::var(name).unwrap_or_default();
    let has_simd = set("CARGO_CFG_TARGET_FEATURE").split(',').any(|name| name == "simd128");
    if set("CARGO_CFG_TARGET_ARCH") == "wasm32" && !has_simd {
        println!("cargo::warning=without the flags of .cargo/config.toml (is RUSTFLAGS set?)");
        println!("cargo::warning=the component is larger, and passwords take twice as long");
    }
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

/// Renders every mail as far as it can be known now: once for somebody with a name
/// and once for nobody. What is filled in later is named between two control
/// characters. So the component carries no interpreter of templates, and a mistake
/// in one of them is found here.
fn mails(folder: &Path) {
    println!("cargo::rerun-if-changed={MAILS}");
    let mut environment = Environment::new();
    // A name that nothing was given for is a mistake, not an empty place.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (name, text) in templates() {
        environment.add_template_owned(name, text).unwrap_or_else(|error| panic!("{error:#}"));
    }
    let mut worded = BTreeMap::new();
    for (name, _) in environment.templates() {
        let Some((locale, file)) = name.split_once('/') else { continue };
        let Some((kind, _)) = file.split_once('.').filter(|(kind, _)| *kind != "footer") else {
            continue;
        };
        let render = |is_greeted| {
            let template = environment.get_template(name)?;
            template.render(placeholders(&environment, locale, kind, is_greeted)?)
        };
        let wordings = [false, true].map(render).map(|text| match text {
            Ok(text) => text,
            Err(error) => panic!("{error:#}"),
        });
        worded.insert(name, wordings);
    }
    let worded = serde_json::to_vec(&worded).expect("texts are JSON");
    embed(folder, "mails.json", &worded);
}

/// What a mail of this kind is rendered with: a place for everything that its plain
/// text names.
fn placeholders(
    environment: &Environment<'_>,
    locale: &str,
    kind: &str,
    is_greeted: bool,
) -> Result<BTreeMap<String, Option<String>>, minijinja::Error> {
    let place = |name: &str| Some(format!("\u{1}{name}\u{2}"));
    let text = environment.get_template(&format!("{locale}/{kind}.txt"))?;
    let named = text.undeclared_variables(false);
    let mut values: BTreeMap<_, _> =
        named.into_iter().map(|name| (name.clone(), place(&name))).collect();
    values.insert("app_name".to_owned(), place("app_name"));
    values.insert("locale".to_owned(), Some(locale.to_owned()));
    values.insert("name".to_owned(), place("name").filter(|_| is_greeted));
    Ok(values)
}

/// All templates of mails, each under its path.
fn templates() -> Vec<(String, String)> {
    let mut templates = Vec::new();
    let mut folders = vec![PathBuf::from(MAILS)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension != "md") {
                let name = path.strip_prefix(MAILS).expect("it is below");
                let name = name.to_str().expect("it has a plain name").to_owned();
                templates.push((name, fs::read_to_string(&path).expect("it can be read")));
            }
        }
    }
    templates
}
