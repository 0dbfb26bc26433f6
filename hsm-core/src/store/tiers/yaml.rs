//! Tiers as a YAML file: exported, edited, applied.

use serde::{Deserialize, Serialize};

use super::super::Store;
use crate::error::{Error, Result};
use crate::object::{Access, BackendKind, TierConfig, TierState};

/// The tiers of a store as they stand in a YAML file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TiersFile {
    /// One entry a tier.
    pub tiers: Vec<TierEntry>,
}

/// One tier in a YAML file. What is left out has the default of a new tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierEntry {
    /// 0 is the hottest, 255 the coldest.
    pub index: u8,
    /// A word for people.
    #[serde(default)]
    pub name: String,
    /// `posix` or `memory`.
    #[serde(default = "posix")]
    pub backend: String,
    /// A directory, absolute or relative to the store.
    #[serde(default)]
    pub root: String,
    /// `active`, `read-only` or `draining`.
    #[serde(default = "active")]
    pub state: String,
    /// `online` or `delayed`.
    #[serde(default = "online")]
    pub access: String,
    /// Bytes, or a number with KiB, MiB, GiB, TiB or PiB; 0: no limit.
    #[serde(default)]
    pub capacity: Size,
    /// Objects up to this size are packed.
    #[serde(default = "pack_threshold")]
    pub pack_threshold: Size,
    /// Where a pack is full.
    #[serde(default = "pack_size")]
    pub pack_size: Size,
    /// Percent of the capacity.
    #[serde(default = "high")]
    pub high_watermark: u8,
    /// Percent of the capacity.
    #[serde(default = "low")]
    pub low_watermark: u8,
}

/// A number of bytes: a plain number, or one with a binary unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// Bytes.
    Bytes(u64),
    /// Such as `10 GiB`.
    Text(String),
}

impl Default for Size {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

impl Size {
    /// The number of bytes.
    pub fn bytes(&self) -> Result<u64> {
        let text = match self {
            Self::Bytes(bytes) => return Ok(*bytes),
            Self::Text(text) => text.trim(),
        };
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let shift = match unit.trim() {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            "PiB" => 50,
            _ => u32::MAX,
        };
        let bytes =
            number.parse::<u64>().ok().and_then(|number| number.checked_mul(1_u64.checked_shl(shift)?));
        bytes.ok_or_else(|| {
            Error::invalid("size", format!("{text:?}; write bytes, or a number and KiB … PiB"))
        })
    }
}

fn posix() -> String {
    "posix".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

fn online() -> String {
    "online".to_owned()
}

fn pack_threshold() -> Size {
    Size::Bytes(TierConfig::PACK_THRESHOLD_DEFAULT)
}

fn pack_size() -> Size {
    Size::Bytes(TierConfig::PACK_SIZE_DEFAULT)
}

fn high() -> u8 {
    90
}

fn low() -> u8 {
    80
}

impl TierEntry {
    fn from_config(config: &TierConfig) -> Self {
        let backend = match config.backend {
            BackendKind::Posix => "posix",
            BackendKind::Memory => "memory",
        };
        let access = match config.access {
            Access::Online => "online",
            Access::Delayed => "delayed",
        };
        Self {
            index: config.index,
            name: config.name.clone(),
            backend: backend.to_owned(),
            root: config.root.clone(),
            state: config.state.name().to_owned(),
            access: access.to_owned(),
            capacity: Size::Bytes(config.capacity_bytes),
            pack_threshold: Size::Bytes(config.pack_threshold_bytes),
            pack_size: Size::Bytes(config.pack_size_bytes),
            high_watermark: config.high_watermark_percent,
            low_watermark: config.low_watermark_percent,
        }
    }

    fn to_config(&self) -> Result<TierConfig> {
        let unknown = |what: &'static str, value: &str, known: &str| {
            Error::invalid(what, format!("tier {}: {value:?}; known are {known}", self.index))
        };
        let mut config = TierConfig::posix(self.index, self.root.clone());
        config.name.clone_from(&self.name);
        config.backend = match self.backend.as_str() {
            "posix" => BackendKind::Posix,
            "memory" => BackendKind::Memory,
            other => return Err(unknown("backend", other, "posix and memory")),
        };
        config.state = match self.state.as_str() {
            "active" => TierState::Active,
            "read-only" => TierState::ReadOnly,
            "draining" => TierState::Draining,
            "lost" => TierState::Lost,
            other => return Err(unknown("state", other, "active, read-only and draining")),
        };
        config.access = match self.access.as_str() {
            "online" => Access::Online,
            "delayed" => Access::Delayed,
            other => return Err(unknown("access", other, "online and delayed")),
        };
        config.capacity_bytes = self.capacity.bytes()?;
        config.pack_threshold_bytes = self.pack_threshold.bytes()?;
        config.pack_size_bytes = self.pack_size.bytes()?;
        config.high_watermark_percent = self.high_watermark;
        config.low_watermark_percent = self.low_watermark;
        Ok(config)
    }
}

impl Store {
    /// The tiers as YAML.
    pub fn export_tiers(&self) -> Result<String> {
        let tiers = self.tiers()?.iter().map(|usage| TierEntry::from_config(&usage.config)).collect();
        serde_saphyr::to_string(&TiersFile { tiers })
            .map_err(|error| Error::invalid("tiers", format!("cannot be written as YAML: {error}")))
    }

    /// Applies a YAML file: tiers it names are added or changed, others stay as they are. Every entry is
    /// checked before the first is applied.
    pub fn apply_tiers(&self, yaml: &str) -> Result<()> {
        let file: TiersFile = serde_saphyr::from_str(yaml)
            .map_err(|error| Error::invalid("file of tiers", error.to_string()))?;
        let configs = file.tiers.iter().map(TierEntry::to_config).collect::<Result<Vec<_>>>()?;
        let existing = self.tiers()?;
        let before = |config: &TierConfig| {
            existing.iter().map(|usage| &usage.config).find(|other| other.index == config.index)
        };
        let mut seen = std::collections::BTreeSet::new();
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
