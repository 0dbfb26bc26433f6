//! The command line of the demonstration.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Result;

/// What `--help` prints.
pub const HELP: &str = "\
Archives a tree of files into a store, moves it between tiers, restores it, and compares.

Usage: demo [--tree PATH] [--store PATH] [--keep]

  --tree PATH   the tree to archive, up to 5000 entries and 400 MiB of it,
                which is only read (default: /usr)
  --store PATH  where to make the store, which must not be there yet; it is kept
                (default: in a directory for temporary files)
  --keep        keep everything, and say where it is
  --help        print this text

Exits with 0 when every restored entry is what it was, else with 1.
";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The tree to archive.
    pub tree: Option<PathBuf>,
    /// Where the store goes.
    pub store: Option<PathBuf>,
    /// Whether everything is kept.
    pub keep: bool,
    /// Whether only the help is wanted.
    pub help: bool,
}

impl Options {
    /// Reads the arguments behind the program's name.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut path = || {
                let value = arguments.next().map(PathBuf::from);
                value.ok_or_else(|| format!("{} needs a path", argument.display()))
            };
            match argument.to_str() {
                Some("--tree") => options.tree = Some(path()?),
                Some("--store") => options.store = Some(path()?),
                Some("--keep") => options.keep = true,
                Some("--help" | "-h") => options.help = true,
                _ => return Err(format!("unknown argument {}; see --help", argument.display()).into()),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let read = |arguments: &[&str]| Options::read(arguments.iter().map(OsString::from));
        let options = read(&["--tree", "/x", "--keep"]).unwrap();
        assert_eq!(options, Options { tree: Some("/x".into()), keep: true, ..Options::default() });
        assert!(read(&["--tree"]).is_err());
        assert!(read(&["--trees"]).is_err());
    }
}
