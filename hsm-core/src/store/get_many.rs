//! Reading many objects in one call: in the order in which they lie on their tiers, neighbours in one read.
//!
//! What is asked for is looked up in one view of the catalog, a *window* of objects at a time. Small objects that
//! lie in packs are read in *runs*: records next to each other, with what little lies between them. The kernel is told
//! of the runs ahead, so that several are on their way while one is handed over. What lies elsewhere, or could not be
//! read so, is read as [`Store::reader`] reads it, from another copy if need be.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Store;
use super::get::{GetOptions, RUN_LEN};
use crate::backend::pack::{self, ExpectedRecord};
use crate::backend::{PlaceReader, ReadFrom};
use crate::catalog::Query;
use crate::clock::TimeNs;
use crate::error::{Error, Result};
use crate::monitor::{Phase, Watch};
use crate::object::{Object, ObjectId, Piece, Place};
use crate::tier::place_name;

/// Objects looked up at once.
const WINDOW_LEN: usize = 10_000;
/// Bytes between two records that are read and not used, at most: a seek would cost more.
const GAP_MAX: u64 = 64 << 10;
/// Runs that are on their way at once.
const AHEAD: usize = 8;

/// Bytes of one of many objects, or why it could not be read.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Which: its position in the list of ids, or in the listing.
    pub index: u64,
    /// Its id.
    pub id: ObjectId,
    /// The key that the listing has it under; empty outside a dataset.
    pub key: &'a [u8],
    /// Its size in bytes; 0 with an error.
    pub size: u64,
    /// Where these bytes begin in it. They come in order and without holes.
    pub offset: u64,
    /// The bytes, checked, 1 MiB at most. An error ends the
    /// object, whatever came of it before.
    pub bytes: std::result::Result<&'a [u8], &'a Error>,
}

/// Called with every delivery; an error stops the whole call.
type Take<'a> = dyn FnMut(Delivery<'_>) -> Result<()> + 'a;

/// One object that is asked for.
struct Wanted {
    index: u64,
    key: Vec<u8>,
    id: ObjectId,
}

/// A record of a pack.
struct Record {
    wanted: Wanted,
    expect: ExpectedRecord,
    size: u64,
    used_ns: TimeNs,
}

impl Record {
    fn begin(&self) -> u64 {
        self.expect.piece.offset
    }

    fn end(&self) -> u64 {
        self.begin() + pack::record_len(self.expect.piece.length)
    }
}

/// Records that one read gets.
struct Run {
    place: Option<Arc<dyn PlaceReader>>,
    records: Vec<Record>,
}

impl Run {
    fn begin(&self) -> u64 {
        self.records.first().map_or(0, Record::begin)
    }

    fn len(&self) -> u64 {
        self.records.last().map_or(0, Record::end) - self.begin()
    }
}

