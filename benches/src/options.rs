//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::worker;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Measures hsm against its rivals.

usage: bench [options]

  --rounds N       timed rounds of each side, after one warm-up round (default 7)
  --row SUBSTRING  only rows whose name contains SUBSTRING
  --dir PATH       the directory to work in (default target/bench/work); needs 8 GiB
  --results PATH   where figures go for other programs (default target/bench/results.json)
  --plot DIR       no rows: what operations cost in a store that grows goes to growth.csv, growth.svg and growth.png in DIR
  --objects N      with --plot: up to so many objects, at least 1000 (default 1000000)
  --font PATH      with --plot, which needs it: a TrueType font
  --around COMMAND our side alone, for a profiler: COMMAND begin before what is timed, COMMAND end WORK behind it
  --quick          small sizes: shows that everything runs, says nothing about speed
  --help           this text
";

const ROUNDS_DEFAULT: usize = 7;
const ROUNDS_MAX: usize = 1000;
const OBJECTS_DEFAULT: usize = 1_000_000;
const OBJECTS_MIN: usize = 1000;
const OBJECTS_MAX: usize = 100_000_000;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Explain the options.
    Help,
    /// Be one of the processes of a row, as the program that measures asks for it.
    Work(Vec<OsString>),
    /// Measure.
    Measure(Options),
}

/// How to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Timed rounds of each side.
    pub(crate) rounds: usize,
    /// Measure only rows whose name contains this.
    pub(crate) row_filter: Option<String>,
    /// Where to work; `None`: under the workspace.
    pub(crate) dir: Option<PathBuf>,
    /// Where the results go; `None`: under the workspace.
    pub(crate) results: Option<PathBuf>,
    /// Measure our side alone, and run this before and behind what is timed.
    pub(crate) around: Option<PathBuf>,
    /// Small sizes.
    pub(crate) quick: bool,
    /// Where the curves go; `None`: measure rows.
    pub(crate) plot: Option<PathBuf>,
    /// How far the curves reach.
    pub(crate) objects: usize,
    /// The letters of the curves. Without them nothing is drawn: their widths lay out both pictures.
    pub(crate) font: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: ROUNDS_DEFAULT,
            row_filter: None,
            dir: None,
            results: None,
            around: None,
            quick: false,
            plot: None,
            objects: OBJECTS_DEFAULT,
            font: None,
        }
    }
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = |name| arguments.next().ok_or_else(|| refuse(&format!("{name} needs a value")));
        match argument.to_str() {
            Some("--help") => return Ok(Request::Help),
            Some("--quick") => options.quick = true,
            Some(worker::FLAG) => return Ok(Request::Work(arguments.collect())),
            Some("--dir") => options.dir = Some(PathBuf::from(value("--dir")?)),
            Some("--results") => options.results = Some(PathBuf::from(value("--results")?)),
            Some("--around") => options.around = Some(PathBuf::from(value("--around")?)),
            Some("--row") => options.row_filter = Some(text(value("--row")?)?),
            Some("--rounds") => options.rounds = rounds(&text(value("--rounds")?)?)?,
            Some("--plot") => options.plot = Some(PathBuf::from(value("--plot")?)),
            Some("--objects") => options.objects = objects(&text(value("--objects")?)?)?,
            Some("--font") => options.font = Some(PathBuf::from(value("--font")?)),
            _ => return Err(refuse(&format!("unknown option {}", argument.display()))),
        }
    }
    Ok(Request::Measure(options))
}

fn rounds(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(rounds @ 1..=ROUNDS_MAX) => Ok(rounds),
        _ => Err(refuse(&format!("--rounds takes a number from 1 to {ROUNDS_MAX}, not {text}"))),
    }
}

fn objects(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(objects @ OBJECTS_MIN..=OBJECTS_MAX) => Ok(objects),
        _ => {
            Err(refuse(&format!("--objects takes a number from {OBJECTS_MIN} to {OBJECTS_MAX}, not {text}")))
        }
    }
}

fn text(value: OsString) -> Result<String> {
    value.into_string().map_err(|value| refuse(&format!("{} is not UTF-8", value.display())))
}

fn refuse(why: &str) -> Error {
    Error::new("read the command line", format!("{why} (see --help)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Request> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn no_options_mean_the_defaults() {
        let Request::Measure(options) = parse_words(&[]).unwrap() else { panic!("nothing is measured") };
        assert_eq!((options.rounds, options.objects, options.quick), (7, 1_000_000, false));
        assert!(options.plot.is_none() && options.row_filter.is_none());
    }

    #[test]
    fn every_option_is_read() {
        let expected = Options {
            rounds: 3,
            row_filter: Some("put".into()),
            dir: Some(PathBuf::from("somewhere")),
            results: Some(PathBuf::from("there")),
            around: Some(PathBuf::from("hook")),
            quick: true,
            plot: Some(PathBuf::from("docs")),
            objects: 10_000_000,
            font: Some(PathBuf::from("letters.ttf")),
        };
        let words = "--rounds 3 --row put --dir somewhere --results there --around hook --quick --plot docs --objects 10000000 \
                     --font letters.ttf";
        let words: Vec<_> = words.split_whitespace().collect();
        assert_eq!(parse_words(&words).unwrap(), Request::Measure(expected));
        assert_eq!(parse_words(&["--quick", "--help"]).unwrap(), Request::Help);
    }

    #[test]
    fn wrong_options_are_refused() {
        for words in [
            &["--fast"][..],
            &["--rounds"],
            &["--rounds", "0"],
            &["--rounds", "many"],
            &["--objects", "9"],
            &["put"],
        ] {
            assert!(parse_words(words).is_err(), "{words:?}");
        }
    }
}
