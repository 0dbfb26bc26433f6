//! Processes that a row runs beside this one, held back until the clock starts.
//!
//! A child prints `ready` when it has opened what it needs, waits for a line on its input, works, and prints one
//! line of figures. So neither its start nor its opening is timed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::{Context, Error, Result};

/// What a child says when it could begin.
pub(crate) const READY: &str = "ready";

/// A process that waits, or works. Dropped before it is finished, it is killed.
pub(crate) struct HeldChild {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl HeldChild {
    /// Starts `command`. It may still be opening when this returns: see [`wait_ready`](Self::wait_ready).
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.context(|| format!("start {name}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Error::new(format!("start {name}"), "it has no pipes"))?;
        Ok(Self { name, child, input: Some(input), output: BufReader::new(output) })
    }

    /// Returns when the child could begin.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let line = self.line()?;
        if line == READY {
            return Ok(());
        }
        Err(Error::new(format!("wait for {}", self.name), format!("it says \"{line}\"")))
    }

    /// Lets the child begin.
    pub(crate) fn go(&mut self) -> Result<()> {
        let input = self.input.as_mut().ok_or_else(|| Error::new("begin", "the child was told already"))?;
        input.write_all(b"go\n").context(|| format!("tell {} to begin", self.name))
    }

    /// The next line of what the child prints.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context(|| format!("read what {} says", self.name))?;
        Ok(line.trim_end().to_owned())
    }

    /// Waits for the end of a child that has said all, and fails if it did.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.input = None;
        let status = self.child.wait().context(|| format!("wait for {}", self.name))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::new(format!("run {}", self.name), status.to_string()))
        }
    }
}

impl Drop for HeldChild {
    fn drop(&mut self) {
        // Both fail on a child that was waited for, which is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end and fails unless it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let action = |command: &Command| format!("run {}", command.get_program().display());
    let status = command.stdout(Stdio::null()).status().context(|| action(command))?;
    if status.success() { Ok(()) } else { Err(Error::new(action(command), status.to_string())) }
}