impl Store {
    /// Reads many objects and hands their bytes to `take`, each object whole and in order, the objects in the order in
    /// which they lie on their tiers. An object that cannot be read is handed over as its error and disturbs no other.
    /// For an object of zero bytes `take` is called once, with none. Memory grows with the number of ids, not with the
    /// sizes of the objects.
    ///
    /// # Errors
    ///
    /// What `take` returned, at once; `Cancelled` by the monitor.
    pub fn get_many(
        &self,
        ids: &[ObjectId],
        options: &GetOptions,
        take: &mut dyn FnMut(Delivery<'_>) -> Result<()>,
    ) -> Result<()> {
        let engine = self.engine();
        engine.check()?;
        let mut bulk = Bulk::new(self, options, ids.len() as u64, take);
        bulk.watch.check()?;
        // In the order in which the index finds them: that of their rows too, where we chose the ids.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_unstable_by_key(|index| ids[*index]);
        for window in order.chunks(WINDOW_LEN) {
            let wanted: Vec<ObjectId> = window.iter().map(|index| ids[*index]).collect();
            let found = engine.catalog.view().objects(&wanted)?;
            let objects = window.iter().zip(wanted).zip(found).map(|((index, id), found)| {
                (
                    Wanted { index: *index as u64, key: Vec::new(), id },
                    found.filter(|object| !object.is_removed()),
                )
            });
            bulk.deliver(objects)?;
        }
        Ok(())
    }

    /// Reads all objects of a listing that have data, as [`get_many`](Self::get_many) does: a dataset, or what matches a
    /// query. Nothing grows with the number of objects.
    ///
    /// # Errors
    ///
    /// Those of [`page`](Self::page) and [`get_many`](Self::get_many).
    pub fn get_all(
        &self,
        query: &Query,
        options: &GetOptions,
        take: &mut dyn FnMut(Delivery<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut bulk = Bulk::new(self, options, 0, take);
        let (mut after, mut count) = (None, 0);
        loop {
            bulk.watch.check()?;
            let page = self.page(query, after.as_ref(), WINDOW_LEN)?;
            let first = count;
            count += page.items.len() as u64;
            let objects = (first..).zip(page.items).filter(|(_, (_, object))| object.content.is_some());
            bulk.deliver(
                objects.map(|(index, (key, object))| (Wanted { index, key, id: object.id }, Some(object))),
            )?;
            if page.next.is_none() {
                return Ok(());
            }
            after = page.next;
        }
    }
}

/// A call under way.
struct Bulk<'a> {
    store: &'a Store,
    options: &'a GetOptions,
    take: &'a mut Take<'a>,
    watch: Watch<'a>,
    buffer: Vec<u8>,
}

impl<'a> Bulk<'a> {
    fn new(store: &'a Store, options: &'a GetOptions, objects: u64, take: &'a mut Take<'a>) -> Self {
        Self { store, options, take, watch: store.watch(Phase::Get, objects, 0), buffer: Vec::new() }
    }

    /// Hands a window of objects over.
    fn deliver(&mut self, objects: impl Iterator<Item = (Wanted, Option<Object>)>) -> Result<()> {
        let (mut records, mut others) = (Vec::new(), Vec::new());
        for (wanted, object) in objects {
            if let Some(object) = &object
                && let Some((expect, size)) = self.record(object)
            {
                records.push(Record { wanted, expect, size, used_ns: object.last_used_ns() });
                continue;
            }
            let tiers = &self.store.engine().tiers;
            let first = |object: &Object| tiers.in_order(object).next()?.pieces.first().copied();
            let place = object.as_ref().and_then(first);
            others.push((place.map(|piece| piece.place), wanted));
        }
        records.sort_unstable_by_key(|record| (record.expect.piece.place, record.begin()));
        self.deliver_records(records)?;
        others.sort_unstable_by_key(|(place, _)| *place);
        others.into_iter().try_for_each(|(_, wanted)| self.deliver_one(&wanted))
    }

    /// The record of an object that is read from a pack.
    fn record(&self, object: &Object) -> Option<(ExpectedRecord, u64)> {
        let content = object.content.as_ref()?;
        let copy = match self.options.tier {
            Some(tier) => object.copy_on(tier)?,
            None => self.store.engine().tiers.in_order(object).next()?,
        };
        let [piece] = copy.pieces.as_slice() else { return None };
        let expect = ExpectedRecord {
            store_id: self.store.inner.store_id,
            id: object.id,
            generation: Some(object.generation),
            piece: *piece,
            root: content.root,
        };
        let is_whole = piece.packed && piece.start == 0 && piece.length == content.size;
        (is_whole && piece.length <= pack::PACKED_LENGTH_MAX as u64).then_some((expect, content.size))
    }

    fn deliver_records(&mut self, records: Vec<Record>) -> Result<()> {
        let mut under_way: VecDeque<Run> = VecDeque::new();
        let mut open: Option<(Place, Option<Arc<dyn PlaceReader>>)> = None;
        let mut rest = records.into_iter().peekable();
        loop {
            while under_way.len() < AHEAD {
                let Some(first) = rest.next() else { break };
                let place = first.expect.piece.place;
                if open.as_ref().is_none_or(|(known, _)| *known != place) {
                    open = Some((place, self.open(&first.expect.piece)));
                }
                let mut run =
                    Run { place: open.as_ref().and_then(|(_, place)| place.clone()), records: vec![first] };
                while let Some(next) = rest.next_if(|next| is_near(&run, next)) {
                    run.records.push(next);
                }
                if let Some(place) = &run.place {
                    place.start_reading(run.begin(), run.len());
                }
                under_way.push_back(run);
            }
            match under_way.pop_front() {
                Some(run) => self.deliver_run(&run)?,
                None => return Ok(()),
            }
        }
    }

