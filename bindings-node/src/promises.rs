//! Promises that the background settles, all through one handle of the event loop.
//!
//! napi's own makes a handle of the loop for each promise, and wakes the loop for each.
//! Here what is settled waits in a list: the first entry wakes the loop, which then
//! settles all that came meanwhile. The handle keeps the process alive while a promise
//! is open, and no longer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{JsError, PromiseRaw, ToNapiValue};
use napi::{Env, Error, Status, check_status, sys};

/// Runs a future in the background; the promise of what it gives.
pub fn spawn<'env, T>(
    env: &'env Env,
    future: impl Future<Output = T> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, T>>
where
    T: ToNapiValue + Send + 'static,
{
    let settlements = Settlements::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is valid, and both results are written before they are read.
    check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
    settlements.opened(env)?;
    let open = Open {
        deferred: Deferred(deferred),
        settlements: Some(settlements),
    };
    // Dropped with the future where that ends without a value.
    napi::bindgen_prelude::spawn(async move { open.settle(future.await) });
    Ok(PromiseRaw::new(env.raw(), promise))
}

/// The end of a promise that is not settled.
struct Deferred(sys::napi_deferred);

// SAFETY: only the thread of its environment uses it; other threads carry it.
unsafe impl Send for Deferred {}

/// A promise that is not settled.
struct Open {
    deferred: Deferred,
    settlements: Option<Arc<Settlements>>,
}

impl Open {
    fn settle<T: ToNapiValue + Send + 'static>(mut self, value: T) {
        if let Some(settlements) = self.settlements.take() {
            let deferred = Deferred(self.deferred.0);
            settlements.add(Box::new(move |env| deferred.settle(env, Ok(value))));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A panic, or the end of the runtime.
        if let Some(settlements) = self.settlements.take() {
            let deferred = Deferred(self.deferred.0);
            let lost = Error::new(
                Status::GenericFailure,
                "A call ended without a result. This is a fault of sessionwire: please report it",
            );
            settlements.add(Box::new(move |env| deferred.settle::<()>(env, Err(lost))));
        }
    }
}

impl Deferred {
    /// Settles the promise. On the thread of its environment.
    fn settle<T: ToNapiValue>(self, env: sys::napi_env, outcome: napi::Result<T>) {
        let value = outcome.and_then(|value| {
            // SAFETY: `env` is valid while the loop calls back.
            unsafe { T::to_napi_value(env, value) }
        });
        // SAFETY: as above; each deferred is used once. An environment that is being
        // torn down refuses, and its promise is gone with it.
        unsafe {
            match value {
                Ok(value) => sys::napi_resolve_deferred(env, self.0, value),
                Err(error) => sys::napi_reject_deferred(env, self.0, thrown_or(env, error)),
            }
        };
    }
}

/// The exception that is pending, or the error as one.
///
/// # Safety
/// `env` is valid, and its thread calls.
unsafe fn thrown_or(env: sys::napi_env, error: Error) -> sys::napi_value {
    let (mut is_pending, mut thrown) = (false, ptr::null_mut());
    // SAFETY: the caller's promise; the results are written where the status is ok.
    unsafe {
        if sys::napi_is_exception_pending(env, &mut is_pending) == sys::Status::napi_ok
            && is_pending
            && sys::napi_get_and_clear_last_exception(env, &mut thrown) == sys::Status::napi_ok
        {
            return thrown;
        }
        JsError::from(error).into_value(env)
    }
}

type Settlement = Box<dyn FnOnce(sys::napi_env) + Send>;

/// What is settled and what was not yet told, of one environment.
struct Settlements(Mutex<State>);

struct State {
    /// The loop's handle; null once the environment ends.
    handle: sys::napi_threadsafe_function,
    ready: Vec<Settlement>,
    /// Promises that JavaScript was given and that are not settled.
    open: usize,
}

// SAFETY: a thread-safe function may be called from every thread until it is released,
// which happens under the lock, as every call.
unsafe impl Send for State {}

thread_local! {
    /// One for each environment of this thread: of each load of the package.
    static OF_ENVIRONMENTS: RefCell<HashMap<usize, Arc<Settlements>>> = RefCell::default();
}

impl Settlements {
    fn of(env: &Env) -> napi::Result<Arc<Self>> {
        let key = env.raw().addr();
        OF_ENVIRONMENTS.with_borrow_mut(|known| {
            if let Some(known) = known.get(&key) {
                return Ok(known.clone());
            }
            let new = Self::new(env)?;
            known.insert(key, new.clone());
            Ok(new)
        })
    }

