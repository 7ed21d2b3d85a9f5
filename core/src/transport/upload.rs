//! A file on its way to the service: a multipart body that is streamed, never
//! held in memory as a whole.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Notify, mpsc};

use crate::error::{Error, Result};
use crate::runtime;

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;
/// How many chunks wait for the socket.
const CHUNKS_AHEAD: usize = 4;
/// How much of what can be read once is kept, so that it can be sent again.
pub(super) const KEPT: usize = 8 << 20;

/// Where an upload's bytes come from.
#[derive(Debug, Clone)]
pub struct UploadSource(Source);

#[derive(Debug, Clone)]
enum Source {
    Path(PathBuf),
    Bytes(Bytes),
    Channel(Arc<Channel>),
}

/// A source that can be read once: what was read of it is kept while it is little.
#[derive(Debug)]
struct Channel(Mutex<Reader>);

#[derive(Debug)]
struct Reader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// What was read.
    kept: Vec<Bytes>,
    size: usize,
    /// Something was read that is not kept, or nothing more can be read.
    lost: bool,
    /// The newest attempt: an older one gets nothing more.
    attempt: u64,
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, Reader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// The chunk at this place, for this attempt; counts it.
    fn poll_at(
        &mut self,
        attempt: u64,
        at: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if attempt != self.attempt {
            return Poll::Ready(Some(Err(io::Error::other("it is sent again"))));
        }
        let chunk = match self.kept.get(*at) {
            Some(kept) => Poll::Ready(Some(Ok(kept.clone()))),
            None => self.chunks.poll_recv(cx).map(|read| {
                match &read {
                    Some(Ok(chunk)) => self.keep(chunk),
                    Some(Err(_)) => self.forget(),
                    None => {}
                }
                read
            }),
        };
        if matches!(chunk, Poll::Ready(Some(Ok(_)))) {
            *at += 1;
        }
        chunk
    }

    fn keep(&mut self, chunk: &Bytes) {
        self.size = self.size.saturating_add(chunk.len());
        match self.size <= KEPT && !self.lost {
            true => self.kept.push(chunk.clone()),
            false => self.forget(),
        }
    }

    fn forget(&mut self) {
        self.lost = true;
        self.kept = Vec::new();
    }
}

impl UploadSource {
    /// A file. It is read in pieces, and read again for a retry.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Source::Path(path.into()))
    }

    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Source::Bytes(bytes.into()))
    }

    /// What somebody writes bit by bit. It can be read once only, so that such
    /// an upload is repeated as long as no more than 8 MiB of it were sent: that much
    /// is kept.
    pub fn channel() -> (UploadWriter, Self) {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let channel = Channel(Mutex::new(Reader {
            chunks,
            kept: Vec::new(),
            size: 0,
            lost: false,
            attempt: 0,
        }));
        let writer = UploadWriter {
            chunks: Some(sender),
        };
        (writer, Self(Source::Channel(Arc::new(channel))))
    }

    /// What a reader gives, to its end.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (writer, source) = Self::channel();
        if let Some(chunks) = writer.into_sender() {
            runtime::spawn(pump(reader, u64::MAX, chunks));
        }
        source
    }

    /// The name of the file, where it has one.
    pub(crate) fn file_name(&self) -> Option<String> {
        match &self.0 {
            Source::Path(path) => path.file_name()?.to_str().map(str::to_owned),
            Source::Bytes(_) | Source::Channel(_) => None,
        }
    }
}

/// The writing end of [`UploadSource::channel`]. Dropping it without
/// [`finish`](Self::finish) aborts the upload.
#[derive(Debug)]
pub struct UploadWriter {
    chunks: Option<mpsc::Sender<io::Result<Bytes>>>,
}

impl UploadWriter {
    /// Hands on some bytes; waits while the socket is behind. False if the
    /// upload is over already: await it to learn why.
    pub async fn send(&self, bytes: impl Into<Bytes>) -> bool {
        let bytes = bytes.into();
        match &self.chunks {
            Some(chunks) if !bytes.is_empty() => chunks.send(Ok(bytes)).await.is_ok(),
            chunks => chunks.is_some(),
        }
    }

