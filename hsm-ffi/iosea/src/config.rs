//! The configuration: a file of YAML, JSON that overrides it, variables of the environment, and what holds without any.
//!
//! What is not understood is a *remark*, and no failure, so that a file written for Hestia works here; what asks for
//! something that is not there (a server, another kind of backend) is a failure, so that nothing lands elsewhere in
//! silence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::yaml;

/// A tier that the configuration names.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tier {
    pub(crate) capacity_bytes: u64,
    /// `None`: in the directory of the store.
    pub(crate) root: Option<PathBuf>,
    pub(crate) in_memory: bool,
}

/// What a client is to be.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// The file it was read from.
    pub(crate) file: Option<PathBuf>,
    pub(crate) cache: PathBuf,
    /// By number; without any, a new store has its five.
    pub(crate) tiers: BTreeMap<u8, Tier>,
    /// The file that events go to.
    pub(crate) feed: Option<PathBuf>,
    pub(crate) remarks: Vec<String>,
    /// Ids are 128 bits; else words are ids too.
    pub(crate) is_strict: bool,
}

/// A part of the tree: a mapping, and its name for messages.
struct Part<'a> {
    name: String,
    value: &'a Value,
}

const KEYS: [&str; 13] = [
    "cache_path",
    "controller_address",
    "enable_default_dataset",
    "enable_id_validation",
    "enable_user_management",
    "event_feed",
    "key_value_store_client",
    "logger",
    "object_store_backends",
    "server",
    "tag",
    "tiers",
    "user_token",
];

impl Config {
    /// Reads what `hestia_initialize()` was given.
    pub(crate) fn load(path: Option<&Path>, extra: Option<&str>) -> Result<Self> {
        let file = path
            .map(Path::to_owned)
            .or_else(|| variable("HESTIA_CONFIG_PATH"))
            .or_else(|| Some(home()?.join(".config/hestia/hestia.yaml")).filter(|default| default.exists()));
        let mut tree = match &file {
            Some(file) => {
                let wrong = |why: String| Failure::state(format!("configuration {}: {why}", file.display()));
                let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
                yaml::read(&text).map_err(wrong)?
            }
            None => Value::Object(serde_json::Map::new()),
        };
        if let Some(extra) = extra.filter(|extra| !extra.trim().is_empty()) {
            let extra = serde_json::from_str(extra)
                .map_err(|error| Failure::state(format!("the extra configuration is no JSON: {error}")))?;
            merge(&mut tree, extra);
        }
        let mut config = Self { file, ..Self::default() };
        config.read(&Part { name: "configuration".to_owned(), value: &tree })?;
        Ok(config)
    }

