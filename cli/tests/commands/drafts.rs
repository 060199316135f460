//! The file of `export`, which has its name when it is whole.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::script::{Script, answer};
use crate::shell::{Run, Shell};

const USERS: &str = "{\"email\":\"ada@example.com\"}\n";
/// What a header says of them.
const NDJSON: &str = "content-type: application/x-ndjson\r\n";
/// The beginning of an export that goes on for ever.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\
                    transfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n";

fn exporting() -> Shell {
    Shell::program(&Script::answering(move |_| answer("200 OK", NDJSON, USERS)))
}

/// What is in the home of somebody, but for what has been there from the start.
fn files(shell: &Shell) -> Vec<String> {
    let entries = fs::read_dir(shell.file("")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An export that has begun to write.
fn begin(shell: &Shell, command: &mut Command) -> Child {
    let before = files(shell).len();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while files(shell).len() == before {
        thread::yield_now();
    }
    child
}

/// What has a program begin with the signals as they are, though whoever runs the tests
/// may have ignored some.
#[cfg(target_os = "linux")]
const DEFAULTS: [&str; 2] = ["env", "--default-signal=HUP"];
#[cfg(not(target_os = "linux"))]
const DEFAULTS: [&str; 1] = ["env"];

/// An export that is begun by another program.
fn export_under(shell: &Shell, program: &[&str]) -> Command {
    let export = shell.command(&["export", "-o", "users"]);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(export.get_program()).args(export.get_args());
    command.current_dir(shell.file("")).env_clear();
    command.envs(export.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn an_export_follows_no_link_that_somebody_left() {
    let program = exporting();
    fs::write(program.file("elsewhere"), "").unwrap();
    symlink("elsewhere", program.file("users.part")).unwrap();
    program.run(&["export", "-o", "users"]).expect(0);
    assert_eq!(fs::read_to_string(program.file("users")).unwrap(), USERS);
    assert_eq!(fs::read_to_string(program.file("elsewhere")).unwrap(), "");
    assert_eq!(files(&program), ["elsewhere", "users", "users.part"]);
    let mode = fs::metadata(program.file("users")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_file_of_its_own_is_written_into() {
    let program = exporting();
    fs::write(program.file("file"), "a longer text than the one that is written now").unwrap();
    symlink("file", program.file("link")).unwrap();
    program.run(&["export", "-o", "link"]).expect(0);
    assert!(program.file("link").is_symlink());
    assert_eq!(fs::read_to_string(program.file("file")).unwrap(), USERS);

    let pipe = program.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = thread::spawn(move || fs::read_to_string(pipe).unwrap());
    program.run(&["export", "-o", "pipe"]).expect(0);
    assert_eq!(reader.join().unwrap(), USERS);
    program.run(&["export", "-o", "/dev/null"]).expect(0);
    program.run(&["export", "-o", "."]).expect(1).saying(".: ");
    assert_eq!(program.run(&["export", "-o", "/dev/stdout"]).expect(0).stdout, USERS);
    assert_eq!(files(&program), ["file", "link", "pipe"]);
}

#[test]
fn a_dash_is_the_standard_output() {
    let program = exporting();
    assert_eq!(program.run(&["export", "-o", "-"]).expect(0).stdout, USERS);
    assert_eq!(files(&program), [""; 0]);
}

#[test]
fn a_reader_of_an_export_may_go_away() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let script = Script::answering(move |_| answer("200 OK", NDJSON, USERS));
    let output = Shell::program(&script).command(&["export"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(141), &b""[..]));
}

#[test]
fn the_name_of_the_file_says_how_it_is_written() {
    let header = "content-type: text/csv\r\n";
    let script = Script::answering(move |_| answer("200 OK", header, "email\n"));
    let program = Shell::program(&script);
    program.run(&["export", "-o", "users.CSV"]).expect(0);
    assert_eq!(fs::read_to_string(program.file("users.CSV")).unwrap(), "email\n");
    // Something else was asked for.
    program.run(&["export", "-o", "users.ndjson"]).expect(1).saying("not application/x-ndjson");
    program.run(&["export", "-o", "users.csv", "--format", "ndjson"]).expect(1);
}

#[test]
fn an_export_that_breaks_off_leaves_what_was_there() {
    let program = Shell::program(&Script::answering(|_| HALF.to_owned()));
    fs::write(program.file("users"), "before").unwrap();
    program.run(&["export", "-o", "users"]).expect(6);
    assert_eq!(files(&program), ["users"]);
    assert_eq!(fs::read_to_string(program.file("users")).unwrap(), "before");
}

#[test]
fn what_something_else_answers_is_written_nowhere() {
    let page = || answer("200 OK", "content-type: text/html\r\n", "<h1>Welcome</h1>");
    let program = Shell::program(&Script::answering(move |_| page()));
    assert_eq!(program.run(&["export"]).expect(1).saying("text/html").stdout, "");
    fs::write(program.file("users"), "before").unwrap();
    program.run(&["export", "-o", "users"]).expect(1);
    assert_eq!(fs::read_to_string(program.file("users")).unwrap(), "before");
}

#[test]
fn whoever_ends_an_export_leaves_no_half_of_one() {
    let program = Shell::program(&Script::stalling(HALF));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut child = begin(&program, &mut export_under(&program, &DEFAULTS));
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(files(&program), [""; 0]);
    }
}

#[test]
fn a_pipe_that_nobody_reads_keeps_nobody_from_ending_an_export() {
    let (asked, is_asked) = mpsc::channel();
    let script = Script::answering(move |_| {
        asked.send(()).unwrap();
        answer("200 OK", NDJSON, USERS)
    });
    let program = Shell::program(&script);
    assert!(Command::new("mkfifo").arg(program.file("pipe")).status().unwrap().success());
    let mut child = program.command(&["export", "-o", "pipe"]).spawn().unwrap();
    is_asked.recv().unwrap();
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[cfg(target_os = "linux")]
#[test]
fn who_is_not_to_hear_that_the_terminal_goes_does_not() {
    let program = Shell::program(&Script::stalling(HALF));
    let mut child = begin(&program, &mut export_under(&program, &["nohup"]));
    send(&child, Signal::HUP);
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn two_exports_to_the_same_file_are_both_whole() {
    let stalled = Shell::program(&Script::stalling(HALF));
    let mut first = begin(&stalled, &mut stalled.command(&["export", "-o", "users"]));
    let quick = Script::answering(move |_| answer("200 OK", NDJSON, USERS));
    stalled.command(&["--url", &quick.url, "export", "-o", "users"]).run("").expect(0);
    assert_eq!(fs::read_to_string(stalled.file("users")).unwrap(), USERS);
    send(&first, Signal::TERM);
    first.wait().unwrap();
    assert_eq!(files(&stalled), ["users"]);
    assert_eq!(fs::read_to_string(stalled.file("users")).unwrap(), USERS);
}
