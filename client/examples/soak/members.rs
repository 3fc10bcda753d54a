//! The members of the group: processes that join, leave, and are killed.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use milena_testdata::Process;

use crate::ledger::Ledger;
use crate::processes::Starter;

/// How long a member may take to leave and end.
const LEAVING: Duration = Duration::from_secs(30);

/// Those that run, and how many there have been.
pub struct Members {
    options: Vec<String>,
    running: Vec<Member>,
    /// Those that were told to end.
    ending: Vec<(Member, Instant)>,
    last_change: Instant,
    /// How many were started.
    pub started: usize,
    /// How many left the group in an orderly way.
    pub closed: usize,
    /// How many were killed.
    pub killed: usize,
}

struct Member {
    name: String,
    process: Process,
}

impl Members {
    /// None yet; all are started with these options.
    pub fn new(options: Vec<String>) -> Self {
        let last_change = Instant::now();
        Members { options, running: vec![], ending: vec![], last_change, started: 0, closed: 0, killed: 0 }
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether all that run have been given partitions, or none, and nobody came or went for a while.
    pub fn are_settled(&self, ledger: &Ledger, quiet: Duration) -> bool {
        self.last_change.elapsed() > quiet
            && self.running.iter().all(|member| ledger.owned(&member.name).is_some())
    }

    /// One more.
    pub fn start(&mut self, starter: &Starter, auto_commit: bool) -> Result<(), Box<dyn Error>> {
        self.started += 1;
        let name = format!("member-{}", self.started);
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("member").args(&self.options).args(auto_commit.then_some("--enable-autocommit"));
        let process = starter.start(&name, &command)?;
        self.running.push(Member { name, process });
        self.last_change = Instant::now();
        Ok(())
    }

    /// Lets the n-th of those that run leave.
    pub fn close(&mut self, n: usize) -> Result<(), Box<dyn Error>> {
        let mut member = self.running.remove(n);
        member.process.signal("TERM")?;
        self.ending.push((member, Instant::now() + LEAVING));
        self.last_change = Instant::now();
        Ok(())
    }

    /// Kills the n-th of those that run.
    pub fn kill(&mut self, n: usize) -> Result<(), Box<dyn Error>> {
        let mut member = self.running.remove(n);
        member.process.signal("KILL")?;
        self.killed += 1;
        self.last_change = Instant::now();
        Ok(())
    }

    /// Looks after them: those that run have to, and those that leave have to end.
    pub fn look(&mut self, ledger: &mut Ledger) -> Result<(), Box<dyn Error>> {
        for n in (0..self.running.len()).rev() {
            if let Some(status) = self.running[n].process.ended()? {
                ledger.problem(format!("{} ended by itself: {status}", self.running[n].name));
                self.running.remove(n);
            }
        }
        for n in (0..self.ending.len()).rev() {
            let (member, deadline) = &mut self.ending[n];
            match member.process.ended()? {
                Some(status) if status.success() => self.closed += 1,
                Some(status) => ledger.problem(format!("{} could not leave: {status}", member.name)),
                None if Instant::now() > *deadline => ledger.problem(format!("{} does not end", member.name)),
                None => continue,
            }
            self.ending.remove(n);
        }
        Ok(())
    }

    /// Whether all have ended that were told to.
    pub fn have_ended(&self) -> bool {
        self.ending.is_empty()
    }
}
