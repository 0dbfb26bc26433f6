//! What cargo built, where programs can be linked with it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A directory with both libraries under the names that linker and loader look for. Cargo puts them beside its tests.
pub(crate) fn libraries(directory: &Path) {
    std::fs::create_dir(directory).unwrap();
    for name in ["libhestia.so", "libhsm.so"] {
        let built = std::env::current_exe().unwrap().with_file_name(name);
        assert!(built.exists(), "{} is missing: build with cargo test", built.display());
        // A copy: libhestia.so looks for the other one where it lies itself.
        std::fs::copy(built, directory.join(name)).unwrap();
        symlink(name, directory.join(format!("{name}.{}", env!("CARGO_PKG_VERSION_MAJOR")))).unwrap();
    }
}
