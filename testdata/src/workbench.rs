//! One JVM for all calls of Kafka's tools that a process makes: to start one takes longer than what most tools do.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tempfile::TempDir;

use crate::broker::java;
use crate::error::Doing;
use crate::{Error, Process};

/// A JVM that runs main classes, as `launcher/Workbench.java` says.
struct Workbench {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Workbench {
    /// That of these jars, which is started by the first who asks.
    fn of(jars: &Path) -> Result<Arc<Workbench>, Error> {
        static ALL: OnceLock<Mutex<HashMap<PathBuf, Arc<Workbench>>>> = OnceLock::new();
        let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workbench) = all.get(jars) {
            return Ok(workbench.clone());
        }
        let workbench = Arc::new(Workbench::start(jars)?);
        all.insert(jars.to_owned(), workbench.clone());
        Ok(workbench)
    }

    fn start(jars: &Path) -> Result<Workbench, Error> {
        let folder = tempfile::tempdir().doing("making a folder for classes")?;
        let mut command = java(jars);
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
        command.arg(crate::folder().join("launcher/Workbench.java")).arg(folder.path());
        let (process, output) = Process::spawn(&command, Stdio::inherit())?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).doing("waiting for java")?;
        let port = line.trim().parse().ok();
        let port = port.ok_or_else(|| Error::new("java did not start (is a JDK 17 or newer installed?)"))?;
        Ok(Workbench { port, _process: process, _folder: folder })
    }

    fn call(&self, asked: &[&str]) -> std::io::Result<(i32, String, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut bytes = length(asked.len()).to_vec();
        for text in asked {
            bytes.extend(length(text.len()));
            bytes.extend(text.as_bytes());
        }
        stream.write_all(&bytes)?;
        let mut status = [0; 4];
        stream.read_exact(&mut status)?;
        let said = text(&mut stream)?;
        Ok((i32::from_be_bytes(status), said, text(&mut stream)?))
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    stream.take(u32::from_be_bytes(length).into()).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a main class, or the one in a source file, to its end with these arguments, and gives what it printed.
pub(crate) fn run(jars: &Path, class: &str, arguments: &[&str]) -> Result<String, Error> {
    let workbench = Workbench::of(jars)?;
    let asked = [&[class], arguments].concat();
    let (status, said, complained) = workbench.call(&asked).doing(format!("running {class}"))?;
    if status == 0 {
        return Ok(said);
    }
    Err(Error::new(format!("{class} failed (exit code {status}):\n{said}{complained}")))
}