    fn new(env: &Env) -> napi::Result<Arc<Self>> {
        let raw = env.raw();
        let settlements = Arc::new(Self(Mutex::new(State {
            handle: ptr::null_mut(),
            ready: Vec::new(),
            open: 0,
        })));
        let name = env.create_string("sessionwire")?;
        let mut handle = ptr::null_mut();
        let context = Arc::into_raw(settlements.clone()).cast_mut().cast();
        // SAFETY: `env` is valid. The context is a reference of its own, which
        // `released` gives back when nothing calls `settle_ready` any more.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                raw,
                ptr::null_mut(),
                ptr::null_mut(),
                napi::JsValue::raw(&name),
                0,
                1,
                context,
                Some(released),
                context,
                Some(settle_ready),
                &mut handle,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: made above, and nobody else has it.
            drop(unsafe { Arc::from_raw(context.cast::<Self>().cast_const()) });
            check_status!(status)?;
        }
        settlements.lock().handle = handle;
        // SAFETY: `env` and the handle are valid; `ended` gives the box back, once.
        unsafe {
            check_status!(sys::napi_unref_threadsafe_function(raw, handle))?;
            let ending = Box::into_raw(Box::new((raw.addr(), settlements.clone())));
            check_status!(sys::napi_add_env_cleanup_hook(
                raw,
                Some(ended),
                ending.cast()
            ))?;
        }
        Ok(settlements)
    }

    /// JavaScript has one promise more.
    fn opened(&self, env: &Env) -> napi::Result<()> {
        let mut state = self.lock();
        if state.open == 0 && !state.handle.is_null() {
            // SAFETY: on the environment's thread, and the handle is not released.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), state.handle) })?;
        }
        state.open += 1;
        Ok(())
    }

    /// Settles a promise soon. From any thread.
    fn add(&self, settlement: Settlement) {
        let mut state = self.lock();
        if state.handle.is_null() {
            return;
        }
        state.ready.push(settlement);
        if state.ready.len() == 1 {
            // SAFETY: the handle is not released: that happens under this lock. It takes
            // any number of calls, so this does not wait.
            unsafe {
                sys::napi_call_threadsafe_function(
                    state.handle,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    fn settle(&self, env: sys::napi_env) {
        crate::log::deliver(&Env::from_raw(env));
        let ready = std::mem::take(&mut self.lock().ready);
        let count = ready.len();
        for settlement in ready {
            // A panic must not cross the border; the promise stays open then.
            let _ = catch_unwind(AssertUnwindSafe(|| settlement(env)));
        }
        let mut state = self.lock();
        state.open -= count;
        if state.open == 0 && !state.handle.is_null() {
            // SAFETY: as in `opened`.
            unsafe { sys::napi_unref_threadsafe_function(env, state.handle) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loop was woken: settles what is ready.
unsafe extern "C" fn settle_ready(
    env: sys::napi_env,
    _function: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    // Without an environment it is being torn down.
    if env.is_null() {
        return;
    }
    // SAFETY: the reference that `Settlements::new` made lives until `released`.
    let settlements = unsafe { &*context.cast::<Settlements>() };
    settlements.settle(env);
}

/// The loop's handle is gone.
unsafe extern "C" fn released(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the reference that `Settlements::new` made; this is called once.
    drop(unsafe { Arc::from_raw(data.cast::<Settlements>().cast_const()) });
}

/// The environment ends: nothing is settled any more.
unsafe extern "C" fn ended(data: *mut c_void) {
    // SAFETY: the box that `Settlements::new` made; this is called once.
    let ending = unsafe { Box::from_raw(data.cast::<(usize, Arc<Settlements>)>()) };
    let (key, settlements) = *ending;
    // The thread's own values may be gone already.
    let _ = OF_ENVIRONMENTS.try_with(|known| known.borrow_mut().remove(&key));
    let (handle, ready) = {
        let mut state = settlements.lock();
        let handle = std::mem::replace(&mut state.handle, ptr::null_mut());
        (handle, std::mem::take(&mut state.ready))
    };
    drop(ready);
    if !handle.is_null() {
        // SAFETY: nobody calls it from here on: `add` sees that it is null.
        unsafe {
            sys::napi_release_threadsafe_function(handle, sys::ThreadsafeFunctionReleaseMode::abort)
        };
    }
}
