//! A group: changes that happen together or not at all, under one checksum chained to the group before.

use std::collections::VecDeque;

use crate::clock::TimeNs;
use crate::integrity::checksum;
use crate::object::Position;
use crate::wire::{Reader, Writer};

use super::change::Change;
use super::record::{read_record, skip_record, write_record};
use super::recorded::Recorded;

/// Length of a group's header, in bytes.
pub(super) const HEADER_LEN: usize = 72;
/// Longest payload, in bytes: what a reader must be ready to hold.
pub(super) const PAYLOAD_MAX: usize = 16 << 20;
/// Longest group, in bytes.
pub(super) const LEN_MAX: u64 = (HEADER_LEN + PAYLOAD_MAX) as u64;
pub(super) const MAGIC: &[u8; 4] = b"HGRP";
const VERSION: u16 = 1;
const RELAXED: u16 = 1;
const WITH_DATA: u16 = 2;

/// What a group says of itself, besides its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    /// Whether it was acknowledged before it was synced.
    pub(crate) relaxed: bool,
    /// Whether its data was synced at the same time, not before: as the last group it counts only if that is whole.
    pub(crate) with_data: bool,
    /// Which handle wrote it.
    pub(crate) instance: u64,
    /// Position of its first change.
    pub(crate) first: Position,
    /// When it was written.
    pub(crate) time_ns: TimeNs,
    /// The start of the boot id of the machine that wrote it.
    pub(crate) boot: u64,
    /// Checksum of the group before it.
    pub(crate) chain: u64,
}

/// A group being filled or just read.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) header: GroupHeader,
    /// The number of changes in `payload`.
    pub(crate) count: u32,
    payload: Vec<u8>,
}

impl Group {
    pub(crate) fn new(header: GroupHeader) -> Self {
        Self { header, count: 0, payload: Vec::new() }
    }

    /// Adds a change; it gets the next number.
    pub(crate) fn push(&mut self, change: &Change) {
        write_record(&mut Writer(&mut self.payload), change);
        self.count += 1;
    }

    /// Takes back the changes from the `count`-th on, whose records began at `len`.
    pub(crate) fn truncate(&mut self, count: u32, len: usize) {
        self.count = count;
        self.payload.truncate(len);
    }

    /// Bytes of records so far.
    pub(crate) fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// Whether it holds more than a reader is ready for.
    pub(crate) fn is_too_long(&self) -> bool {
        self.payload.len() + 8 > PAYLOAD_MAX
    }

