//! The settings of a tier as bytes. `docs/format.md`, section 7.

use super::read_text;
use crate::object::{Access, BackendKind, Delay, TierConfig, TierState};
use crate::wire::{Reader, Writer};

/// Appends a tier's settings.
pub(crate) fn write_tier(out: &mut Writer<'_>, config: &TierConfig) {
    out.u8(config.index);
    out.u8(config.state as u8);
    out.u8(config.access as u8);
    out.u8(config.backend as u8);
    out.b16(config.name.as_bytes());
    out.b16(config.root.as_bytes());
    out.bytes(&config.incarnation);
    out.u64(config.capacity_bytes);
    out.u64(config.pack_threshold_bytes);
    out.u64(config.pack_size_bytes);
    out.u8(config.high_watermark_percent);
    out.u8(config.low_watermark_percent);
    // A record without them is one of a library that had none.
    if let Some(delay) = &config.delay {
        let Delay { latency_ms, mount_ms, seek_ms, readable_ms, drives } = *delay;
        for ms in [latency_ms, mount_ms, seek_ms, readable_ms] {
            out.u64(ms);
        }
        out.u32(drives);
    }
}

/// Takes a tier's settings.
pub(crate) fn read_tier(body: &mut Reader<'_>) -> Option<TierConfig> {
    Some(TierConfig {
        index: body.u8()?,
        state: match body.u8()? {
            1 => TierState::Active,
            2 => TierState::ReadOnly,
            3 => TierState::Draining,
            4 => TierState::Lost,
            5 => TierState::Retired,
            _ => return None,
        },
        access: match body.u8()? {
            1 => Access::Online,
            2 => Access::Delayed,
            _ => return None,
        },
        backend: match body.u8()? {
            1 => BackendKind::Posix,
            2 => BackendKind::Memory,
            _ => return None,
        },
        name: read_text(body.b16()?)?,
        root: read_text(body.b16()?)?,
        incarnation: body.array()?,
        capacity_bytes: body.u64()?,
        pack_threshold_bytes: body.u64()?,
        pack_size_bytes: body.u64()?,
        high_watermark_percent: body.u8()?,
        low_watermark_percent: body.u8()?,
        delay: if body.0.is_empty() { None } else { Some(read_delay(body)?) },
    })
}

fn read_delay(body: &mut Reader<'_>) -> Option<Delay> {
    let mut ms = || body.u64();
    let (latency_ms, mount_ms, seek_ms, readable_ms) = (ms()?, ms()?, ms()?, ms()?);
    Some(Delay { latency_ms, mount_ms, seek_ms, readable_ms, drives: body.u32()? })
}
