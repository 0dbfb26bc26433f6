//! Putting data.
//!
//! From offset 0 on the data becomes the whole content. From a later one it replaces what is there and the object grows
//! where it reaches beyond its end; what lies before and behind it stays. Either is one change, whole or not at all.

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::AsRawFd;

use super::{Place, id, stream, tier_of};
use crate::client::{Client, client};
use crate::failure::{Failure, Result, guard, until_won};
use crate::hsm::{ANY_TIER, Content, Id, Object, PutOptions, Reader};
use crate::sys;
use crate::types::{
    ATTEMPTED_OVERWRITE, BAD_INPUT_BUFFER, BAD_STREAM, CREATE, HestiaId, HestiaIoContext, HestiaTier,
    UNKNOWN, UPDATE,
};

/// So many bytes are in memory at once.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// A length that says how much there is: all of it.
const ALL: u64 = u64::MAX;

/// Creates or updates an object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_put(
    object_id: *mut HestiaId,
    create_mode: c_int,
    io_context: *mut HestiaIoContext,
    tier: *mut HestiaTier,
) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: the caller passes records, initialised or not.
        let (given, io, tier) =
            unsafe { (id::given(client.is_strict(), object_id)?, io_context.as_ref(), tier_of(tier)) };
        let io = io.ok_or_else(|| Failure::null("the io context"))?;
        let place = Place::of(io)?;
        let drawn = match (given, create_mode) {
            (None, UPDATE) => return Err(Failure::bad_id("an update needs an id")),
            (None, _) => Some(id::Drawn::new(client.store.new_id()?)?),
            _ => None,
        };
        let id = given.or(drawn.as_ref().map(id::Drawn::id)).unwrap_or_default();
        let put = Put { client: &client, id: &id, tier, offset: io.m_offset as u64, length: io.m_length };
        match create_mode {
            CREATE => put.create(&place)?,
            UPDATE => put.update(&place)?,
            _ => {
                return Err(Failure::new(
                    BAD_INPUT_BUFFER,
                    "the mode is neither HESTIA_CREATE nor HESTIA_UPDATE",
                ));
            }
        }
        if let Some(drawn) = drawn {
            // SAFETY: checked above, and the caller passes a place for a record.
            unsafe { drawn.hand_out(object_id) };
        }
        client.happened();
        Ok(())
    })
}

/// Takes bytes, piece by piece.
type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// A put of one object.
pub(crate) struct Put<'a> {
    pub(crate) client: &'a Client,
    pub(crate) id: &'a Id,
    pub(crate) tier: i32,
    pub(crate) offset: u64,
    /// Of a path or descriptor 0 means all there is.
    pub(crate) length: usize,
}

