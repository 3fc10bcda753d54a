//! Clients in other languages, brought once by the tools of their languages and kept in `target/kafka/clients`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::Doing;
use crate::jars::target_folder;

/// A Python (3.9 or newer) that has the packages of a `requirements.txt`, which names every one with its version.
pub fn python(requirements: &Path) -> Result<PathBuf, Error> {
    let (folder, _lock) = locked("python")?;
    let wanted = fs::read_to_string(requirements).doing(format!("reading {}", requirements.display()))?;
    let (venv, installed) = (folder.join("venv"), folder.join("venv/installed.txt"));
    let python = venv.join("bin/python");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    run(&mut make, "making a Python environment (is Python 3 installed, with its module venv?)")?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps", "-r"]);
    run(install.arg(requirements), "installing Python packages from PyPI (is it to be reached?)")?;
    fs::write(&installed, wanted).doing("noting which packages are installed")?;
    Ok(python)
}

/// The program that a folder with a `go.mod` holds: the one there, or with a package's name the tests of that package.
pub fn go(folder: &Path, tests_of: Option<&str>) -> Result<PathBuf, Error> {
    let name = match (tests_of, folder.file_name()) {
        (Some(package), _) => format!("{}.test", package.replace('/', "-")),
        (None, Some(name)) => name.to_string_lossy().into_owned(),
        (None, None) => return Err(Error::new("a Go program's folder has to have a name")),
    };
    let (to, _lock) = locked(&name)?;
    let program = to.join(&name);
    let mut build = Command::new("go");
    match tests_of {
        Some(package) => build.args(["test", "-c", "-o"]).arg(&program).arg(package),
        None => build.args(["build", "-o"]).arg(&program).arg("."),
    };
    // Go's own cache makes this quick where nothing has changed.
    run(
        build.current_dir(folder),
        "building with Go (is it installed, and the module proxy to be reached?)",
    )?;
    Ok(program)
}

/// A folder for one thing, and the lock of whoever brings it: others wait, in this process and in others.
fn locked(name: &str) -> Result<(PathBuf, File), Error> {
    let folder = target_folder().join("kafka/clients").join(name);
    fs::create_dir_all(&folder).doing(format!("creating {}", folder.display()))?;
    // Tests look for the program from other folders than this one.
    let folder = folder.canonicalize().doing("finding the folder of the clients")?;
    let lock = File::create(folder.join("lock")).doing("opening the lock of a client")?;
    lock.lock().doing("waiting for the lock of a client")?;
    Ok((folder, lock))
}

fn run(command: &mut Command, what: &str) -> Result<(), Error> {
    let out = command.stdin(Stdio::null()).output().doing(what)?;
    if out.status.success() {
        return Ok(());
    }
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Err(Error::new(format!("{what} failed ({}):\n{said}{complained}", out.status)))
}
