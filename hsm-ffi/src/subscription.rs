//! Following a store: events as they come, and how far they were handled.
//!
//! A subscription reads the feed, waits for what is not there yet, and is woken within milliseconds, also by commits of
//! other processes of the machine; a wait costs neither the waiting thread nor a writer anything. Opened as a subscriber, it
//! begins behind what was acknowledged last:
//!
//!     hsm_subscription *subscription = NULL;
//!     const hsm_event *event;
//!     hsm_status status = hsm_subscription_open(store, "mirror", SIZE_MAX, &subscription, &error);
//!     while (status == HSM_STATUS_OK)
//!         if ((status = hsm_subscription_next(subscription, -1, &event, &error)) == HSM_STATUS_OK) {
//!             apply(event);
//!             status = hsm_subscription_ack(subscription, NULL, HSM_DURABLE, &error);
//!         } else if (status == HSM_STATUS_GAP)
//!             status = catch_up(subscription);
//!     hsm_subscription_free(subscription);
//!
//! An event that was handled but not acknowledged before a crash comes again. A program that keeps its position with its
//! own data, in one transaction, acknowledges that position when it begins, and so handles each event once. To acknowledge
//! costs a sync; many events may be acknowledged together.
//!
//! What is asked for is set before the first event: what was passed over does not come again. An epoch that begins is
//! told whatever was asked for.

use std::ffi::{c_char, c_void};
use std::os::fd::AsRawFd as _;

use hsm_core::object::Position;
use hsm_core::{EventKind, EventKinds, Filter, Gap, Subscription, Waited};

use crate::error::hsm_error;
use crate::event::hsm_event;
use crate::fork::forks;
use crate::guard::{done, guard};
use crate::id::{self, hsm_id, hsm_position};
use crate::put_options::durability as durability_of;
use crate::status::{HSM_STATUS_END, HSM_STATUS_GAP, HSM_STATUS_TIMEOUT, hsm_status};
use crate::store::{Shared, hsm_store};
use crate::{input, output};

/// A reader of the feed that waits for what is not there yet.
#[derive(Debug)]
pub struct hsm_subscription {
    shared: Shared,
    subscription: Subscription,
    /// What was lent last.
    lent: hsm_event,
    gap: Option<Gap>,
    forks: u64,
}

impl hsm_subscription {
    fn new(shared: Shared, subscription: Subscription) -> Self {
        Self { shared, subscription, lent: hsm_event::default(), gap: None, forks: forks() }
    }
}

/// Follows a store as a subscriber, from behind what it acknowledged last. One at a time can, of all threads and
/// processes; the next one can as soon as the one before was freed or its process ended, however that went.
///
/// @param name              of a subscriber, UTF-8
/// @param name_length       in bytes; SIZE_MAX: up to the NUL
/// @param subscription_out  free it with hsm_subscription_free()
/// @return HSM_STATUS_NOT_FOUND, HSM_STATUS_BUSY while somebody else does, HSM_STATUS_REFUSED through a handle that may not
///         write, HSM_STATUS_CORRUPT where its file is damaged
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_open(
    store: *const hsm_store,
    name: *const c_char,
    name_length: usize,
    subscription_out: *mut *mut hsm_subscription,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(subscription_out, "subscription_out")?;
            let shared = scope.store(store)?.clone();
            let name = input::text(name, name_length, "name")?;
            let subscription = shared.store().subscription(name, &Filter::default())?;
            output::handle(subscription_out, hsm_subscription::new(shared, subscription));
        }
        done()
    })
}

/// Follows a store without a name: the program keeps its position itself, and has nothing to acknowledge. Any number
/// can, also through handles that may not write.
///
/// @param after             the position behind which it begins; NULL, or zeros: before the first change
/// @param subscription_out  free it with hsm_subscription_free()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_follow(
    store: *const hsm_store,
    after: *const hsm_position,
    subscription_out: *mut *mut hsm_subscription,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            output::no_handle(subscription_out, "subscription_out")?;
            let shared = scope.store(store)?.clone();
            let after = after.as_ref().map(|after| Position::from(*after)).unwrap_or_default();
            let subscription = shared.store().follow(after, &Filter::default())?;
            output::handle(subscription_out, hsm_subscription::new(shared, subscription));
        }
        done()
    })
}

