//! A tree of small files is archived by the example `sync_tool`; the rivals pack it with `tar` or back it up with `restic`.
//!
//! The tree has what a program's output often has: directories of 500 files of 1 to 8 KiB.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Goal, Row, Setup, c_program};
use crate::error::{Context, Error, Result};
use crate::measure::{Side, Sides};
use crate::ours::Ours;
use crate::payloads::{Payloads, SMALL_BYTES};
use crate::{child, filesystem};

pub(super) const ROW: Row = Row {
    name: "sync_tool archive of 50 k small files",
    unit: "files/s",
    goal: Goal::Ratio(0.7),
    also: &[],
    rival_name: "tar to a file, then fsync of it and of its directory",
    needs: None,
    build: |setup| build(setup, |tree, dir| Box::new(Tar { tree, dir })),
};

pub(super) const AND_RESTIC: Row = Row {
    name: "sync_tool archive of 50 k small files, and restic",
    goal: Goal::Ratio(1.0),
    rival_name: "restic backup to a new repository; it syncs each of its files",
    needs: Some("restic"),
    build: |setup| build(setup, |tree, dir| Box::new(Restic { tree, dir })),
    ..ROW
};

/// What restic is told besides, in words for the heading of the table: the contents cannot be compressed.
pub(crate) const RESTIC_SETTINGS: &str = "--no-cache --compression off";

const IN_A_DIRECTORY: usize = 500;

#[derive(Clone)]
struct Tree {
    path: PathBuf,
    files: usize,
}

struct OurArchive {
    program: PathBuf,
    tree: Tree,
    store: PathBuf,
}

struct Tar {
    tree: Tree,
    dir: PathBuf,
}

struct Restic {
    tree: Tree,
    dir: PathBuf,
}

fn build(setup: &Setup, rival: fn(Tree, PathBuf) -> Box<dyn Side>) -> Result<Sides> {
    let files = setup.sizes.tree_files;
    let tree = Tree { path: setup.row_dir.join("tree"), files };
    write_tree(&tree)?;
    let program = c_program::build(&setup.shared_dir, "examples/c/sync_tool.c")?;
    let ours = OurArchive { program, tree: tree.clone(), store: setup.row_dir.join("ours") };
    let rival = rival(tree, setup.row_dir.join("rival"));
    Ok(Sides { ours: Box::new(ours), rival: Some(rival) })
}

fn write_tree(tree: &Tree) -> Result<()> {
    let payloads = Payloads::random()?;
    for index in 0..tree.files {
        let dir = tree.path.join(format!("step-{:04}", index / IN_A_DIRECTORY));
        if index % IN_A_DIRECTORY == 0 {
            filesystem::create_dir(&dir)?;
        }
        let path = dir.join(format!("field-{:04}.dat", index % IN_A_DIRECTORY));
        // 1 KiB to 8 KiB, as two payloads hold them.
        let length = (1 + index % 8) * (SMALL_BYTES / 4);
        let mut content = payloads.get(2 * index).to_vec();
        content.extend_from_slice(payloads.get(2 * index + 1));
        fs::write(&path, &content[..length]).context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Reads the tree once, so that it lies in the page cache for both. `tar` would not do: where its output is `/dev/null`, GNU's
/// reads no file.
fn warm(dir: &Path) -> Result<()> {
    let mut buffer = vec![0; filesystem::READ_BUFFER_BYTES];
    let read_bytes = filesystem::read_below(dir, &mut buffer)?;
    filesystem::check_length("the tree", read_bytes, filesystem::total_bytes(dir)?)
}

impl Side for OurArchive {
    fn prepare(&mut self) -> Result<()> {
        warm(&self.tree.path)
    }

    fn run(&mut self) -> Result<f64> {
        let mut command = Command::new(&self.program);
        command.args(["archive", "--quiet", "--dataset", "tree", "--store"]).arg(&self.store);
        child::run(command.arg(&self.tree.path))?;
        Ok(self.tree.files as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let archived = Ours::open(&self.store)?.objects_on(0)?;
        if archived != self.tree.files as u64 {
            return Err(Error::new("trust the archive", format!("it has {archived} files")));
        }
        filesystem::remove_dir(&self.store)
    }
}

impl Side for Tar {
    fn prepare(&mut self) -> Result<()> {
        filesystem::create_dir(&self.dir)?;
        warm(&self.tree.path)
    }

    fn run(&mut self) -> Result<f64> {
        let archive = self.dir.join("tree.tar");
        child::run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&self.tree.path).arg("."))?;
        let synced = File::open(&archive).and_then(|archive| archive.sync_all());
        synced.context(|| format!("sync {}", archive.display()))?;
        filesystem::sync_dir(&self.dir)?;
        Ok(self.tree.files as f64)
    }

    fn clean(&mut self) -> Result<()> {
        filesystem::remove_dir(&self.dir)
    }
}

impl Restic {
    /// The command `name` of restic on the repository.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("restic");
        // Who reads what is measured has the tree as well: there is nothing to keep secret.
        command.env("RESTIC_PASSWORD", "benchmark").args([name, "--quiet"]);
        command.args(RESTIC_SETTINGS.split(' ')).arg("--repo").arg(&self.dir).current_dir(&self.tree.path);
        command
    }
}

impl Side for Restic {
    fn prepare(&mut self) -> Result<()> {
        child::run(&mut self.command("init"))?;
        warm(&self.tree.path)
    }

    fn run(&mut self) -> Result<f64> {
        child::run(self.command("backup").arg("."))?;
        Ok(self.tree.files as f64)
    }

    fn clean(&mut self) -> Result<()> {
        let listed = self.command("ls").arg("latest").output().context(|| "list what restic has".into())?;
        let files = listed.stdout.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b".dat")).count();
        if files != self.tree.files {
            return Err(Error::new("trust restic", format!("it has {files} files")));
        }
        filesystem::remove_dir(&self.dir)
    }
}
