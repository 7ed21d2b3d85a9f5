//! Promises that the background settles, all through one handle of the event loop.
//!
//! napi's own makes a handle of the loop for each promise, which costs as much as a small call,
//! and a loop that wakes looks at every handle that it has: of a thousand resting streams, each
//! event costs a thousand looks. Here what is ready waits in a list: the first entry wakes the
//! loop, which then settles all that came meanwhile. The handle keeps the process alive while a
//! promise is open, and no longer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{PromiseRaw, ToNapiValue};
use napi::{Env, Status, check_status, sys};

use crate::first;

/// Runs a future in the background; the promise of what it gives.
pub fn spawn<'env, T>(
    env: &'env Env,
    future: impl Future<Output = T> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, T>>
where
    T: ToNapiValue + Send + 'static,
{
    // One type for all of them: each other would bring a copy of tokio's code for tasks.
    let future: Pin<Box<dyn Future<Output = Value> + Send>> = Box::pin(async move {
        let value = future.await;
        // SAFETY: it is called with the environment of the promise, on its thread.
        let make: Make = Box::new(move |env| unsafe { T::to_napi_value(env, value) });
        Value::Made(make)
    });
    promise(env, Value::Lost, future)
}

/// The promise of a wait's end, which happens in the background. It ends whatever becomes of
/// the wait: who looks sees why.
pub fn wait<'env>(
    env: &'env Env,
    wait: impl Future<Output = ()> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, ()>> {
    promise(env, Value::Undefined, async move {
        wait.await;
        Value::Undefined
    })
}

/// The promise of a future's value; `lost` is that of a future that is dropped.
fn promise<'env, T>(
    env: &'env Env,
    lost: Value,
    future: impl Future<Output = Value> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, T>> {
    let settling = Settling::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is valid, and both results are written before they are read.
    check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
    settling.opened(env)?;
    let open = Open {
        deferred,
        value: lost,
        settling,
    };
    napi::bindgen_prelude::spawn(async move {
        let mut open = open;
        open.value = future.await;
        drop(open);
    });
    Ok(PromiseRaw::new(env.raw(), promise))
}

/// Makes the value that JavaScript gets.
type Make = Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>;

/// What a promise is settled with.
enum Value {
    Undefined,
    Made(Make),
    /// Its future was dropped before it gave a value.
    Lost,
}

impl Value {
    fn of_javascript(self, env: sys::napi_env) -> napi::Result<sys::napi_value> {
        match self {
            Self::Undefined => {
                let mut undefined = ptr::null_mut();
                // SAFETY: `env` is valid, and the result is written before it is read.
                check_status!(unsafe { sys::napi_get_undefined(env, &mut undefined) })?;
                Ok(undefined)
            }
            Self::Made(make) => make(env),
            Self::Lost => Err(napi::Error::new(
                Status::Cancelled,
                "The call was dropped before it ended: the library stops, or it has a fault. \
                 Look whether what you asked for was done before you ask again",
            )),
        }
    }
}

/// A promise that is not settled.
struct Open {
    deferred: sys::napi_deferred,
    value: Value,
    settling: Arc<Settling>,
}

// SAFETY: only the thread of its environment uses the deferred; other threads carry it.
unsafe impl Send for Open {}

impl Drop for Open {
    fn drop(&mut self) {
        self.settling.add(Ended {
            deferred: self.deferred,
            value: std::mem::replace(&mut self.value, Value::Lost),
        });
    }
}

/// A promise that can be settled.
struct Ended {
    deferred: sys::napi_deferred,
    value: Value,
}

impl Ended {
    fn settle(self, env: sys::napi_env) -> napi::Result<()> {
        let value = self.value.of_javascript(env).map_err(|error| {
            // SAFETY: `env` is valid by the caller's promise.
            unsafe { ToNapiValue::to_napi_value(env, error) }
        });
        // SAFETY: `env` is valid, and each deferred is used once.
        let status = unsafe {
            match value {
                Ok(value) => sys::napi_resolve_deferred(env, self.deferred, value),
                Err(reason) => sys::napi_reject_deferred(env, self.deferred, reason?),
            }
        };
        check_status!(status)
    }
}

/// What ended and was not yet told, of one environment.
struct Settling {
    ready: Mutex<Vec<Ended>>,
    /// The loop's handle, for other threads: null once the environment ends. It is locked while
    /// the loop is woken, and so not by what the loop does when it wakes: the two would wait for
    /// each other on one core.
    waking: Mutex<Handle>,
    /// The same for the environment's own thread.
    handle: AtomicPtr<sys::napi_threadsafe_function__>,
    /// Promises that JavaScript was given and that are not settled. Of its own thread.
    open: AtomicUsize,
}