/// Changes a filter in the guarded way that all setters share.
///
/// # Safety
///
/// NULL, or a handle that nobody else uses now.
unsafe fn set(
    subscription: *mut hsm_subscription,
    error_out: *mut *mut hsm_error,
    change: impl FnOnce(&mut Filter) -> Result<(), hsm_error>,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: as the caller promises.
        let subscription = unsafe { input::needed_mut(subscription, "subscription")? };
        let mut filter = subscription.subscription.filter().clone();
        change(&mut filter)?;
        subscription.subscription.set_filter(filter);
        done()
    })
}

/// Hands out events of this kind from now on, and of those that were added before; without any, events of all kinds.
///
/// @param kind  HSM_EVENT_*
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_add_kind(
    subscription: *mut hsm_subscription,
    kind: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(subscription, error_out, |filter| {
            filter.kinds = Some(filter.kinds.unwrap_or_default().with(known(kind)?));
            Ok(())
        })
    }
}

/// Hands out no events of this kind from now on. Where no kind was added before, those of all others are handed out, also of
/// kinds that this library does not know.
///
/// @param kind  HSM_EVENT_*
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_leave_out_kind(
    subscription: *mut hsm_subscription,
    kind: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(subscription, error_out, |filter| {
            filter.kinds = Some(filter.kinds.unwrap_or_else(EventKinds::all).without(known(kind)?));
            Ok(())
        })
    }
}

fn known(kind: i32) -> Result<EventKind, hsm_error> {
    let found = EventKind::ALL.into_iter().find(|known| *known as i32 == kind);
    found.ok_or_else(|| hsm_error::invalid(format!("invalid kind: {kind} is none of its values")))
}

/// Hands out, from now on, only what concerns a dataset: the dataset itself, its keys, and objects that have a key in it
/// when the event is handed out, or had when they were removed. A purge is handed out in any case: what it was of is not
/// known any more. Each object is looked up for it.
///
/// @param dataset  its id; NULL: whatever it concerns
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_set_dataset(
    subscription: *mut hsm_subscription,
    dataset: *const hsm_id,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(subscription, error_out, |filter| {
            filter.dataset = if dataset.is_null() { None } else { Some(id::dataset(dataset, "dataset")?) };
            Ok(())
        })
    }
}

/// Hands out, from now on, only changes that set an attribute or remove it.
///
/// @param name          UTF-8; NULL: whatever changes
/// @param name_length   in bytes; SIZE_MAX: up to the NUL
/// @param value         only where it is set to this value; NULL: however it changes
/// @param value_length  in bytes; SIZE_MAX: up to the NUL; not looked at when value is NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_set_attribute(
    subscription: *mut hsm_subscription,
    name: *const c_char,
    name_length: usize,
    value: *const c_void,
    value_length: usize,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    // SAFETY: as the header says.
    unsafe {
        set(subscription, error_out, |filter| {
            filter.attribute = input::attribute_wanted(name, name_length, value, value_length)?;
            Ok(())
        })
    }
}

/// The next event, waited for if it is not there yet. It is lent until the next call on the subscription, or its free.
/// After an error it may be called again, and goes on where it was.
///
/// @param timeout_ms  how long to wait, in milliseconds; 0: not at all; -1: for as long as it takes
/// @param event_out   the event; written on HSM_STATUS_OK only
/// @return HSM_STATUS_TIMEOUT when none came in time. HSM_STATUS_GAP when events before the next one cannot be had any more:
///         hsm_subscription_gap() says which, and the next call goes on behind them. HSM_STATUS_CLOSED when the store is
///         closed, also meanwhile
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_next(
    subscription: *mut hsm_subscription,
    timeout_ms: i32,
    event_out: *mut *const hsm_event,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed_mut(subscription, "subscription")?;
            output::check_place(event_out, "event_out")?;
            let timeout = input::timeout(timeout_ms)?;
            its.shared.check_quickly(its.forks)?;
            its.gap = None;
            while !its.subscription.next_into(its.lent.next()) {
                scope.enter(&its.shared)?;
                match its.subscription.wait(timeout)? {
                    Waited::Events => {}
                    Waited::Gap(gap) => {
                        its.gap = Some(gap);
                        return Ok(HSM_STATUS_GAP);
                    }
                    Waited::TimedOut => return Ok(HSM_STATUS_TIMEOUT),
                }
            }
            event_out.write(&raw const its.lent);
        }
        done()
    })
}