    /// The number that the next change gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.header.first.number + u64::from(self.count)
    }

    /// The number of its last change.
    pub(crate) fn last_number(&self) -> u64 {
        self.header.first.number + u64::from(self.count) - 1
    }

    /// The group as bytes, and the chain value of whoever follows.
    pub(crate) fn encode(&self, seed: u64) -> (Vec<u8>, u64) {
        let padded_len = self.payload.len().next_multiple_of(8);
        let mut bytes = Vec::with_capacity(HEADER_LEN + padded_len);
        let mut out = Writer(&mut bytes);
        out.bytes(MAGIC);
        out.u16(VERSION);
        let GroupHeader { relaxed, with_data, .. } = self.header;
        out.u16(if relaxed { RELAXED } else { 0 } | if with_data { WITH_DATA } else { 0 });
        out.u32(padded_len as u32);
        out.u32(self.count);
        out.u64(self.header.instance);
        out.u64(self.header.first.epoch);
        out.u64(self.header.first.number);
        out.i64(self.header.time_ns);
        out.u64(self.header.boot);
        out.u64(self.header.chain);
        out.u64(0).bytes(&self.payload).zeros(padded_len - self.payload.len());
        let sum = group_checksum(seed, &bytes[..HEADER_LEN - 8], &bytes[HEADER_LEN..]);
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&sum.to_le_bytes());
        (bytes, sum)
    }

    /// Its changes from number `from` on, of which it has at least one: at most `count_max` of them, and no more once
    /// their records and `bytes_each` for each are more than `bytes_max`, but one in any case.
    pub(crate) fn unread(self, from: u64, count_max: usize, bytes_each: usize, bytes_max: usize) -> Unread {
        let mut reader = Reader(&self.payload);
        let begins = self.header.first.number;
        // One whose length is wrong cannot be read, nor what follows it; it is found when its turn comes.
        let found = (begins..from).all(|_| skip_record(&mut reader).is_some());
        let offset = if found { self.payload.len() - reader.0.len() } else { self.payload.len() };
        let number = from.max(begins);
        let (mut end, mut bytes) = (number, 0);
        while end < self.next_number()
            && end - number < count_max as u64
            && (end == number || bytes <= bytes_max)
        {
            let before = reader.0.len();
            let _ = skip_record(&mut reader);
            bytes += before - reader.0.len() + bytes_each;
            end += 1;
        }
        let length = self.payload.len() - reader.0.len();
        let (payload, offset) = match self.payload.get(offset..length) {
            // The rest of a long group is not kept for a few changes of it.
            Some(part) if part.len() < self.payload.len() / 2 => (part.to_vec(), 0),
            _ => (self.payload, offset),
        };
        Unread { header: self.header, payload, offset, number, end, bytes, chosen: None }
    }

    /// All of its changes.
    pub(crate) fn all_unread(self) -> Unread {
        let (number, end, bytes) = (self.header.first.number, self.next_number(), self.payload.len());
        Unread { header: self.header, payload: self.payload, offset: 0, number, end, bytes, chosen: None }
    }

    /// All of its changes.
    pub(super) fn changes(&self) -> Option<Vec<Change>> {
        let mut reader = Reader(&self.payload);
        (0..self.count).map(|_| read_record(&mut reader)).collect()
    }
}

/// Changes of a group, each read when it is asked for: all at once can take many times their length in memory.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) header: GroupHeader,
    payload: Vec<u8>,
    /// Where the record of the next one begins.
    offset: usize,
    /// The number of the next one, and of the first that is none of these.
    number: u64,
    end: u64,
    /// What they count as, in bytes.
    pub(crate) bytes: usize,
    /// Where not all are wanted: of those behind the next one, where the record begins and the number.
    chosen: Option<VecDeque<(usize, u64)>>,
}

impl Unread {
    /// The position of the next change.
    pub(crate) fn position(&self) -> Position {
        Position { epoch: self.header.first.epoch, number: self.number }
    }

    /// The position of the last change.
    pub(crate) fn last(&self) -> Position {
        Position { epoch: self.header.first.epoch, number: self.end - 1 }
    }

    /// Whether none is left.
    pub(crate) fn is_done(&self) -> bool {
        self.number >= self.end
    }

    /// The next change, looked at; `None` where a later version must be used for it.
    pub(crate) fn peek(&self) -> Option<Change> {
        read_record(&mut self.reader())
    }

    /// Takes the next change; `None` where a later version must be used for it, and nothing is taken.
    pub(crate) fn take(&mut self) -> Option<Change> {
        let mut reader = self.reader();
        let change = read_record(&mut reader)?;
        self.advance_to(reader.0.len());
        Some(change)
    }

    /// Takes the next change in the place of another; `false` where [`take`](Self::take) gives none.
    pub(crate) fn take_into(&mut self, recorded: &mut Recorded) -> bool {
        let mut reader = self.reader();
        let is_read = recorded.read(&mut reader).is_some();
        if is_read {
            self.advance_to(reader.0.len());
        }
        is_read
    }

    /// Leaves out what is not wanted, up to the first that a later version must be used for: the last position that was
    /// looked at, if there was one.
    pub(crate) fn retain<E>(
        &mut self,
        mut is_wanted: impl FnMut(&Recorded) -> Result<bool, E>,
    ) -> Result<Option<Position>, E> {
        let (mut recorded, mut chosen, mut looked_at) = (Recorded::default(), VecDeque::new(), None);
        while !self.is_done() {
            let (offset, position) = (self.offset, self.position());
            if !self.take_into(&mut recorded) {
                break;
            }
            looked_at = Some(position);
            if is_wanted(&recorded)? {
                chosen.push_back((offset, position.number));
            }
        }
        self.chosen = Some(chosen);
        self.advance_to(0);
        Ok(looked_at)
    }

