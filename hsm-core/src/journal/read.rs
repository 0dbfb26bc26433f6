//! Reading the journal in order: for replay, for recovery and for the feed.

use std::sync::Arc;

use crate::error::{Error, IoContext, Result};
use crate::file::File;
use crate::object::Position;

use super::beyond;
use super::change::Change;
use super::group::{self, Group};
use super::segment::{HEADER_LEN, SegmentHeader, Segments};

/// How much is read ahead, in bytes.
const READ_AHEAD: usize = 256 << 10;

/// A point between two groups: where the next one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The segment.
    pub(crate) segment: u64,
    /// The byte in it.
    pub(crate) offset: u64,
    /// Where the group before begins, in the same segment; 0 at the segment's beginning.
    pub(crate) before: u64,
    /// Checksum of the group before.
    pub(crate) chain: u64,
    /// Position of the last change before.
    pub(crate) last: Position,
}

impl Tail {
    /// The beginning of a segment.
    pub(crate) fn at_start_of(header: &SegmentHeader) -> Self {
        let last = Position { epoch: header.first.epoch, number: header.first.number - 1 };
        Self { segment: header.serial, offset: HEADER_LEN as u64, before: 0, chain: header.chain, last }
    }

    /// Whether no group of its segment lies before it.
    pub(crate) fn is_at_start(&self) -> bool {
        self.before == 0
    }

    /// The position that the next change has.
    pub(crate) fn next(&self) -> Position {
        Position { epoch: self.last.epoch, number: self.last.number + 1 }
    }
}

/// Reads groups one after the other, across segments.
#[derive(Debug)]
pub(crate) struct GroupReader<'a> {
    segments: &'a Segments,
    tail: Tail,
    file: Option<Arc<dyn File>>,
    /// The next segment's header, once it was seen.
    following: Option<SegmentHeader>,
    buffer: Vec<u8>,
    /// How many of its bytes are the segment's, from `buffer_offset` on.
    buffered: usize,
    buffer_offset: u64,
    /// Whether the end was met, and looked at once more.
    looked_again: bool,
}

impl<'a> GroupReader<'a> {
    /// Reads from `tail` on.
    pub(crate) fn new(segments: &'a Segments, tail: Tail) -> Self {
        Self {
            segments,
            tail,
            file: None,
            following: None,
            buffer: Vec::new(),
            buffered: 0,
            buffer_offset: 0,
            looked_again: false,
        }
    }

    /// Reads from the group that holds change `number` on, or from a group before it.
    /// `None`: the journal no longer reaches back so far.
    pub(crate) fn before(segments: &'a Segments, number: u64) -> Result<Option<Self>> {
        Ok(last_before(segments, number)?.map(|header| Self::new(segments, Tail::at_start_of(&header))))
    }

    /// The point behind the last group read.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    /// Where the group read last begins, given the point before the read: the reader may have gone on to the
    /// next segment in between.
    pub(crate) fn start_of_last(&self, before: Tail) -> Tail {
        if before.segment == self.tail.segment {
            return before;
        }
        Tail {
            segment: self.tail.segment,
            offset: HEADER_LEN as u64,
            before: 0,
            chain: before.chain,
            last: before.last,
        }
    }

    /// The next group with its changes; `None` at the end of the journal.
    ///
    /// # Errors
    ///
    /// `StoreDamaged` where the journal goes on behind bytes that are no group, and where the point this
    /// reader began at is none the journal passes through (the index is ahead of the journal).
    pub(crate) fn next(&mut self) -> Result<Option<(Group, Vec<Change>)>> {
        let before = self.tail;
        let Some(group) = self.next_group()? else { return Ok(None) };
        if let Some(changes) = group.changes() {
            return Ok(Some((group, changes)));
        }
        let unknown = self.unknown_change(before.last.number);
        self.tail = self.start_of_last(before); // What is not understood was not read.
        Err(unknown)
    }

    /// What is said of a group, the one read last, with a change behind number `behind` that this version cannot
    /// read.
    pub(crate) fn unknown_change(&self, behind: u64) -> Error {
        Error::NewerFormat {
            path: self.segments.path(self.tail.segment),
            detail: format!("a change behind number {behind} is of a kind this hsm does not know"),
        }
    }

    /// The next group, its changes not yet looked at; else as [`next`](Self::next).
    pub(crate) fn next_group(&mut self) -> Result<Option<Group>> {
        self.follow_segments()?;
        let (seed, chain, first) = (self.segments.seed(), self.tail.chain, self.tail.next());
        let Some(bytes) = self.next_bytes()? else { return self.end() };
        let length = bytes.len() as u64;
        let Some((group, sum)) = group::decode(bytes, seed, chain, first) else { return self.end() };
        self.looked_again = false;
        self.tail.before = self.tail.offset;
        self.tail.offset += length;
        self.tail.chain = sum;
        self.tail.last.number = group.last_number();
        Ok(Some(group))
    }