    /// Says that these were all.
    pub fn finish(mut self) {
        self.chunks = None;
    }

    fn into_sender(mut self) -> Option<mpsc::Sender<io::Result<Bytes>>> {
        self.chunks.take()
    }
}

impl Drop for UploadWriter {
    fn drop(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            let gone = io::Error::new(io::ErrorKind::Interrupted, "the upload was given up");
            if let Err(mpsc::error::TrySendError::Full(gone)) = chunks.try_send(Err(gone))
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                runtime.spawn(async move { chunks.send(gone).await });
            }
        }
    }
}

/// How far an upload is. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct UploadProgress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    /// One more than the total; 0 where that is not known.
    total: AtomicU64,
    changed: Notify,
}

impl UploadProgress {
    /// Of an upload that did not begin.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes of the file were handed to the connection. It begins anew
    /// when the upload is repeated.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// How many bytes the file has, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.0.total.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Resolves after the next change.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn begin(&self, total: Option<u64>) {
        let total = total.map_or(0, |total| total.saturating_add(1));
        self.0.total.store(total, Ordering::Relaxed);
        self.0.sent.store(0, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    fn add(&self, count: usize) {
        self.0.sent.fetch_add(count as u64, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

/// A `multipart/form-data` body with one file as its last part.
#[derive(Debug, Clone)]
pub(crate) struct Multipart {
    boundary: String,
    /// Everything before the file's bytes.
    head: Bytes,
    /// Everything after them.
    tail: Bytes,
    source: Source,
    progress: UploadProgress,
}

impl Multipart {
    /// A form of text fields and a file.
    pub(crate) fn new(
        boundary: String,
        fields: &[(&str, &str)],
        file: &FilePart<'_>,
        source: UploadSource,
        progress: UploadProgress,
    ) -> Self {
        let mut head = String::new();
        for (name, value) in fields {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n",
                quoted(name)
            ));
        }
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            quoted(file.field),
            quoted(file.name),
            file.content_type
        ));
        let tail = format!("\r\n--{boundary}--\r\n");
        Self {
            boundary,
            head: head.into(),
            tail: tail.into(),
            source: source.0,
            progress,
        }
    }

    pub(super) fn progress(&self) -> &UploadProgress {
        &self.progress
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary))
            .unwrap_or(HeaderValue::from_static("multipart/form-data"))
    }

    /// Whether the source still has all its bytes.
    pub(super) fn can_be_sent_again(&self) -> bool {
        match &self.source {
            Source::Path(_) | Source::Bytes(_) => true,
            Source::Channel(channel) => !channel.lock().lost,
        }
    }

    /// The body for one attempt.
    pub(super) async fn open(&self) -> Result<reqwest::Body> {
        let (file, length) = match &self.source {
            Source::Path(path) => open_file(path).await?,
            Source::Bytes(bytes) => (Reading::Rest(bytes.clone()), Some(bytes.len() as u64)),
            Source::Channel(channel) => {
                let attempt = {
                    let mut reader = channel.lock();
                    reader.attempt += 1;
                    reader.attempt
                };
                let channel = channel.clone();
                (
                    Reading::Once {
                        channel,
                        attempt,
                        at: 0,
                    },
                    None,
                )
            }
        };
        self.progress.begin(length);
        let around = (self.head.len() + self.tail.len()) as u64;
        Ok(reqwest::Body::wrap(Streaming {
            head: Some(self.head.clone()),
            file,
            tail: Some(self.tail.clone()),
            remaining: length.map(|length| length + around),
            progress: self.progress.clone(),
        }))
    }
}

/// The part of a form that holds the file.
pub(crate) struct FilePart<'a> {
    pub(crate) field: &'a str,
    pub(crate) name: &'a str,
    pub(crate) content_type: &'a str,
}

/// A value between quotes, as forms of web pages escape it.
fn quoted(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Why a file cannot be uploaded, and what to do.
fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "The file {} cannot be uploaded: {error}. Check its path and permissions",
        path.display()
    )
}

