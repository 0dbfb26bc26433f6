//! Gives the shared library its name for the loader, which a plain cdylib lacks.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // While hsm.h is a preview. It becomes .1 when the header is declared frozen, and stays so.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhsm.so.0");
    // The library stays loaded after dlclose(): its SQLite keeps locks that a second image would not know of.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