    fn read(&mut self, all: &Part<'_>) -> Result<()> {
        self.known(all, &KEYS)?;
        self.cache = match all.text("cache_path")?.map(PathBuf::from).or_else(|| variable("HESTIA_CACHE_DIR"))
        {
            Some(cache) => cache,
            None => home()
                .ok_or_else(|| {
                    Failure::state("no HOME is set: set cache_path in the configuration, or HESTIA_CACHE_DIR")
                })?
                .join(".cache/hestia"),
        };
        self.cache = std::path::absolute(&self.cache)
            .map_err(|error| Failure::state(format!("cache_path {}: {error}", self.cache.display())))?;
        for part in
            [Some(Part { name: all.name.clone(), value: all.value }), all.part("server")?].iter().flatten()
        {
            if part.text("controller_address")?.is_some_and(|address| !address.is_empty()) {
                return Err(Failure::state(
                    "controller_address names a server, and this library works on its own store: leave it out",
                ));
            }
        }
        let feed = all.part("event_feed")?;
        let mut path = None;
        let mut active = true;
        if let Some(feed) = feed {
            self.known(&feed, &["active", "output_path", "path"])?;
            active = feed.truth("active")?.unwrap_or(true);
            path = feed.text("output_path")?.or(feed.text("path")?);
        }
        let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| "event_feed.yaml".to_owned());
        self.feed = active.then(|| self.cache.join(path));
        self.is_strict = all.truth("enable_id_validation")?.unwrap_or(true);
        self.read_tiers(all)?;
        self.read_backends(all)
    }

    fn read_tiers(&mut self, all: &Part<'_>) -> Result<()> {
        for tier in all.parts("tiers")? {
            self.known(&tier, &["bandwidth", "capacity", "id", "name", "priority"])?;
            let number = tier.text("priority")?.or(tier.text("id")?);
            let number = number.and_then(|number| number.parse().ok()).ok_or_else(|| {
                Failure::state(format!("{}: its priority is no number from 0 to 255", tier.name))
            })?;
            let capacity = tier.text("capacity")?.unwrap_or_else(|| "0".to_owned());
            let capacity_bytes = capacity.parse().map_err(|_| {
                Failure::state(format!("{}: capacity {capacity:?} is no number of bytes", tier.name))
            })?;
            if self.tiers.insert(number, Tier { capacity_bytes, ..Tier::default() }).is_some() {
                return Err(Failure::state(format!("{}: tier {number} is there twice", tier.name)));
            }
        }
        Ok(())
    }

    fn read_backends(&mut self, all: &Part<'_>) -> Result<()> {
        for backend in all.parts("object_store_backends")? {
            self.known(&backend, &["backend_type", "config", "id", "name", "tiers"])?;
            let kind = backend.text("backend_type")?.unwrap_or_else(|| "file".to_owned());
            let in_memory = match kind.as_str() {
                "file" | "file_hsm" => false,
                "memory" => true,
                _ => {
                    return Err(Failure::state(format!(
                        "{}: there is no backend of type {kind:?} here; file, file_hsm and memory are",
                        backend.name
                    )));
                }
            };
            let root = match backend.part("config")? {
                Some(config) => {
                    self.known(&config, &["mode", "root"])?;
                    config.text("root")?
                }
                None => None,
            };
            let Some(tiers) = backend.part("tiers")? else { continue };
            self.known(&tiers, &["ids"])?;
            for id in tiers.texts("ids")? {
                let number = id.parse::<u8>().ok();
                let tier = number.and_then(|number| self.tiers.get_mut(&number)).ok_or_else(|| {
                    Failure::state(format!("{}: there is no tier {id:?} under \"tiers\"", backend.name))
                })?;
                tier.in_memory = in_memory;
                // Several tiers may share a root, and a root here has one: each has a directory in it.
                tier.root = root.as_ref().map(|root| self.cache.join(root).join(&id));
            }
        }
        Ok(())
    }

    /// Remarks on keys that are none of these.
    fn known(&mut self, part: &Part<'_>, keys: &[&str]) -> Result<()> {
        let Value::Object(map) = part.value else {
            return Err(Failure::state(format!("{} is no mapping", part.name)));
        };
        let unknown = map.keys().filter(|key| !keys.contains(&key.as_str()));
        self.remarks.extend(
            unknown.map(|key| format!("{}: the key {key:?} is not known and has no effect", part.name)),
        );
        Ok(())
    }
}

impl<'a> Part<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        self.get(key).map(|value| self.scalar(key, value)).transpose()
    }

    fn scalar(&self, key: &str, value: &Value) -> Result<String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(Failure::state(format!("{}: {key} is not a single value", self.name))),
        }
    }

    fn truth(&self, key: &str) -> Result<Option<bool>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "n" | "off" | "0" => Ok(Some(false)),
            _ => Err(Failure::state(format!("{}: {key} is {text:?}, and neither yes nor no", self.name))),
        }
    }

    fn list(&self, key: &str) -> Result<&'a [Value]> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Failure::state(format!("{}: {key} is no list", self.name))),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>> {
        self.list(key)?.iter().map(|item| self.scalar(key, item)).collect()
    }

    fn part(&self, key: &str) -> Result<Option<Part<'a>>> {
        match self.get(key) {
            // A key without a value, in YAML.
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value @ Value::Object(_)) => Ok(Some(Part { name: key.to_owned(), value })),
            Some(_) => Err(Failure::state(format!("{}: {key} is no mapping", self.name))),
        }
    }

    fn parts(&self, key: &str) -> Result<Vec<Part<'a>>> {
        let items = self.list(key)?.iter().enumerate();
        Ok(items.map(|(index, value)| Part { name: format!("{key}[{index}]"), value }).collect())
    }
}

