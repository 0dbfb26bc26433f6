//! Tiers as a YAML file: exported, edited, applied.
//!
//! One mapping with the key `tiers`: a sequence of mappings, one a tier, whose values are scalars. What of a tier is
//! left out has the default of a new one, and what is left out of a delay that of a tape. Anchors and aliases are not taken.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use granit_parser::{Event, Parser, StrInput};

use super::super::Store;
use crate::error::{Error, Result};
use crate::object::{Access, BackendKind, Delay, TierConfig, TierState};

/// What a value can be, with the words for it.
type Words<T> = [(&'static str, T)];

const BACKENDS: &Words<BackendKind> = &[("posix", BackendKind::Posix), ("memory", BackendKind::Memory)];
const STATES: &Words<TierState> = &[
    ("active", TierState::Active),
    ("read-only", TierState::ReadOnly),
    ("draining", TierState::Draining),
    ("lost", TierState::Lost),
];
const ACCESSES: &Words<Access> = &[("online", Access::Online), ("delayed", Access::Delayed)];
/// The keys of a delay, in the order of its fields.
const DELAY_KEYS: [&str; 5] = ["latency_ms", "mount_ms", "seek_ms", "readable_ms", "drives"];
/// Units of a size, and how far each shifts the number before it.
const UNITS: &Words<u32> =
    &[("", 0), ("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("PiB", 50)];

impl Store {
    /// The tiers as YAML.
    pub fn export_tiers(&self) -> Result<String> {
        let mut yaml = "tiers:\n".to_owned();
        for usage in self.tiers()? {
            write_tier(&mut yaml, &usage.config);
        }
        Ok(yaml)
    }

    /// Applies a YAML file: tiers it names are added or changed, others stay as they are. Every entry is
    /// checked before the first is applied.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the line, for a file that is none; and those of [`add_tier`](Self::add_tier) and
    /// [`change_tier`](Self::change_tier).
    pub fn apply_tiers(&self, yaml: &str) -> Result<()> {
        let configs = read_tiers(yaml)?;
        let existing = self.tiers()?;
        let before = |config: &TierConfig| {
            existing.iter().map(|usage| &usage.config).find(|other| other.index == config.index)
        };
        let mut seen = BTreeSet::new();
        for config in &configs {
            if !seen.insert(config.index) {
                return Err(Error::invalid("file of tiers", format!("tier {} is there twice", config.index)));
            }
            match before(config) {
                Some(before) => super::check_change(before, config)?,
                None => super::check_new(config)?,
            }
        }
        for config in &configs {
            match before(config) {
                Some(_) => self.change_tier(config)?,
                None => self.add_tier(config)?,
            }
        }
        Ok(())
    }
}

fn write_tier(yaml: &mut String, config: &TierConfig) {
    let entry = [
        ("index", config.index.to_string()),
        ("name", quoted(&config.name)),
        ("backend", word(BACKENDS, &config.backend)),
        ("root", quoted(&config.root)),
        ("state", config.state.name().to_owned()),
        ("access", word(ACCESSES, &config.access)),
        ("capacity", config.capacity_bytes.to_string()),
        ("pack_threshold", config.pack_threshold_bytes.to_string()),
        ("pack_size", config.pack_size_bytes.to_string()),
        ("high_watermark", config.high_watermark_percent.to_string()),
        ("low_watermark", config.low_watermark_percent.to_string()),
    ];
    let delay = config.delay.map(|delay| {
        let Delay { latency_ms, mount_ms, seek_ms, readable_ms, drives } = delay;
        [latency_ms, mount_ms, seek_ms, readable_ms, drives.into()].map(|number| number.to_string())
    });
    let delay = delay.into_iter().flat_map(|numbers| DELAY_KEYS.into_iter().zip(numbers));
    for (index, (key, value)) in entry.into_iter().chain(delay).enumerate() {
        let before = if index == 0 { "  - " } else { "    " };
        let _ = writeln!(yaml, "{before}{key}: {value}"); // A string takes everything.
    }
}

/// A text in double quotes: YAML knows the escapes that are written here.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // What is no printable character of YAML, and the byte order mark.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn word<T: PartialEq>(words: &Words<T>, value: &T) -> String {
    let found = words.iter().find(|(_, other)| other == value);
    found.map_or_else(String::new, |(word, _)| (*word).to_owned())
}

fn read_tiers(yaml: &str) -> Result<Vec<TierConfig>> {
    let mut file = File { parser: Parser::new_from_str(yaml), line: 0 };
    let mut tiers = None;
    file.skip_to_document()?;
    file.begin_mapping()?;
    while let Some(key) = file.key()? {
        if key != "tiers" || tiers.is_some() {
            return Err(file.wrong(format!("{key:?} is not expected here; there is one key, \"tiers\"")));
        }
        let mut entries = Vec::new();
        match file.next()? {
            Event::SequenceStart(..) => {}
            _ => return Err(file.wrong("the tiers are no sequence")),
        }
        loop {
            match file.next()? {
                Event::SequenceEnd => break,
                Event::MappingStart(..) => entries.push(file.tier()?),
                _ => return Err(file.wrong("a tier is no mapping")),
            }
        }
        tiers = Some(entries);
    }
    match (file.next()?, file.next()?) {
        (Event::DocumentEnd, Event::StreamEnd) => {}
        _ => return Err(file.wrong("another document follows")),
    }
    tiers.ok_or_else(|| file.wrong("it has no key \"tiers\""))
}

/// A file that is read.
struct File<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The line of what was read last, from 1.
    line: usize,
}

impl<'a> File<'a> {
    fn wrong(&self, what: impl AsRef<str>) -> Error {
        Error::invalid("file of tiers", format!("line {}: {}", self.line, what.as_ref()))
    }

    fn next(&mut self) -> Result<Event<'a>> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(Error::invalid("file of tiers", error.to_string())),
            None => Err(self.wrong("it ends too early")),
        }
    }

    fn skip_to_document(&mut self) -> Result<()> {
        match (self.next()?, self.next()?) {
            (Event::StreamStart, Event::DocumentStart(..)) => Ok(()),
            _ => Err(self.wrong("it is empty")),
        }
    }

    fn begin_mapping(&mut self) -> Result<()> {
        match self.next()? {
            Event::MappingStart(..) => Ok(()),
            _ => Err(self.wrong("it does not begin with \"tiers:\"")),
        }
    }

    /// The next key of a mapping; `None` at its end.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>> {
        match self.next()? {
            Event::MappingEnd => Ok(None),
            Event::Scalar(key, ..) => Ok(Some(key)),
            _ => Err(self.wrong("a key is no word")),
        }
    }

    fn tier(&mut self) -> Result<TierConfig> {
        let mut config = TierConfig::posix(0, "");
        let mut seen = BTreeSet::new();
        while let Some(key) = self.key()? {
            let Event::Scalar(value, ..) = self.next()? else {
                return Err(self.wrong(format!("the value of {key:?} is not a single one")));
            };
            match &*key {
                "index" => config.index = self.number(&key, &value)?,
                "name" => config.name = value.into_owned(),
                "backend" => config.backend = self.one_of(BACKENDS, &key, &value)?,
                "root" => config.root = value.into_owned(),
                "state" => config.state = self.one_of(STATES, &key, &value)?,
                "access" => config.access = self.one_of(ACCESSES, &key, &value)?,
                "capacity" => config.capacity_bytes = self.size(&key, &value)?,
                "pack_threshold" => config.pack_threshold_bytes = self.size(&key, &value)?,
                "pack_size" => config.pack_size_bytes = self.size(&key, &value)?,
                "high_watermark" => config.high_watermark_percent = self.number(&key, &value)?,
                "low_watermark" => config.low_watermark_percent = self.number(&key, &value)?,
                _ => {
                    let Some(at) = DELAY_KEYS.iter().position(|known| *known == key) else {
                        return Err(self.wrong(format!("a tier has no {key:?}")));
                    };
                    let wrong = || self.wrong(format!("{key}: {value:?} is no number of this size"));
                    let number: u64 = value.parse().map_err(|_| wrong())?;
                    let drives = u32::try_from(number);
                    let delay = config.delay.get_or_insert_with(Delay::tape);
                    match at {
                        0 => delay.latency_ms = number,
                        1 => delay.mount_ms = number,
                        2 => delay.seek_ms = number,
                        3 => delay.readable_ms = number,
                        _ => delay.drives = drives.map_err(|_| wrong())?,
                    }
                }
            }
            if !seen.insert(key.clone()) {
                return Err(self.wrong(format!("{key:?} is there twice")));
            }
        }
        if seen.contains("index") { Ok(config) } else { Err(self.wrong("a tier has no index")) }
    }

    fn number(&self, key: &str, value: &str) -> Result<u8> {
        value.parse().map_err(|_| self.wrong(format!("{key}: {value:?} is no number from 0 to 255")))
    }

    fn one_of<T: Copy>(&self, words: &Words<T>, key: &str, value: &str) -> Result<T> {
        let found = words.iter().find(|(word, _)| *word == value);
        found.map(|(_, meant)| *meant).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("{key}: {value:?}; known are {}", known.join(", ")))
        })
    }

    /// A number of bytes: a plain number, or one with a binary unit, such as `10 GiB`.
    fn size(&self, key: &str, value: &str) -> Result<u64> {
        let text = value.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let shift = UNITS.iter().find(|(word, _)| *word == unit.trim()).map(|(_, shift)| *shift);
        let bytes =
            number.parse::<u64>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
        bytes.ok_or_else(|| {
            self.wrong(format!(
                "{key}: {value:?} is no size; write bytes, or a number and KiB, MiB, GiB, TiB or PiB"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> std::result::Result<Vec<TierConfig>, String> {
        read_tiers(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_whatever_its_words_hold() {
        let mut all = Vec::new();
        for (index, name) in
            ["", "warm", "a \"b\" \\c", "ü\u{1f4be}\u{2028}\u{feff}", "\u{1}\t\u{85}", "- [x]: #y"]
                .into_iter()
                .enumerate()
        {
            let config =
                TierConfig { name: name.to_owned(), ..TierConfig::posix(index as u8, format!("/{name}/x")) };
            all.push(TierConfig { capacity_bytes: u64::MAX >> index, access: Access::Delayed, ..config });
            if index % 2 == 0 {
                let delay = Delay { drives: index as u32, seek_ms: u64::MAX, ..Delay::tape() };
                all.extend(all.last().cloned().map(|config| config.delayed(delay)));
            }
        }
        let mut yaml = "tiers:\n".to_owned();
        for config in &all {
            write_tier(&mut yaml, config);
        }
        assert_eq!(read(&yaml).unwrap(), all, "{yaml}");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (yaml, wanted) in [
            ("", "it is empty"),
            ("7", "does not begin with"),
            ("tiers: 7", "no sequence"),
            ("tiers: [7]", "no mapping"),
            ("tiers:\n  - {index: 1}\n  - {rot: x}", "line 3: a tier has no \"rot\""),
            ("tiers:\n  - root: x", "has no index"),
            ("tiers:\n  - index: 1\n    index: 1", "line 3: \"index\" is there twice"),
            ("tiers:\n  - index: 256", "no number from 0 to 255"),
            ("tiers:\n  - {index: 1, capacity: 10 GB}", "no size"),
            ("tiers:\n  - {index: 1, capacity: 20000 PiB}", "no size"),
            ("tiers:\n  - {index: 1, state: asleep}", "known are active, read-only"),
            ("tiers:\n  - {index: 1, name: [a]}", "not a single one"),
            ("tiers: []\nmore: 1", "line 2: \"more\" is not expected"),
            ("tiers: []\n---\ntiers: []", "another document"),
            ("tiers: &a [{index: 1}, *a]", "no mapping"),
            ("tiers: [", "file of tiers"),
        ] {
            let told = read(yaml).unwrap_err();
            assert!(told.contains(wanted) && !told.contains('\n'), "{yaml:?}: {told}");
        }
    }
}
