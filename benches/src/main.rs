//! Measures hsm against its rivals: plain files, `cp`, `tar`, `SQLite`, `redb` and `restic`.
//!
//! - a *row* is one line of the table: a task, its unit, its goal, and the two sides that do it;
//! - a *side* is ours or the rival's; both work in the same directory with the same durability;
//! - a *round* is one timed run of each side. Rounds alternate (ours, rival, ours, rival …), so what
//!   disturbs the machine for a while disturbs both.
//!
//! A goal that is not met is a result, not a failure: the exit code tells only whether the measurement
//! itself could be made.

mod child;
mod error;
mod filesystem;
mod growth;
mod machine;
mod measure;
mod options;
mod ours;
mod payloads;
mod plot;
mod populated;
mod results;
mod rows;
mod statistics;
mod table;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use error::{Context, Error, Result};
use options::{HELP, Options, Request};
use results::RowResult;
use rows::{Row, Setup, Sizes};

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)).and_then(|request| match request {
        Request::Help => {
            print!("{HELP}");
            Ok(())
        }
        Request::Work(arguments) => worker::run(&arguments),
        Request::Measure(options) => match &options.plot {
            Some(plots) => plot_all(&options, plots),
            None => measure_all(&options),
        },
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(options: &Options) -> Result<()> {
    let rows = rows::chosen(options.row_filter.as_deref());
    if rows.is_empty() {
        return Err(Error::new("choose rows", "no name of a row contains the text after --row"));
    }
    let work = work_dir(options)?;
    println!("{}", machine::describe(work.path())?);
    let (rows, missing): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.needs.is_none_or(rows::is_installed));
    for row in &missing {
        println!("skipped      {}: this machine has no {}", row.name, row.needs.unwrap_or_default());
    }
    if !missing.is_empty() && std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(Error::new("measure every row", "with CI=true each rival has to be installed"));
    }
    if options.quick {
        println!("quick: sizes too small to judge by");
    }
    println!();

    let (mut results, mut failed) = (Vec::new(), Vec::new());
    for row in &rows {
        match measure_row(row, options, work.path()) {
            Ok(measured) => results.extend(measured),
            // The rows before took their time, and those behind have nothing to do with it.
            Err(error) => {
                eprintln!("bench: {}: {error}", row.name);
                failed.push(format!("{}: {error}", row.name));
            }
        }
    }
    print!("{}", table::render(&results));
    results::write(&options.results.clone().unwrap_or_else(|| bench_dir().join("results.json")), &results)?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("measure {} of {} rows", failed.len(), rows.len()), failed.join("; ")))
}

/// A folder of our own: nothing that was in the caller's directory before is ever removed.
fn work_dir(options: &Options) -> Result<tempfile::TempDir> {
    let parent = options.dir.clone().unwrap_or_else(|| bench_dir().join("work"));
    filesystem::create_dir(&parent)?;
    filesystem::temporary_dir(&parent)
}

/// Measures a store that grows, and draws what its operations cost into `plots`.
fn plot_all(options: &Options, plots: &Path) -> Result<()> {
    let font = options.font.as_ref();
    plot::take_letters(font.ok_or_else(|| Error::new("draw", "--plot needs a --font (see --help)"))?)?;
    filesystem::create_dir(plots)?;
    let work = work_dir(options)?;
    println!("{}", machine::describe(work.path())?);
    let points = growth::measure(work.path(), options.objects)?;
    let csv = plots.join("growth.csv");
    std::fs::write(&csv, growth::as_csv(&points)).context(|| format!("write {}", csv.display()))?;
    plot::svg(&plots.join("growth.svg"), &points)?;
    plot::png(&plots.join("growth.png"), &points)
}

/// The row's result, and those of what else its rounds show.
fn measure_row(row: &Row, options: &Options, work: &Path) -> Result<Vec<RowResult>> {
    let row_dir = filesystem::temporary_dir(work)?;
    let setup = Setup {
        shared_dir: work.to_owned(),
        row_dir: row_dir.path().to_owned(),
        sizes: if options.quick { Sizes::QUICK } else { Sizes::FULL },
    };
    let mut sides = (row.build)(&setup)?;
    let around = options.around.as_deref();
    if around.is_some() {
        sides.rival = None;
    }
    let rates = measure::alternate(&mut sides, row_dir.path(), options.rounds, around, |round| {
        eprintln!("{}: {round}", row.name);
    })?;
    Ok(RowResult::of(row, &rates))
}

/// Where results go, and the work too unless `--dir` says otherwise: `target/bench` of the workspace.
fn bench_dir() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join("target").join("bench")
}
