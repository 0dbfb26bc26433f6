//! Programs in C, built against the shared library of this build.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::{child, filesystem};

/// Builds `source`, a path in the repository, into `shared_dir`, when it is first asked for.
pub(super) fn build(shared_dir: &Path, source: &str) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
    let program = shared_dir.join(source.file_stem().unwrap_or_default());
    if program.exists() {
        return Ok(program);
    }
    let libraries = shared_dir.join("lib");
    link_library(&libraries)?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-std=c99", "-Wall", "-Wextra", "-pthread", "-I"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../include"));
    command.arg(&source).arg("-o").arg(&program).arg("-L").arg(&libraries).arg("-lhsm");
    command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    child::run(&mut command)?;
    Ok(program)
}

/// Makes a directory with the library under the names that linker and loader look for.
fn link_library(dir: &Path) -> Result<()> {
    let us = std::env::current_exe().context(|| "find this program".into())?;
    let beside = us.parent().unwrap_or(Path::new("."));
    // Cargo leaves what a dependency built here; tests lie there themselves.
    let places = [beside.join("deps").join("libhsm.so"), beside.join("libhsm.so")];
    let Some(library) = places.iter().find(|place| place.exists()) else {
        return Err(Error::new("find libhsm.so", format!("it is not at {}", places[0].display())));
    };
    filesystem::create_dir(dir)?;
    for name in ["libhsm.so", "libhsm.so.0"] {
        let link = dir.join(name);
        if !link.exists() {
            symlink(library, &link).context(|| format!("make {}", link.display()))?;
        }
    }
    Ok(())
}