    /// Passes over all up to `position`; whether some are left.
    pub(crate) fn skip_to(&mut self, position: Position) -> bool {
        while !self.is_done() && self.position() <= position {
            let mut reader = self.reader();
            // Behind one whose length is wrong nothing can be read.
            let left = skip_record(&mut reader).map_or(0, |()| reader.0.len());
            self.advance_to(left);
        }
        !self.is_done()
    }

    fn reader(&self) -> Reader<'_> {
        Reader(self.payload.get(self.offset..).unwrap_or_default())
    }

    /// Goes to the next one, which begins where so many bytes are left, unless it was chosen.
    fn advance_to(&mut self, left: usize) {
        let behind = (self.payload.len(), self.end);
        (self.offset, self.number) = match &mut self.chosen {
            Some(chosen) => chosen.pop_front().unwrap_or(behind),
            None => (self.payload.len() - left, self.number + 1),
        };
    }
}

/// What the first bytes of a group say: its length in all, if they can be the next group at all.
pub(super) fn group_len(header: &[u8]) -> Option<usize> {
    let mut reader = Reader(header);
    let magic = reader.array::<4>()?;
    let version = reader.u16()?;
    reader.u16()?;
    let payload_len = reader.u32()? as usize;
    (&magic == MAGIC && version == VERSION && payload_len <= PAYLOAD_MAX && payload_len.is_multiple_of(8))
        .then_some(HEADER_LEN + payload_len)
}

/// What a header says, right or not.
pub(super) struct Ahead {
    pub(super) relaxed: bool,
    pub(super) first: Position,
    pub(super) boot: u64,
}

/// Reads a header without the group that it belongs to.
pub(super) fn ahead(header: &[u8]) -> Option<Ahead> {
    let mut reader = Reader(header);
    let is_group = reader.array::<4>()? == *MAGIC && reader.u16()? == VERSION;
    let relaxed = reader.u16()? & RELAXED != 0;
    reader.bytes(16)?;
    let first = Position { epoch: reader.u64()?, number: reader.u64()? };
    reader.u64()?;
    let boot = reader.u64()?;
    is_group.then_some(Ahead { relaxed, first, boot })
}

/// Reads a whole group and checks that it follows `chain` with number `first`.
pub(super) fn decode(bytes: &[u8], seed: u64, chain: u64, first: Position) -> Option<(Group, u64)> {
    let (header, payload) = bytes.split_at_checked(HEADER_LEN)?;
    let mut reader = Reader(header);
    reader.bytes(6)?;
    let flags = reader.u16()?;
    reader.u32()?;
    let count = reader.u32()?;
    let header_read = GroupHeader {
        relaxed: flags & RELAXED != 0,
        with_data: flags & WITH_DATA != 0,
        instance: reader.u64()?,
        first: Position { epoch: reader.u64()?, number: reader.u64()? },
        time_ns: reader.i64()?,
        boot: reader.u64()?,
        chain: reader.u64()?,
    };
    let sum = reader.u64()?;
    let right = header_read.chain == chain
        && header_read.first == first
        && count > 0
        && sum == group_checksum(seed, &header[..HEADER_LEN - 8], payload);
    right.then(|| (Group { header: header_read, count, payload: payload.to_vec() }, sum))
}

/// The checksum of a group, if it is whole, whatever it follows.
pub(super) fn sum_of(bytes: &[u8], seed: u64) -> Option<u64> {
    let (header, payload) = bytes.split_at_checked(HEADER_LEN)?;
    let (covered, sum) = header.split_last_chunk::<8>()?;
    let sum = u64::from_le_bytes(*sum);
    (group_len(header) == Some(bytes.len()) && group_checksum(seed, covered, payload) == sum).then_some(sum)
}

/// Header and payload are hashed apart and then together, so that no copy of the payload is needed.
fn group_checksum(seed: u64, header: &[u8], payload: &[u8]) -> u64 {
    checksum(checksum(seed, payload), header)
}