impl Put<'_> {
    fn create(&self, place: &Place) -> Result<()> {
        if let Place::Nowhere = place {
            let options = PutOptions::new(self.id, sys::HSM_PUT_CREATE, ANY_TIER)?;
            return self.client.store.put_empty(&options);
        }
        if self.offset > 0 {
            return match self.client.store.object(self.id) {
                Ok(_) => Err(Failure::new(ATTEMPTED_OVERWRITE, "there is such an object")),
                Err(_) => Err(behind(self.offset, 0)),
            };
        }
        self.whole(place, sys::HSM_PUT_CREATE)
    }

    /// Changes the content of an object that exists.
    pub(crate) fn update(&self, place: &Place) -> Result<()> {
        if let Place::Nowhere = place {
            return self.client.store.object(self.id).map(drop);
        }
        if self.offset == 0 {
            return self.whole(place, sys::HSM_PUT_UPDATE);
        }
        match place {
            // SAFETY: the caller's word for the buffer.
            Place::Memory(data) if self.tier == ANY_TIER => unsafe {
                self.client.store.put_at(self.id, self.offset, *data, self.length)
            },
            Place::Memory(data) => {
                // SAFETY: the caller's word for the buffer, which is not NULL where it has bytes.
                let data = unsafe { slice(data.cast::<u8>(), self.length) };
                until_won(|| self.rewrite(&mut |write| write(data)))
            }
            Place::Path(path) => {
                let file =
                    File::open(path).map_err(|error| broken(&format!("open {}", path.display()), &error))?;
                self.rewrite_from(file.as_raw_fd())
            }
            Place::Descriptor(fd) => self.rewrite_from(*fd),
            Place::Nowhere => Ok(()),
        }
    }

    /// How much a path or descriptor is to give.
    fn wanted(&self) -> u64 {
        // The greatest length is one that nothing has, and not what says all of it.
        if self.length == 0 { ALL } else { (self.length as u64).min(ALL - 1) }
    }

    /// The data becomes the content.
    fn whole(&self, place: &Place, mode: i32) -> Result<()> {
        let options = PutOptions::new(self.id, mode, self.tier)?;
        let length = self.wanted();
        let put = |content| self.client.store.put(content, &options);
        match place {
            Place::Memory(data) => put(Content::Memory(data.cast_const(), self.length)),
            Place::Path(path) => put(Content::Path(path, length)).map_err(in_a_stream),
            Place::Descriptor(fd) => {
                // As a read would: from where the file stands, which is left behind what was read.
                let at = stream::position(*fd);
                put(Content::Descriptor(*fd, at.unwrap_or(0), length)).map_err(in_a_stream)?;
                if let Some(at) = at {
                    stream::advance(*fd, Some(at + self.length as u64).filter(|_| self.length > 0));
                }
                Ok(())
            }
            Place::Nowhere => Ok(()),
        }
    }

    fn rewrite_from(&self, fd: i32) -> Result<()> {
        let begin = stream::position(fd);
        let mut piece = vec![0; PIECE_BYTES];
        until_won(|| {
            let mut left = self.wanted();
            let done = self.rewrite(&mut |write| {
                while left > 0 {
                    let wanted = left.min(PIECE_BYTES as u64) as usize;
                    let read =
                        stream::read(fd, &mut piece[..wanted]).map_err(|error| broken("read", &error))?;
                    if read == 0 && self.length > 0 {
                        return Err(Failure::new(BAD_STREAM, "it ends before the length that was given"));
                    }
                    if read == 0 {
                        break;
                    }
                    write(&piece[..read])?;
                    left -= read as u64;
                }
                Ok(())
            });
            match (done, begin) {
                (Err(failure), Some(begin)) if failure.is_lost_race() => {
                    stream::advance(fd, Some(begin));
                    Err(failure)
                }
                (Err(failure), None) if failure.is_lost_race() => Err(Failure::new(
                    UNKNOWN,
                    "another writer changed the object meanwhile, and what came out of the pipe is gone",
                )),
                (done, _) => done,
            }
        })
    }

    /// Where an update behind the beginning goes: to the tier that was asked for, or else where the object is and may be
    /// written.
    fn tier_behind(&self, object: &Object) -> Result<i32> {
        if self.tier != ANY_TIER {
            return Ok(self.tier);
        }
        let tiers = self.client.store.tiers_in_numbers()?;
        let is_active =
            |tier: &i32| tiers.iter().any(|known| known.tier == *tier && known.state == sys::HSM_TIER_ACTIVE);
        Ok(object.copies()?.iter().map(|copy| i32::from(copy.tier)).find(is_active).unwrap_or(ANY_TIER))
    }

    /// Writes the object anew: what lies before the offset, what `give` gives, and what lies behind that. It replaces only the
    /// generation that it read.
    fn rewrite(&self, give: &mut dyn FnMut(Take<'_>) -> Result<()>) -> Result<()> {
        let object = self.client.store.object(self.id)?;
        let size = object.info()?.size_bytes;
        if self.offset > size {
            return Err(behind(self.offset, size));
        }
        let options = PutOptions::new(self.id, sys::HSM_PUT_UPDATE, self.tier_behind(&object)?)?;
        let mut reader = self.client.store.reader(self.id, ANY_TIER)?;
        options.expect_generation(object.info()?.generation)?;
        let mut writer = self.client.store.writer(&options)?;
        let mut at = self.offset;
        each_piece(&mut reader, 0, self.offset, &mut |piece| writer.write(piece))?;
        give(&mut |piece| {
            at += piece.len() as u64;
            writer.write(piece)
        })?;
        each_piece(&mut reader, at, size.saturating_sub(at), &mut |piece| writer.write(piece))?;
        writer.commit()
    }
}

/// Bytes of a caller, who may say that there are none by NULL.
///
/// # Safety
///
/// `start` has that many bytes, or there are none.
unsafe fn slice<'a>(start: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: as the caller says.
    if length == 0 { &[] } else { unsafe { std::slice::from_raw_parts(start, length) } }
}

/// Reads a range of an object piece by piece.
pub(super) fn each_piece(reader: &mut Reader, offset: u64, length: u64, take: Take<'_>) -> Result<()> {
    let mut piece = vec![0_u8; length.min(PIECE_BYTES as u64) as usize];
    let mut done = 0;
    while done < length {
        let wanted = (length - done).min(piece.len() as u64) as usize;
        // SAFETY: the piece is at least that long.
        let read = unsafe { reader.read_at(offset + done, piece.as_mut_ptr().cast(), wanted) }?;
        if read == 0 {
            break;
        }
        take(&piece[..read])?;
        done += read as u64;
    }
    Ok(())
}

/// What went wrong with a caller's file or descriptor.
pub(super) fn broken(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(BAD_STREAM, format!("cannot {what}: {error}"))
}

fn in_a_stream(failure: Failure) -> Failure {
    match failure.status {
        sys::HSM_STATUS_IO | sys::HSM_STATUS_INVALID => Failure { code: BAD_STREAM, ..failure },
        _ => failure,
    }
}

fn behind(offset: u64, size: u64) -> Failure {
    let what = format!("offset {offset} lies behind the object's end: it has {size} bytes, and no holes");
    Failure::new(BAD_INPUT_BUFFER, what)
}