    /// A pack. `None`: who reads its objects one by one finds out why.
    fn open(&self, piece: &Piece) -> Option<Arc<dyn PlaceReader>> {
        let tier = self.store.engine().tier(piece.place.tier).ok()?;
        tier.backend.open(place_name(piece), ReadFrom::Anywhere).ok()?
    }

    fn deliver_run(&mut self, run: &Run) -> Result<()> {
        self.store.engine().check()?;
        let mut bytes = std::mem::take(&mut self.buffer);
        let len = run.len() as usize;
        if bytes.len() < len {
            bytes.resize(len, 0); // What the runs before left behind is overwritten, or lies behind what is read.
        }
        let place = run.place.as_ref();
        let read = place.and_then(|place| place.read_at(&mut bytes[..len], run.begin()).ok()).unwrap_or(0);
        let (mut count, now_ns) = (0, self.store.engine().clock.now_ns());
        for record in &run.records {
            let at = (record.begin() - run.begin()) as usize;
            let end = at + pack::RECORD_HEADER_LENGTH + record.expect.piece.length as usize;
            let data = bytes.get(at..end.min(read)).and_then(|bytes| pack::record_in(&record.expect, bytes));
            match data {
                Some(data) => {
                    count += data.len() as u64;
                    hand_over(self.take, &record.wanted, record.size, 0, Ok(data))?;
                    self.store.note_access_at(record.wanted.id, record.used_ns, now_ns);
                    self.watch.done(1);
                }
                // Damaged here or gone: looked up again, and read from another copy if there is one.
                None => self.deliver_one(&record.wanted)?,
            }
        }
        self.buffer = bytes;
        self.watch.bytes(count)
    }

    /// Hands over one object, whatever it consists of.
    fn deliver_one(&mut self, wanted: &Wanted) -> Result<()> {
        self.watch.check()?;
        let mut reader = match self.store.reader(wanted.id, self.options) {
            Ok(reader) => reader,
            Err(error) => return self.fail(wanted, &error),
        };
        let size = reader.size();
        let mut buffer = vec![0; RUN_LEN.min(size as usize)];
        let mut offset = 0;
        loop {
            let read = match reader.read_at(&mut buffer, offset) {
                Ok(read) => read,
                Err(error) => return self.fail(wanted, &error),
            };
            hand_over(self.take, wanted, size, offset, Ok(&buffer[..read]))?;
            offset += read as u64;
            self.watch.bytes(read as u64)?;
            if offset >= size {
                self.watch.done(1);
                return Ok(());
            }
        }
    }

    fn fail(&mut self, wanted: &Wanted, error: &Error) -> Result<()> {
        // That is the end of all, and no fault of this object.
        if matches!(error, Error::Closed { .. } | Error::Forked) {
            return Err(error.clone());
        }
        hand_over(self.take, wanted, 0, 0, Err(error))
    }
}

fn hand_over(
    take: &mut Take<'_>,
    wanted: &Wanted,
    size: u64,
    offset: u64,
    bytes: std::result::Result<&[u8], &Error>,
) -> Result<()> {
    take(Delivery { index: wanted.index, id: wanted.id, key: &wanted.key, size, offset, bytes })
}

/// Whether one read gets a run and the next record too.
fn is_near(run: &Run, next: &Record) -> bool {
    let Some(last) = run.records.last() else { return false };
    last.expect.piece.place == next.expect.piece.place
        && next.begin() <= last.end() + GAP_MAX
        && next.end() - run.begin() <= RUN_LEN as u64
}
