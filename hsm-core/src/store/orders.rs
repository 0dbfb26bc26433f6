//! Orders: what is to be done to a tier as soon as it can be, noted in the store's directory until it is done.
//!
//! `docs/format.md`, section 8.1. Under the open lock.

use std::io;
use std::path::{Path, PathBuf};

use super::Store;
use crate::error::{Error, IoContext, Result};
use crate::file::{self, Disk};
use crate::object::{TierIndex, TierState};
use crate::wire::{self, Reader, Writer};

const MAGIC: [u8; 8] = *b"hsmorder";
const ORDER_LEN: usize = 24;
const HEADER_LEN: usize = wire::HEAD_LENGTH + 8;
/// One of each kind for every tier there can be.
const FILE_LEN_MAX: u64 = (HEADER_LEN + 2 * 256 * ORDER_LEN + 8) as u64;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The tier is to be declared lost: its relaxed changes count as gone.
    Lose = 1,
    /// Once the tier is retired, its root is to be cleared.
    Clear = 2,
}

/// Something to be done to a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) tier: TierIndex,
    /// The root that is meant: the index may be given to another.
    pub(super) incarnation: [u8; 16],
}

fn path(store: &Path) -> PathBuf {
    store.join("orders")
}

/// Every order. A file that is damaged holds none: what it said is asked for again.
pub(super) fn read(disk: &dyn Disk, store: &Path, store_id: &[u8; 16]) -> Result<Vec<Order>> {
    let path = path(store);
    let bytes = match file::read_whole(disk, &path, FILE_LEN_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.context("read", &path)?,
    };
    if !wire::check_seal(&bytes, store_id) {
        return Ok(Vec::new());
    }
    wire::check_head(&bytes, MAGIC, Some(store_id), &path)?;
    let mut reader = Reader(&bytes[wire::HEAD_LENGTH..]);
    let decoded = (|| {
        let count = reader.u32()?;
        reader.bytes(4)?;
        let mut orders = Vec::new();
        for _ in 0..count {
            let (tier, what, _) = (reader.u8()?, reader.u8()?, reader.bytes(6)?);
            let incarnation = reader.array()?;
            let what = match what {
                1 => What::Lose,
                2 => What::Clear,
                _ => return None,
            };
            orders.push(Order { what, tier, incarnation });
        }
        Some(orders)
    })();
    decoded.ok_or_else(|| Error::damaged(&path, "it is too short, or holds an order that is not known"))
}

/// Replaces all orders, durably.
pub(super) fn write(disk: &dyn Disk, store: &Path, store_id: &[u8; 16], orders: &[Order]) -> Result<()> {
    let path = path(store);
    if orders.is_empty() {
        return match disk.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                removed.context("remove", &path)?;
                disk.sync_dir(store).context("sync", store)
            }
        };
    }
    let mut bytes = Vec::new();
    wire::write_head(&mut bytes, MAGIC, store_id);
    Writer(&mut bytes).u32(orders.len() as u32).zeros(4);
    for order in orders {
        Writer(&mut bytes).u8(order.tier).u8(order.what as u8).zeros(6).bytes(&order.incarnation);
    }
    Writer(&mut bytes).seal(store_id);
    file::write_whole(disk, &path, &bytes).context("write", &path)
}

impl Store {
    /// Notes an order, durably. Under the open lock.
    pub(super) fn order(&self, order: Order) -> Result<()> {
        let engine = self.engine();
        let (disk, store, id) = (&*engine.disk, &engine.directory, &self.inner.store_id);
        let mut orders = read(disk, store, id)?;
        if !orders.contains(&order) {
            orders.push(order);
        }
        write(disk, store, id, &orders)
    }

    /// Takes an order back, or notes that it was carried out. Under the open lock.
    pub(super) fn strike_order(&self, order: Order) -> Result<()> {
        let engine = self.engine();
        let (disk, store, id) = (&*engine.disk, &engine.directory, &self.inner.store_id);
        let mut orders = read(disk, store, id)?;
        orders.retain(|other| *other != order);
        write(disk, store, id, &orders)
    }

    /// Does what is ordered and was not done yet. Under the open lock, by a handle that may write. A root that cannot be
    /// cleared now keeps no store from being opened: it is left to the next open.
    pub(super) fn carry_out(&self, orders: &[Order]) -> Result<()> {
        let mut left = Vec::new();
        for order in orders {
            let config = self.config(order.tier)?;
            let Some(config) = config.filter(|config| config.incarnation == order.incarnation) else {
                continue;
            };
            match order.what {
                What::Lose if config.state.is_readable() => self.commit_state(config, TierState::Lost)?,
                // Its handle died in between.
                What::Clear if config.state == TierState::Retired => {
                    let Some(tier) = self.engine().tiers.retired(order.tier) else { continue };
                    if self.engine().clear_root(&tier).is_err() {
                        left.push(*order);
                    }
                }
                What::Lose | What::Clear => {}
            }
        }
        let engine = self.engine();
        let half_written = path(&engine.directory).with_extension("new");
        if engine.disk.metadata(&half_written).is_ok() {
            engine.disk.remove_file(&half_written).context("remove", &half_written)?;
        }
        if left == orders {
            return Ok(());
        }
        write(&*engine.disk, &engine.directory, &self.inner.store_id, &left)
    }
}
