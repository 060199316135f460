//! Clients that nobody here wrote. They come from their registries, at the versions
//! that the lists beside their scripts name, and are kept below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rollcall_testkit::build::workspace;

/// Nobody installs what another one is about to use.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Runs a command to its end and returns what it printed; fails if it does.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{printed}");
    printed
}

/// The folder of programs of Python that have what `folder/requirements.txt` names.
pub(crate) fn python(folder: &Path) -> PathBuf {
    let list = folder.join("requirements.txt");
    let name = format!("python-{}", folder.file_name().unwrap().display());
    let installed = installed(&name, &list, |target| {
        run(Command::new("python3").args(["-m", "venv"]).arg(target.join("venv")));
        run(Command::new(target.join("venv/bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list));
    });
    installed.join("venv/bin")
}

/// The `node_modules` of what `folder/package.json` names.
pub(crate) fn node_modules(folder: &Path) -> PathBuf {
    let list = folder.join("package.json");
    let installed = installed("node", &list, |target| {
        fs::copy(&list, target.join("package.json")).unwrap();
        let arguments = ["install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
        run(Command::new("npm").args(arguments).current_dir(target));
    });
    installed.join("node_modules")
}

/// A folder, made by `install` unless it was by the same list.
fn installed(name: &str, list: &Path, install: impl FnOnce(&Path)) -> PathBuf {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = workspace().join("target/clients").join(name);
    let wanted = fs::read_to_string(list).unwrap();
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).ok().as_ref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        install(&folder);
        fs::write(mark, wanted).unwrap();
    }
    folder
}