/// Which changes cannot be had, when hsm_subscription_next() answered HSM_STATUS_GAP last; else zeros. They were dropped: what
/// objects are now is listed by hsm_query_set_changed_after(), from the number before the first of them. Or the store was
/// restored from an earlier state, they never happened in it, and an HSM_EVENT_EPOCH_BEGAN follows.
///
/// @param from_out  the first
/// @param to_out    the last: to be acknowledged when all was caught up
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_gap(
    subscription: *const hsm_subscription,
    from_out: *mut hsm_position,
    to_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let gap = input::needed(subscription, "subscription")?.gap;
            output::check_place(from_out, "from_out")?;
            output::check_place(to_out, "to_out")?;
            from_out.write(gap.map(|gap| gap.from.into()).unwrap_or_default());
            to_out.write(gap.map(|gap| gap.to.into()).unwrap_or_default());
        }
        done()
    })
}

/// The position up to which events were handed out, or passed over since they were not asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_position(
    subscription: *const hsm_subscription,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed(subscription, "subscription")?;
            output::put(position_out, its.subscription.position().into(), "position_out")?;
        }
        done()
    })
}

/// Acknowledges all events up to a position: no later subscription under the name hands them out again. What was acknowledged
/// before and lies behind it stays so. A position behind what was handed out passes over what lies between.
///
/// @param position    NULL: the one that hsm_subscription_position() tells
/// @param durability  HSM_DURABLE: also after a power loss. HSM_RELAXED costs no sync: after a power loss, and only then, it
///                    may be back at the last durable one
/// @return HSM_STATUS_INVALID for a position behind the last durable change, and without a name. After HSM_STATUS_IO the old
///         position or the new one counts
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_ack(
    subscription: *mut hsm_subscription,
    position: *const hsm_position,
    durability: i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed_mut(subscription, "subscription")?;
            scope.enter(&its.shared)?;
            let durability = durability_of(durability)?;
            let position = position.as_ref().map(|position| Position::from(*position));
            its.subscription.ack(position.unwrap_or(its.subscription.position()), durability)?;
        }
        done()
    })
}

/// The position that was acknowledged last.
///
/// @return HSM_STATUS_END for a subscription without a name
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_acked(
    subscription: *const hsm_subscription,
    position_out: *mut hsm_position,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |_| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed(subscription, "subscription")?;
            output::check_place(position_out, "position_out")?;
            let Some(acked) = its.subscription.acked() else { return Ok(HSM_STATUS_END) };
            position_out.write(acked.into());
        }
        done()
    })
}

/// A descriptor for poll(), epoll and the like: it is readable when there may be an event, perhaps without cause. First call
/// hsm_subscription_next() with a timeout of 0 until it answers HSM_STATUS_TIMEOUT, then wait for the descriptor, and so on.
/// It belongs to the subscription: never read from it or close it. It is closed by hsm_subscription_free(). A close of the
/// store does not make it readable.
///
/// @return HSM_STATUS_UNSUPPORTED for a store with its index in memory, and where the system gives no more of them
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_descriptor(
    subscription: *mut hsm_subscription,
    descriptor_out: *mut i32,
    error_out: *mut *mut hsm_error,
) -> hsm_status {
    guard(error_out, |scope| {
        // SAFETY: each NULL or as the header says.
        unsafe {
            let its = input::needed_mut(subscription, "subscription")?;
            scope.enter(&its.shared)?;
            output::check_place(descriptor_out, "descriptor_out")?;
            descriptor_out.write(its.subscription.descriptor()?.as_raw_fd());
        }
        done()
    })
}

/// Frees a subscription, and what it lent. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsm_subscription_free(subscription: *mut hsm_subscription) {
    // SAFETY: NULL, or a handle that was not freed.
    unsafe { output::free(subscription) };
}
