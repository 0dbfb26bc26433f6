//! The feed: every change of the store, in order.
//!
//! The feed is the journal itself, so nothing can be missing in it or out of order. It shows what survives a power
//! loss: relaxed changes appear when they have become durable. A program that follows a store keeps the position
//! of the last event it has dealt with, and begins behind it the next time. When an event's epoch is another one than
//! that of the event before, an HSM_EVENT_EPOCH_BEGAN tells why.
//!
//!     hsm_feed *feed = NULL;
//!     const hsm_event *event;
//!     hsm_status status = hsm_feed_open(store, NULL, &feed, &error);
//!     if (status == HSM_STATUS_OK)
//!         while ((status = hsm_feed_next(feed, &event, &error)) == HSM_STATUS_OK)
//!             apply(event);
//!     hsm_feed_free(feed);
//!
//! A feed waits for nothing and keeps nothing: that is what subscriptions are for.
//!
//! A feed reads some megabytes ahead, and holds no file and no lock between two calls.

use hsm_core::Feed;
use hsm_core::object::Position;

use crate::error::hsm_error;
use crate::event::hsm_event;
use crate::fork::forks;
use crate::guard::{done, guard};
use crate::id::hsm_position;
use crate::status::{HSM_STATUS_END, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// A point in the feed of a store.
#[derive(Debug)]
pub struct hsm_feed {
    shared: Shared,
    feed: Feed,
    /// What was lent last.
    lent: hsm_event,
    forks: u64,
}

/// Opens the feed of a store.
///
/// @param after     the position behind which it begins; NULL, or zeros: before the first change. Positions
///                  come from events, puts and other changes, hsm_store_position() and hsm_feed_position()
/// @param feed_out  free it with hsm_feed_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_feed_open(
    store: *const hsm_store,
    after: *const hsm_position,
    feed_out: *mut *mut hsm_feed,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(feed_out, "feed_out")?;
            let shared = scope.store(store)?.clone();
            shared.store().check()?;
            let after = after.as_ref().map(|after| Position::from(*after)).unwrap_or_default();
            let feed = shared.store().feed(after);
            output::handle(feed_out, hsm_feed { shared, feed, lent: hsm_event::default(), forks: forks() });
        }
        done()
    })
}

/// The next event. It is lent until the next call on the feed, or its free. After an error it may be called
/// again, and goes on where it was.
///
/// @param event_out  the event
/// @return HSM_STATUS_END when there is nothing more now: asked again later, it goes on with what came since.
///         HSM_STATUS_INVALID when the position it began at is none of this store, or what lies behind it was dropped (a
///         subscription goes on behind such a gap), HSM_STATUS_CORRUPT when the
///         journal is damaged there, HSM_STATUS_CLOSED after hsm_store_close()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_feed_next(
    feed: *mut hsm_feed,
    event_out: *mut *const hsm_event,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let feed = input::needed_mut(feed, "feed")?;
            output::check_place(event_out, "event_out")?;
            feed.shared.check_quickly(feed.forks)?;
            if !feed.feed.is_read_ahead() {
                scope.enter(&feed.shared)?;
            }
            match feed.feed.next_into(feed.lent.next()) {
                Some(Ok(())) => event_out.write(&raw const feed.lent),
                None => return Ok(HSM_STATUS_END),
                Some(Err(error)) => {
                    // The core's ends for good after an error.
                    feed.feed = feed.shared.store().feed(feed.feed.position());
                    return Err(error.into());
                }
            }
        }
        done()
    })
}

/// The position of the last event that was handed out, or the one that the feed began behind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_feed_position(
    feed: *const hsm_feed,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let feed = input::needed(feed, "feed")?;
            output::put(position_out, feed.feed.position().into(), "position_out")?;
        }
        done()
    })
}

/// Frees a feed, and what it lent. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_feed_free(feed: *mut hsm_feed) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(feed) };
}