    /// Goes to the next segment when it begins here.
    fn follow_segments(&mut self) -> Result<()> {
        loop {
            if self.following.is_none() {
                self.following = self.segments.header(self.tail.segment + 1)?;
            }
            let Some(next) = self.following else { return Ok(()) };
            if next.first.number > self.tail.last.number + 1 {
                return Ok(());
            }
            if next.first.number <= self.tail.last.number || next.chain != self.tail.chain {
                return Err(Error::damaged(
                    &self.segments.path(next.serial),
                    format!(
                        "it does not continue from change {}; the point read from is not part of this journal",
                        self.tail.last.number
                    ),
                ));
            }
            self.tail = Tail::at_start_of(&next);
            self.file = None;
            self.following = None;
            self.buffered = 0;
        }
    }

    /// The bytes of what may be the next group; `None` when there are too few.
    fn next_bytes(&mut self) -> Result<Option<&[u8]>> {
        self.fill(group::HEADER_LEN)?;
        let begin = (self.tail.offset - self.buffer_offset) as usize;
        let Some(length) = self.buffer[..self.buffered].get(begin..).and_then(group::group_len) else {
            return Ok(None);
        };
        self.fill(length)?;
        let begin = (self.tail.offset - self.buffer_offset) as usize;
        Ok(self.buffer[..self.buffered].get(begin..begin + length))
    }

    /// Makes the buffer hold `wanted` bytes from the tail on, if the segment has them.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let (begin, end) = (self.tail.offset, self.tail.offset + wanted as u64);
        let held = self.buffer_offset..self.buffer_offset + self.buffered as u64;
        if held.contains(&begin) && end <= held.end {
            return Ok(());
        }
        let path = self.segments.path(self.tail.segment);
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.file.insert(self.segments.open_for_reading(self.tail.segment)?).clone(),
        };
        // What is held of it is not read again.
        let kept = (begin.checked_sub(self.buffer_offset))
            .and_then(|from| Some(from as usize..self.buffered).filter(|kept| !kept.is_empty()))
            .unwrap_or_default();
        self.buffered = 0; // Should the read fail.
        self.buffer.copy_within(kept.clone(), 0);
        let length = wanted.max(READ_AHEAD);
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        let read = file.read_at(&mut self.buffer[kept.len()..length], begin + kept.len() as u64);
        self.buffered = kept.len() + read.context("read", &path)?;
        self.buffer_offset = begin;
        Ok(())
    }

    /// The journal ends here, unless what lies behind says that it went on.
    fn end(&mut self) -> Result<Option<Group>> {
        if !std::mem::replace(&mut self.looked_again, true) {
            // A writer may have been at work while this was read.
            self.buffered = 0;
            self.following = None;
            return self.next_group();
        }
        self.looked_again = false;
        if let Some(next) = self.following {
            return Err(Error::damaged(
                &self.segments.path(self.tail.segment),
                format!(
                    "the changes from {} to {} are not readable (byte {})",
                    self.tail.last.number + 1,
                    next.first.number - 1,
                    self.tail.offset
                ),
            ));
        }
        self.segments.check_nothing_follows(self.tail.segment)?;
        let file = self.segments.open_for_reading(self.tail.segment)?;
        let path = self.segments.path(self.tail.segment);
        if beyond::goes_on(&*file, &path, &self.tail, self.segments)? {
            let detail = format!(
                "the changes from {} on are not readable (byte {}), and others follow",
                self.tail.last.number + 1,
                self.tail.offset
            );
            return Err(Error::damaged(&path, detail));
        }
        Ok(None)
    }
}

/// The last segment that begins at or before change `number`: a later one cuts the earlier ones. `None` where the
/// journal begins behind it.
fn last_before(segments: &Segments, number: u64) -> Result<Option<SegmentHeader>> {
    let mut serials = segments.serials()?;
    loop {
        let found = last_of(segments, &serials, number)?;
        let now = segments.serials()?;
        // Those that were dropped meanwhile told nothing.
        if now.first() == serials.first() {
            return Ok(found);
        }
        serials = now;
    }
}

/// The same among these. No segment begins before an earlier one, so that few are looked at.
fn last_of(segments: &Segments, serials: &[u64], number: u64) -> Result<Option<SegmentHeader>> {
    let (mut begin, mut end, mut best) = (0, serials.len(), None);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        // One without a whole header tells nothing: the next before it decides.
        let mut at = middle;
        let found = loop {
            match segments.header(serials[at])? {
                None if at > begin => at -= 1,
                found => break found,
            }
        };
        match found {
            Some(header) if header.first.number <= number => {
                best = Some(header);
                begin = middle + 1;
            }
            _ => end = at,
        }
    }
    Ok(best)
}

/// The number of the first change of an epoch, by the segment that begins it; `None` where there is none.
pub(crate) fn epoch_begins_at(segments: &Segments, epoch: u64) -> Result<Option<u64>> {
    let serials = segments.serials()?;
    let (mut begin, mut end) = (0, serials.len());
    let mut found = None;
    while begin < end {
        let middle = begin + (end - begin) / 2;
        match segments.header(serials[middle])? {
            Some(header) if header.first.epoch >= epoch => {
                found = Some(header.first).filter(|first| first.epoch == epoch);
                end = middle;
            }
            // One that was dropped meanwhile lies before all that is left.
            _ => begin = middle + 1,
        }
    }
    Ok(found.map(|first| first.number))
}
