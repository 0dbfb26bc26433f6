//! libhsm, built for release and installed as `make install` does it, in a directory of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::tool::{output, repository};

/// Below DESTDIR; a prefix that no machine has, so that nothing is found there by chance.
const PREFIX: &str = "/opt/hsm of a test";

/// An installation, gone with its value.
#[derive(Debug)]
pub(crate) struct Installation {
    directory: tempfile::TempDir,
}

impl Installation {
    /// Runs `make install`.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let installation = Self { directory };
        installation.make("install");
        installation
    }

    /// The one that the tests of a file share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Installation> = LazyLock::new(Installation::new);
        &SHARED
    }

    /// Runs a target of the Makefile on it.
    pub(crate) fn make(&self, target: &str) {
        let mut make = Command::new("make");
        make.arg("--directory").arg(repository()).arg(target);
        make.arg(format!("DESTDIR={}", self.directory.path().display())).arg(format!("PREFIX={PREFIX}"));
        // An outer make's own words are not for this one.
        make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        output(&mut make).unwrap();
    }

    /// DESTDIR with PREFIX.
    pub(crate) fn prefix(&self) -> PathBuf {
        self.directory.path().join(PREFIX.trim_start_matches('/'))
    }

    /// A file of it.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.prefix().join(name)
    }
}