/// Lays one tree over another: mappings are joined, all else is replaced.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// A variable of the environment that is set to something.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn home() -> Option<PathBuf> {
    variable("HOME")
}

/// A path as C passes it.
pub(crate) fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Config> {
        let tree = yaml::read(yaml).unwrap();
        let mut config = Config::default();
        config.read(&Part { name: "configuration".to_owned(), value: &tree })?;
        Ok(config)
    }

    #[test]
    fn a_file_for_hestia_is_understood() {
        let config = read(
            "cache_path: /c\nenable_user_management: false\nlogger: {active: true}\nserver: {port: 8080}\n\
             tiers:\n  - {id: 0, priority: 0, capacity: 1000, bandwidth: 5}\n  - {id: 7, priority: 7}\n\
             object_store_backends:\n  - backend_type: file_hsm\n    tiers: {ids: [0]}\n    config: {root: /r}\n\
             \x20 - {backend_type: memory, tiers: {ids: [\"7\"]}}\n\
             event_feed: {active: y, output_path: feed.yaml}\n",
        )
        .unwrap();
        assert_eq!(config.cache, Path::new("/c"));
        assert_eq!(config.feed.as_deref(), Some(Path::new("/c/feed.yaml")));
        let first = Tier { capacity_bytes: 1000, root: Some("/r/0".into()), in_memory: false };
        let second = Tier { in_memory: true, ..Tier::default() };
        assert_eq!(config.tiers, BTreeMap::from([(0, first), (7, second)]));
        assert!(config.remarks.is_empty(), "{:?}", config.remarks);
    }

    #[test]
    fn unknown_keys_are_remarked_on_and_have_no_effect() {
        let config = read("cache_path: /c\nchache_path: /d\nevent_feed: {actve: no}").unwrap();
        assert_eq!(config.remarks.len(), 2, "{:?}", config.remarks);
        assert!(config.remarks[0].contains("chache_path") && config.remarks[1].contains("actve"));
        assert!(config.feed.is_some());
    }

    #[test]
    fn truth_is_said_in_any_of_its_words() {
        for (word, active) in
            [("true", true), ("y", true), ("Yes", true), ("on", true), ("n", false), ("FALSE", false)]
        {
            let config = read(&format!("cache_path: /c\nevent_feed: {{active: {word}}}")).unwrap();
            assert_eq!(config.feed.is_some(), active, "{word}");
        }
        assert!(read("cache_path: /c\nevent_feed: {active: maybe}").is_err());
    }

    #[test]
    fn what_is_not_here_is_refused() {
        for yaml in [
            "server: {controller_address: 1.2.3.4}",
            "tiers: [{id: 0}]\nobject_store_backends: [{backend_type: s3, tiers: {ids: [0]}}]",
            "object_store_backends: [{backend_type: file, tiers: {ids: [0]}}]",
            "tiers: [{priority: 256}]",
            "tiers: [{priority: 1}, {priority: 1}]",
            "tiers: {0: 1}",
            "[]",
        ] {
            assert!(read(&format!("{yaml}\n")).is_err(), "{yaml}");
        }
    }

    #[test]
    fn extra_configuration_lies_above_the_file() {
        let mut tree = yaml::read("a: {b: 1, c: 2}\nd: [1]").unwrap();
        merge(&mut tree, serde_json::json!({"a": {"c": 3}, "d": [2, 3]}));
        assert_eq!(tree, serde_json::json!({"a": {"b": "1", "c": 3}, "d": [2, 3]}));
    }
}
