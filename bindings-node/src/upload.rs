//! A file on its way to the service.

use std::sync::{Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw, Uint8Array};
use napi_derive::napi;
use serde::Deserialize;
use sessionwire::Result;
use sessionwire::raccoon::{self, UploadProgress, UploadSource, UploadWriter, UploadedFile};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::promises;
use crate::reply::ErrorInfo;

/// What is uploaded, and where from: a path, else bytes, else a channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadParams {
    pub upload: raccoon::Upload,
    path: Option<String>,
}

impl UploadParams {
    pub fn source(
        &self,
        bytes: Option<&[u8]>,
        channel: Option<&UploadChannel>,
    ) -> Option<UploadSource> {
        if let Some(path) = &self.path {
            return Some(UploadSource::path(path));
        }
        if let Some(bytes) = bytes {
            return Some(UploadSource::bytes(bytes.to_vec()));
        }
        channel?.lock().source.take()
    }
}

type Outcome = Option<Result<UploadedFile>>;

/// An upload that runs. When JavaScript drops it, it is given up.
#[napi]
pub struct Upload {
    progress: UploadProgress,
    outcome: watch::Receiver<Outcome>,
    task: JoinHandle<()>,
}

impl Upload {
    /// Must be called inside the runtime.
    pub fn start<F>(upload: impl FnOnce(UploadProgress) -> F) -> Self
    where
        F: Future<Output = Result<UploadedFile>> + Send + 'static,
    {
        let progress = UploadProgress::new();
        let (sender, outcome) = watch::channel(None);
        let running = upload(progress.clone());
        let task = tokio::spawn(async move {
            sender.send_replace(Some(running.await));
        });
        Self {
            progress,
            outcome,
            task,
        }
    }
}

#[napi]
impl Upload {
    /// Bytes of the file that were handed to the connection.
    #[napi(getter, catch_unwind)]
    #[allow(clippy::cast_precision_loss)] // No file has 2^53 bytes.
    pub fn sent(&self) -> f64 {
        self.progress.sent() as f64
    }

    /// Bytes of the file, where that is known.
    #[napi(getter, catch_unwind)]
    #[allow(clippy::cast_precision_loss)]
    pub fn total(&self) -> Option<f64> {
        self.progress.total().map(|total| total as f64)
    }

    /// What became of it; null while it runs.
    #[napi(catch_unwind, ts_return_type = "string | ErrorInfo | null")]
    pub fn outcome(&self) -> Option<Either<String, ErrorInfo>> {
        let outcome = self.outcome.borrow();
        outcome.as_ref().map(|outcome| match outcome {
            Ok(file) => match serde_json::to_string(file) {
                Ok(json) => Either::A(json),
                Err(error) => Either::B(ErrorInfo::unreadable(&error)),
            },
            Err(error) => Either::B(error.clone().into()),
        })
    }

    /// Resolves after the next progress, or when it is over.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn changed<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let progress = self.progress.clone();
        let mut outcome = self.outcome.clone();
        promises::spawn(env, async move {
            tokio::select! {
                () = progress.changed() => {}
                // An error says that the task is gone: then there is nothing to wait for either.
                _ = outcome.wait_for(Option::is_some) => {}
            }
        })
    }

    /// Resolves when it is over.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn over<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let mut outcome = self.outcome.clone();
        promises::spawn(env, async move {
            let _ = outcome.wait_for(Option::is_some).await;
        })
    }

    /// Gives it up.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.task.abort();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The bytes of an upload, bit by bit. Dropping it before `finish` aborts the upload.
#[napi]
pub struct UploadChannel {
    ends: Mutex<Ends>,
}

struct Ends {
    writer: Option<std::sync::Arc<UploadWriter>>,
    source: Option<UploadSource>,
}

impl UploadChannel {
    fn lock(&self) -> std::sync::MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[napi]
impl UploadChannel {
    /// A new one.
    #[napi(catch_unwind)]
    pub fn open() -> Self {
        let (writer, source) = UploadSource::channel();
        Self {
            ends: Mutex::new(Ends {
                writer: Some(std::sync::Arc::new(writer)),
                source: Some(source),
            }),
        }
    }

    /// Hands bytes on; false: the upload is over.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        bytes: Uint8Array,
    ) -> napi::Result<PromiseRaw<'env, bool>> {
        let writer = self.lock().writer.clone();
        let bytes = bytes.to_vec();
        promises::spawn(env, async move {
            match writer {
                Some(writer) => writer.send(bytes).await,
                None => false,
            }
        })
    }

    /// Says that these were all. No `write` may be under way.
    #[napi(catch_unwind)]
    pub fn finish(&self) {
        let writer = self.lock().writer.take();
        if let Some(writer) = writer.and_then(std::sync::Arc::into_inner) {
            writer.finish();
        }
    }

    /// Gives the upload up.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.lock().writer = None;
    }
}