/// The same of what is no regular file.
fn irregular(path: &Path, facts: &std::fs::Metadata) -> Option<String> {
    let path = path.display();
    if facts.is_file() {
        None
    } else if facts.is_dir() {
        Some(format!(
            "The file {path} cannot be uploaded: it is a directory, not a regular file. Pass its files, or upload \
             them with `upload_directory`"
        ))
    } else {
        Some(format!(
            "The file {path} cannot be uploaded: it is {}, not a regular file. Pass a regular file, or open it and \
             pass what you read from it",
            kind(facts.file_type())
        ))
    }
}

/// Why a file cannot be uploaded, as far as that can be told without a request.
/// Blocks, as the file system does.
pub(crate) fn problem(path: &Path) -> Option<String> {
    let open = || std::fs::File::open(path).err();
    match std::fs::metadata(path) {
        Ok(facts) => {
            irregular(path, &facts).or_else(|| open().map(|error| unreadable(path, &error)))
        }
        Err(error) => Some(unreadable(path, &error)),
    }
}

async fn open_file(path: &Path) -> Result<(Reading, Option<u64>)> {
    let refuse = |error: io::Error| Error::invalid(unreadable(path, &error));
    // Before it is opened: a pipe that nobody writes to holds a thread for good.
    let facts = tokio::fs::metadata(path).await.map_err(refuse)?;
    if let Some(why) = irregular(path, &facts) {
        return Err(Error::invalid(why));
    }
    let file = tokio::fs::File::open(path).await.map_err(refuse)?;
    let length = file.metadata().await.map_err(refuse)?.len();
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    runtime::spawn(pump(file, length, sender));
    Ok((Reading::Chunks(receiver), Some(length)))
}

/// What a path leads to that is no regular file.
fn kind(file: std::fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if file.is_fifo() {
            return "a named pipe";
        }
        if file.is_socket() {
            return "a socket";
        }
        if file.is_char_device() || file.is_block_device() {
            return "a device";
        }
    }
    let _ = file;
    "something else"
}

/// Reads to the end or the limit, as long as somebody takes the chunks.
async fn pump(reader: impl AsyncRead + Unpin, limit: u64, chunks: mpsc::Sender<io::Result<Bytes>>) {
    let mut reader = reader.take(limit);
    loop {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
        let read = reader.read_buf(&mut chunk).await;
        let last = !matches!(read, Ok(count) if count > 0);
        let sent = match read {
            Ok(0) => return,
            Ok(_) => chunks.send(Ok(chunk.freeze())).await,
            Err(error) => chunks.send(Err(error)).await,
        };
        if last || sent.is_err() {
            return;
        }
    }
}

/// The bytes of the file that are still to be sent.
enum Reading {
    Rest(Bytes),
    Chunks(mpsc::Receiver<io::Result<Bytes>>),
    /// What is kept of it, then what is still to come.
    Once {
        channel: Arc<Channel>,
        attempt: u64,
        at: usize,
    },
}

impl Reading {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Rest(rest) if rest.is_empty() => Poll::Ready(None),
            Self::Rest(rest) => Poll::Ready(Some(Ok(rest.split_to(rest.len().min(CHUNK))))),
            Self::Chunks(chunks) => chunks.poll_recv(cx),
            Self::Once {
                channel,
                attempt,
                at,
            } => channel.lock().poll_at(*attempt, at, cx),
        }
    }
}

/// One attempt's body: head, file, tail.
struct Streaming {
    head: Option<Bytes>,
    file: Reading,
    tail: Option<Bytes>,
    /// Bytes to come, where that is known.
    remaining: Option<u64>,
    progress: UploadProgress,
}

impl Streaming {
    fn frame(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(head) = self.head.take() {
            return self.frame(head);
        }
        match self.file.poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                self.progress.add(bytes.len());
                self.frame(bytes)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => match self.tail.take() {
                Some(tail) => self.frame(tail),
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
