//! Promises that many streams wait for at once, all through one handle of the event loop.
//!
//! napi's own makes a handle of the loop for each promise, and a loop that wakes looks at every
//! handle that it has: of a thousand resting streams, each event costs a thousand looks. Here
//! what is ready waits in a list: the first entry wakes the loop, which then settles all that
//! came meanwhile. The handle keeps the process alive while a promise is open, and no longer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{PromiseRaw, spawn};
use napi::{Env, check_status, sys};

/// The promise of a wait's end, which happens in the background.
pub fn promise<'env>(
    env: &'env Env,
    wait: impl Future<Output = ()> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, ()>> {
    let waits = Waits::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is valid, and both results are written before they are read.
    check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
    waits.opened(env)?;
    let open = Open {
        deferred: Deferred(deferred),
        waits,
    };
    spawn(async move {
        // It ends the promise whatever becomes of the wait: who looks sees why.
        let _open = open;
        wait.await;
    });
    Ok(PromiseRaw::new(env.raw(), promise))
}

/// The end of a promise that is not settled.
#[derive(Clone, Copy)]
struct Deferred(sys::napi_deferred);

// SAFETY: only the thread of its environment uses it; other threads carry it.
unsafe impl Send for Deferred {}

/// A promise that is not settled.
struct Open {
    deferred: Deferred,
    waits: Arc<Waits>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.waits.add(self.deferred);
    }
}

/// What ended and was not yet told, of one environment.
struct Waits(Mutex<State>);

struct State {
    /// The loop's handle; null once the environment ends.
    handle: sys::napi_threadsafe_function,
    ready: Vec<Deferred>,
    /// Promises that JavaScript was given and that are not settled.
    open: usize,
}

// SAFETY: a thread-safe function may be called from every thread until it is released,
// which happens under the lock, as every call.
unsafe impl Send for State {}

thread_local! {
    /// One for each environment of this thread: of each load of the package.
    static OF_ENVIRONMENTS: RefCell<HashMap<usize, Arc<Waits>>> = RefCell::default();
}

impl Waits {
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
        let waits = Arc::new(Self(Mutex::new(State {
            handle: ptr::null_mut(),
            ready: Vec::new(),
            open: 0,
        })));
        let name = env.create_string("sessionwire")?;
        let mut handle = ptr::null_mut();
        let context = Arc::into_raw(waits.clone()).cast_mut().cast();
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
        waits.lock().handle = handle;
        // SAFETY: `env` and the handle are valid; `ended` gives the box back, once.
        unsafe {
            check_status!(sys::napi_unref_threadsafe_function(raw, handle))?;
            let ending = Box::into_raw(Box::new((raw.addr(), waits.clone())));
            check_status!(sys::napi_add_env_cleanup_hook(
                raw,
                Some(ended),
                ending.cast()
            ))?;
        }
        Ok(waits)
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
    fn add(&self, deferred: Deferred) {
        let mut state = self.lock();
        if state.handle.is_null() {
            return;
        }
        state.ready.push(deferred);
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

    fn settle(&self, env: sys::napi_env) -> napi::Result<()> {
        let ready = std::mem::take(&mut self.lock().ready);
        let mut undefined = ptr::null_mut();
        // SAFETY: `env` is valid while the loop calls back; each deferred is used once.
        unsafe {
            check_status!(sys::napi_get_undefined(env, &mut undefined))?;
            for deferred in &ready {
                check_status!(sys::napi_resolve_deferred(env, deferred.0, undefined))?;
            }
        }
        let mut state = self.lock();
        state.open -= ready.len();
        if state.open == 0 && !state.handle.is_null() {
            // SAFETY: as in `opened`.
            unsafe { sys::napi_unref_threadsafe_function(env, state.handle) };
        }
        Ok(())
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
    // SAFETY: the reference that `Waits::new` made lives until `released`.
    let waits = unsafe { &*context.cast::<Waits>() };
    // It fails where the environment is being torn down, and the promises with it.
    let _ = waits.settle(env);
}

/// The loop's handle is gone.
unsafe extern "C" fn released(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the reference that `Waits::new` made; this is called once.
    drop(unsafe { Arc::from_raw(data.cast::<Waits>().cast_const()) });
}

/// The environment ends: nothing is settled any more.
unsafe extern "C" fn ended(data: *mut c_void) {
    // SAFETY: the box that `Waits::new` made; this is called once.
    let ending = unsafe { Box::from_raw(data.cast::<(usize, Arc<Waits>)>()) };
    let (key, waits) = *ending;
    // The thread's own values may be gone already.
    let _ = OF_ENVIRONMENTS.try_with(|known| known.borrow_mut().remove(&key));
    let handle = std::mem::replace(&mut waits.lock().handle, ptr::null_mut());
    if !handle.is_null() {
        // SAFETY: nobody calls it from here on: `add` sees that it is null.
        unsafe {
            sys::napi_release_threadsafe_function(handle, sys::ThreadsafeFunctionReleaseMode::abort)
        };
    }
}