struct Handle(sys::napi_threadsafe_function);

// SAFETY: a thread-safe function may be called from every thread until it is released,
// which happens under the lock, as every call.
unsafe impl Send for Handle {}

// SAFETY: only the thread of its environment uses the deferred; other threads carry it.
unsafe impl Send for Ended {}

thread_local! {
    /// One for each environment of this thread: of each load of the package.
    static OF_ENVIRONMENTS: RefCell<HashMap<usize, Arc<Settling>>> = RefCell::default();
}

impl Settling {
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
        let settling = Arc::new(Self {
            ready: Mutex::default(),
            waking: Mutex::new(Handle(ptr::null_mut())),
            handle: AtomicPtr::default(),
            open: AtomicUsize::new(0),
        });
        let name = env.create_string("sessionwire")?;
        let mut handle = ptr::null_mut();
        let context = Arc::into_raw(settling.clone()).cast_mut().cast();
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
        lock(&settling.waking).0 = handle;
        settling.handle.store(handle, Ordering::Relaxed);
        // SAFETY: `env` and the handle are valid; `ended` gives the box back, once.
        unsafe {
            check_status!(sys::napi_unref_threadsafe_function(raw, handle))?;
            let ending = Box::into_raw(Box::new((raw.addr(), settling.clone())));
            check_status!(sys::napi_add_env_cleanup_hook(
                raw,
                Some(ended),
                ending.cast()
            ))?;
        }
        Ok(settling)
    }

    /// JavaScript has one promise more.
    fn opened(&self, env: &Env) -> napi::Result<()> {
        let handle = self.handle.load(Ordering::Relaxed);
        if self.open.fetch_add(1, Ordering::Relaxed) == 0 && !handle.is_null() {
            // SAFETY: on the environment's thread, and the handle is not released.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), handle) })?;
        }
        Ok(())
    }

    /// Settles a promise soon. From any thread.
    fn add(&self, ended: Ended) {
        let is_first = {
            let mut ready = lock(&self.ready);
            ready.push(ended);
            ready.len() == 1
        };
        if !is_first {
            return;
        }
        if !self.wake() {
            // What nobody gets may have something to undo, such as a session that was created.
            drop(self.take());
        }
    }

    /// Wakes the loop, unless the environment has ended.
    fn wake(&self) -> bool {
        let handle = lock(&self.waking);
        if handle.0.is_null() {
            return false;
        }
        // SAFETY: the handle is not released: that happens under this lock. It takes
        // any number of calls, so this does not wait.
        unsafe {
            sys::napi_call_threadsafe_function(
                handle.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        true
    }

    fn take(&self) -> Vec<Ended> {
        std::mem::take(&mut *lock(&self.ready))
    }

    /// On the environment's own thread.
    fn settle(&self, env: sys::napi_env) {
        // Taken first: what was told before these is there already.
        let ready = self.take();
        first::tell(&Env::from_raw(env));
        let settled = ready.len();
        for ended in ready {
            // It fails where the environment is being torn down, and the promise with it.
            let _ = ended.settle(env);
        }
        let all = self.open.fetch_sub(settled, Ordering::Relaxed) == settled;
        let handle = self.handle.load(Ordering::Relaxed);
        if all && settled > 0 && !handle.is_null() {
            // SAFETY: as in `opened`.
            unsafe { sys::napi_unref_threadsafe_function(env, handle) };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    // SAFETY: the reference that `Settling::new` made lives until `released`.
    let settling = unsafe { &*context.cast::<Settling>() };
    settling.settle(env);
}

/// The loop's handle is gone.
unsafe extern "C" fn released(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the reference that `Settling::new` made; this is called once.
    drop(unsafe { Arc::from_raw(data.cast::<Settling>().cast_const()) });
}

/// The environment ends: nothing is settled any more.
unsafe extern "C" fn ended(data: *mut c_void) {
    // SAFETY: the box that `Settling::new` made; this is called once.
    let ending = unsafe { Box::from_raw(data.cast::<(usize, Arc<Settling>)>()) };
    let (key, settling) = *ending;
    // The thread's own values may be gone already.
    let _ = OF_ENVIRONMENTS.try_with(|known| known.borrow_mut().remove(&key));
    settling.handle.store(ptr::null_mut(), Ordering::Relaxed);
    let handle = std::mem::replace(&mut lock(&settling.waking).0, ptr::null_mut());
    // What nobody gets may have something to undo, such as a session that was created.
    drop(settling.take());
    if !handle.is_null() {
        // SAFETY: nobody calls it from here on: `add` sees that it is null.
        unsafe {
            sys::napi_release_threadsafe_function(handle, sys::ThreadsafeFunctionReleaseMode::abort)
        };
    }
}
