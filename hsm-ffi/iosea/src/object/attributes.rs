//! What is known of an object, and its attributes.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use super::id;
use crate::client::client;
use crate::failure::{Failure, Result, guard};
use crate::hsm::{Attributes, Object};
use crate::memory::{Block, stamp, take_back_stamped, text_at};
use crate::types::{BAD_INPUT_BUFFER, HestiaId, HestiaKeyValuePair, HestiaObject, HestiaTierExtent};

/// What the format of a store takes, and a byte that shows that there was more.
const NAME_BYTES_MAX: usize = 255 + 1;
const VALUE_BYTES_MAX: usize = (64 << 10) + 1;

/// Reads what is known of an object into a record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_get_attrs(
    object_id: *mut HestiaId,
    object: *mut HestiaObject,
) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: the caller passes a record, initialised or not.
        let id = unsafe { id::needed(&client, object_id) }?;
        if object.is_null() {
            return Err(Failure::null("the object"));
        }
        let known = client.store.object(&id)?;
        // SAFETY: the caller passes a place for a record, whatever lies in it.
        unsafe { object.write(filled(&known)?) };
        Ok(())
    })
}

/// A record of what is known. All that it points to lies in one block, which is known by `m_uuid`.
fn filled(known: &Object) -> Result<HestiaObject> {
    let info = known.info()?;
    let uuid = id::format(&info.id.bytes);
    let attributes = known.attributes()?;
    let mut copies = known.copies()?;
    copies.retain(|_| info.size_bytes > 0);

    let texts = attributes.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
    let mut block = Block::new(
        copies.len() * size_of::<HestiaTierExtent>()
            + attributes.len() * size_of::<HestiaKeyValuePair>()
            + texts
            + uuid.len()
            + 2,
    )?;
    let time = |ns: i64| ns.div_euclid(1000) as libc::time_t;
    let extents = block.take::<HestiaTierExtent>(copies.len());
    for (index, copy) in copies.iter().enumerate() {
        let extent = HestiaTierExtent {
            m_tier_index: copy.tier,
            m_size: info.size_bytes as usize,
            m_creation_time: time(copy.created_ns),
            m_last_modified_time: time(copy.created_ns.max(info.modified_ns)),
        };
        // SAFETY: there is a place for each.
        unsafe { extents.add(index).write(extent) };
    }
    let pairs = block.take::<HestiaKeyValuePair>(attributes.len());
    for (index, (name, value)) in attributes.iter().enumerate() {
        let pair = HestiaKeyValuePair { m_key: block.text(name), m_value: block.text(value) };
        // SAFETY: there is a place for each.
        unsafe { pairs.add(index).write(pair) };
    }
    let record = HestiaObject {
        m_name: block.text(b""),
        m_uuid: block.text(uuid.as_bytes()),
        m_size: info.size_bytes as usize,
        m_creation_time: time(info.created_ns),
        m_ctime: time(info.modified_ns),
        m_mtime: time(info.modified_ns),
        m_atime: time(if info.accessed_ns == 0 { info.created_ns } else { info.accessed_ns }),
        m_tier_extents: if copies.is_empty() { null_mut() } else { extents },
        m_num_tier_extents: copies.len(),
        m_attrs: if attributes.is_empty() { null_mut() } else { pairs },
        m_num_attrs: attributes.len(),
        m_valid: 1,
        stamp: stamp(),
    };
    block.hand_out_stamped(record.m_uuid, record.stamp);
    Ok(record)
}

/// Frees what [`hestia_object_get_attrs`] filled in, and empties the record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_init_object(object: *mut HestiaObject) -> c_int {
    guard(|| {
        if object.is_null() {
            return Err(Failure::null("the object"));
        }
        // SAFETY: the caller passes a record, initialised or not; only a pointer that was handed out is freed.
        unsafe {
            take_back_stamped((*object).m_uuid, (*object).stamp);
            object.write(HestiaObject {
                m_name: null_mut(),
                m_uuid: null_mut(),
                m_size: 0,
                m_creation_time: 0,
                m_ctime: 0,
                m_mtime: 0,
                m_atime: 0,
                m_tier_extents: null_mut(),
                m_num_tier_extents: 0,
                m_attrs: null_mut(),
                m_num_attrs: 0,
                m_valid: 0,
                stamp: 0,
            });
        }
        Ok(())
    })
}

/// Sets attributes; others stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hestia_object_set_attrs(
    object_id: *mut HestiaId,
    key_value_pairs: *const HestiaKeyValuePair,
    num_key_pairs: usize,
) -> c_int {
    guard(|| {
        let client = client()?;
        // SAFETY: the caller passes a record, initialised or not.
        let id = unsafe { id::needed(&client, object_id) }?;
        if key_value_pairs.is_null() && num_key_pairs > 0 {
            return Err(Failure::null("the list of pairs"));
        }
        let mut attributes = Attributes::new()?;
        for index in 0..num_key_pairs {
            // SAFETY: the caller says that there are so many.
            let pair = unsafe { *key_value_pairs.add(index) };
            attributes.set(
                &text(pair.m_key, "key", index, NAME_BYTES_MAX)?,
                &text(pair.m_value, "value", index, VALUE_BYTES_MAX)?,
            )?;
        }
        if num_key_pairs == 0 {
            return client.store.object(&id).map(drop);
        }
        client.store.set_attributes(&id, &attributes)?;
        client.happened();
        Ok(())
    })
}

fn text(text: *const c_char, what: &str, index: usize, max: usize) -> Result<Vec<u8>> {
    let found = if text.is_null() { None } else { text_at(text, max) };
    found.ok_or_else(|| Failure::new(BAD_INPUT_BUFFER, format!("the {what} of pair {index} is no text")))
}
