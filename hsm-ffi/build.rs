//! Gives the shared library its name for the loader, which a plain cdylib lacks, and keeps it small.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // While hsm.h is a preview. It becomes .1 when the header is declared frozen, and stays so.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhsm.so.0");
    // The library stays loaded after dlclose(): its SQLite keeps locks that a second image would not know of.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // A bit for each address that the loader moves in place of 24 bytes: 100 KiB less, and quicker to load.
    if loader_knows_packed_relocations() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library of this machine loads what is built with packed relative relocations: glibc does from 2.36 on.
/// What is built for another machine, or with another C library, does without.
fn loader_knows_packed_relocations() -> bool {
    let target = std::env::var("TARGET").unwrap_or_default();
    if std::env::var("HOST").ok().as_deref() != Some(&target) || !target.ends_with("linux-gnu") {
        return false;
    }
    let Ok(said) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let said = String::from_utf8_lossy(&said.stdout);
    let mut numbers = said.trim().trim_start_matches("glibc ").split('.').map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (2, 36))
}
