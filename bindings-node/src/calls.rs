//! The calls that JavaScript may cancel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{PromiseRaw, ToNapiValue, within_runtime_if_available};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::promises;
use crate::reply::{Outcome, read};

/// Calls in flight by the number that JavaScript gave them. Clones share it.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<HashMap<u32, oneshot::Sender<()>>>>);

/// A call's entry; gone when the call is over.
struct Entry {
    calls: Calls,
    id: u32,
}

impl Calls {
    /// The number of a call that nobody can cancel.
    const NOT_CANCELLABLE: u32 = 0;

    /// Makes `call` cancellable: the future gives `None` when it was cancelled,
    /// and `call` is then dropped, which ends its request.
    pub fn cancellable<T>(
        &self,
        id: u32,
        call: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static
    where
        T: Send + 'static,
    {
        let registered = (id != Self::NOT_CANCELLABLE).then(|| {
            let (cancel, cancelled) = oneshot::channel();
            self.lock().insert(id, cancel);
            (
                Entry {
                    calls: self.clone(),
                    id,
                },
                cancelled,
            )
        });
        async move {
            match registered {
                None => Some(call.await),
                Some((_entry, cancelled)) => tokio::select! {
                    biased;
                    result = call => Some(result),
                    Ok(()) = cancelled => None,
                },
            }
        }
    }

    /// Starts a call: `begin` makes it of the parameters, which are JSON, and
    /// `finish` makes what JavaScript gets of its outcome.
    pub fn start<'env, P, T, W, A>(
        &self,
        env: &'env Env,
        id: u32,
        params: &str,
        begin: impl FnOnce(P) -> W,
        finish: impl FnOnce(Outcome<T>) -> A + Send + 'static,
    ) -> napi::Result<PromiseRaw<'env, A>>
    where
        P: DeserializeOwned,
        T: Send + 'static,
        W: Future<Output = sessionwire::Result<T>> + Send + 'static,
        A: ToNapiValue + Send + 'static,
    {
        let call = read(params)
            .map(|params| self.cancellable(id, within_runtime_if_available(|| begin(params))));
        promises::spawn(env, async move {
            let outcome = match call {
                Ok(call) => call.await.transpose().map_err(Into::into),
                Err(unreadable) => Err(unreadable),
            };
            finish(outcome)
        })
    }

    /// Cancels a call; one that is over is no error.
    pub fn cancel(&self, id: u32) {
        if let Some(cancel) = self.lock().remove(&id) {
            // The receiver is gone when the call has just ended.
            let _ = cancel.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.id);
    }
}
