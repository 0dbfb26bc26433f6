//! The one way in: every function of the C ABI runs its body through [`guard`].
//!
//! It catches panics, turns errors into a status and an [`hsm_error`], and writes `error_out` on every call.
//! A panic leaves a handle in a state that nobody vouches for, so the store that the call used is *poisoned*:
//! every later call on it, or on what was made from it, answers CLOSED. Nothing is printed.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::error::hsm_error;
use crate::status::{HSM_STATUS_INTERNAL, HSM_STATUS_OK, hsm_status};
use crate::store::Shared;

/// What a body answers: a status that is no error, or an error.
pub(crate) type Answer = Result<hsm_status, hsm_error>;

/// What a call has entered, so that a panic can poison it.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    entered: RefCell<Option<Shared>>,
}

impl Scope {
    /// Notes the store that this call works on, and refuses where it is out of use.
    pub(crate) fn enter(&self, shared: &Shared) -> Result<(), hsm_error> {
        shared.check()?;
        *self.entered.borrow_mut() = Some(shared.clone());
        Ok(())
    }
}

thread_local! {
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the body of a function of the C ABI.
pub(crate) fn guard(error_out: *mut *mut hsm_error, body: impl FnOnce(&Scope) -> Answer) -> hsm_status {
    silence_panics();
    let scope = Scope::default();
    let answer = panic::catch_unwind(AssertUnwindSafe(|| body(&scope)));
    let answer = answer.unwrap_or_else(|payload| {
        if let Some(shared) = scope.entered.take() {
            shared.poison();
        }
        Err(panicked(&*payload))
    });
    let (status, error) = match answer {
        Ok(status) => (status, std::ptr::null_mut()),
        Err(error) => (error.status(), Box::into_raw(Box::new(error))),
    };
    // SAFETY: the caller passes NULL, or a place for one pointer.
    match unsafe { error_out.as_mut() } {
        Some(place) => *place = error,
        // SAFETY: nobody else has seen it.
        None if !error.is_null() => drop(unsafe { Box::from_raw(error) }),
        None => {}
    }
    status
}

/// Runs the body of a free: it answers nothing, and a panic ends with it.
pub(crate) fn guard_free(body: impl FnOnce()) {
    silence_panics();
    let _ = panic::catch_unwind(AssertUnwindSafe(body));
}

/// The answer of a body that did what was asked.
#[allow(clippy::unnecessary_wraps, reason = "it ends a body, whose answer this is")]
pub(crate) fn done() -> Answer {
    Ok(HSM_STATUS_OK)
}

/// The library has a panic hook of its own: the default one prints, and reads the environment.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            #[cfg(feature = "testing")]
            PANICS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let place = info.location().map(ToString::to_string);
            PANICKED_AT.with(|at| *at.borrow_mut() = place);
        }));
    });
}

/// How many panics there were, those included that no call tells of, such as one in a free.
#[cfg(feature = "testing")]
pub(crate) static PANICS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn panicked(payload: &(dyn Any + Send)) -> hsm_error {
    let words = payload
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".to_owned());
    let at = PANICKED_AT.with(RefCell::take).unwrap_or_else(|| "an unknown place".to_owned());
    hsm_error::new(
        HSM_STATUS_INTERNAL,
        format!("a bug in hsm: {words} (at {at}); close the store, open it again, and please report this"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{hsm_error_free, hsm_error_message};
    use crate::status::HSM_STATUS_END;

    #[test]
    fn a_panic_becomes_an_error_that_says_where() {
        let mut error = std::ptr::null_mut();
        let status = guard(&raw mut error, |_| panic!("on purpose"));
        assert_eq!(status, HSM_STATUS_INTERNAL);
        // SAFETY: an error that we own until it is freed.
        let message = unsafe { std::ffi::CStr::from_ptr(hsm_error_message(error)) }.to_str().unwrap();
        assert!(message.contains("on purpose") && message.contains("guard.rs"), "{message}");
        // SAFETY: freed once.
        unsafe { hsm_error_free(error) };
    }

    #[test]
    fn an_answer_that_is_no_error_clears_the_place_for_one() {
        let mut error = std::ptr::dangling_mut();
        assert_eq!(guard(&raw mut error, |_| Ok(HSM_STATUS_END)), HSM_STATUS_END);
        assert!(error.is_null());
    }
}
