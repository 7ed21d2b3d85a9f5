//! The browser of one session: a Chromium that starts when it is needed, or the built-in page view.

use super::choice::Plan;
use super::devtools::Failure;
use super::error::BrowserError;
use super::pool::{Browsers, MOST};
use super::profile::SavedProfile;
use super::running::{Picture, Running, can_show, read};
use crate::page::Page;
use crate::screenshot;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The browser of one session.
#[derive(Debug)]
pub(crate) struct SessionBrowser {
    browsers: Arc<Browsers>,
    session_id: String,
    state: AsyncMutex<State>,
    /// A Chromium serves, or will.
    real: AtomicBool,
    /// A Chromium runs.
    running: AtomicBool,
    /// The session is deleted.
    closed: CancellationToken,
    /// A hash of the last picture that [`Self::changed`] saw.
    seen: AtomicU64,
}

#[derive(Debug)]
enum State {
    Waiting(SavedProfile),
    Running(Box<Running>),
    Builtin(SavedProfile),
    Closed,
}

impl SessionBrowser {
    pub(crate) fn new(browsers: &Arc<Browsers>, session_id: &str, left: SavedProfile) -> Self {
        let real = browsers.plan != Plan::Builtin;
        Self {
            browsers: browsers.clone(),
            session_id: session_id.to_owned(),
            state: AsyncMutex::new(if real {
                State::Waiting(left)
            } else {
                State::Builtin(left)
            }),
            real: AtomicBool::new(real),
            running: AtomicBool::new(false),
            closed: CancellationToken::new(),
            seen: AtomicU64::new(0),
        }
    }

    /// What serves: `chromium` or `builtin`.
    pub(crate) fn name(&self) -> &'static str {
        if self.real.load(Ordering::Acquire) {
            "chromium"
        } else {
            "builtin"
        }
    }

    /// Opens an address; where there is no page, the page says why.
    pub(crate) async fn open(&self, url: &Url) -> Result<Page, BrowserError> {
        if can_show(url.as_str()) {
            let opening = self.with_chromium(async |running: &mut Running| running.open(url).await);
            if let Some(page) = opening.await? {
                return Ok(page);
            }
        }
        self.unless_closed(Page::open(&self.browsers.web, url))
            .await
    }

    /// What the tab shows now, if it shows this page in a Chromium that runs.
    pub(crate) async fn reread(&self, page: &Page) -> Result<Option<Page>, BrowserError> {
        if !self.runs() {
            return Ok(None);
        }
        self.with_chromium(async |running: &mut Running| {
            if running.shows != page.url {
                return Ok(None);
            }
            let document = running.chromium.document().await?;
            let page = read(document, &page.url).await;
            running.shows.clone_from(&page.url);
            Ok(Some(page))
        })
        .await
        .map(Option::flatten)
    }

    /// The picture of the session's page.
    pub(crate) async fn picture(&self, page: &Page) -> Result<Picture, BrowserError> {
        // The first, empty page is the emulator's own; no browser starts for it.
        if can_show(&page.url) {
            let taking =
                self.with_chromium(async |running: &mut Running| running.picture(page).await);
            if let Some(picture) = taking.await? {
                return Ok(picture);
            }
        }
        let page = page.clone();
        let drawing = tokio::task::spawn_blocking(move || Picture {
            jpeg: screenshot::jpeg(&page),
            url: page.url,
            title: page.title,
        });
        drawing.await.map_err(|error| {
            tracing::error!(%error, "drawing a picture failed");
            BrowserError::Unusable("Internal error".to_owned())
        })
    }

    /// Whether a Chromium runs.
    pub(crate) fn runs(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// The picture, if it is not the one of the last call.
    pub(crate) async fn changed(&self, page: &Page) -> Option<Picture> {
        let picture = self.picture(page).await.ok()?;
        let mut hasher = DefaultHasher::new();
        (&picture.jpeg, &picture.url, &picture.title).hash(&mut hasher);
        let hash = hasher.finish();
        (self.seen.swap(hash, Ordering::AcqRel) != hash).then_some(picture)
    }

    /// Ends the browser.
    pub(crate) async fn close(&self) {
        self.closed.cancel();
        let state = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        self.running.store(false, Ordering::Release);
        if let State::Running(running) = state {
            running.chromium.close().await;
        }
    }

    /// Ends the browser, and keeps its profile; `page` becomes what it showed last.
    pub(crate) async fn save(&self, page: &mut Page) -> SavedProfile {
        self.closed.cancel();
        let state = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        self.running.store(false, Ordering::Release);
        match state {
            State::Waiting(left) | State::Builtin(left) => left,
            State::Closed => SavedProfile::default(),
            State::Running(running) => {
                if let Ok((url, title)) = running.place(page).await {
                    (page.url, page.title) = (url, title);
                }
                SavedProfile(Some(Arc::new(running.chromium.save().await)))
            }
        }
    }

    /// Runs `work` on the session's Chromium, which is started if need be; `None`: the built-in page view serves.
    async fn with_chromium<T>(
        &self,
        work: impl AsyncFnOnce(&mut Running) -> Result<T, Failure>,
    ) -> Result<Option<T>, BrowserError> {
        let working = async {
            let mut state = self.state.lock().await;
            if !self.start(&mut state).await? {
                return Ok(None);
            }
            let State::Running(running) = &mut *state else {
                return Err(BrowserError::Closed);
            };
            match work(running).await {
                Ok(done) => Ok(Some(done)),
                Err(failure) => {
                    self.lost(&mut state, &failure).await?;
                    Ok(None)
                }
            }
        };
        self.unless_closed(working).await?
    }

    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> Result<T, BrowserError> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(BrowserError::Closed),
            done = work => Ok(done),
        }
    }

    /// Makes sure that a Chromium runs; false: the built-in page view serves.
    async fn start(&self, state: &mut State) -> Result<bool, BrowserError> {
        if let State::Running(running) = &*state
            && running.chromium.is_broken()
        {
            self.lost(
                state,
                &Failure::Gone("Chromium ended unexpectedly".to_owned()),
            )
            .await?;
        }
        let left = match state {
            State::Running(_) => return Ok(true),
            State::Builtin(_) => return Ok(false),
            State::Closed => return Err(BrowserError::Closed),
            State::Waiting(left) => left.clone(),
        };
        let Plan::Chromium { program, forced } = &self.browsers.plan else {
            return Ok(false);
        };
        let failure = match self.browsers.slots.clone().try_acquire_owned() {
            Err(_) => format!("{MOST} Chromiums run already"),
            Ok(slot) => match self.browsers.start(program, left.0, Some(slot)).await {
                Err(failure) => failure.to_string(),
                Ok(chromium) => {
                    tracing::info!(
                        session_id = self.session_id,
                        browser = "chromium",
                        version = chromium.version(),
                        "a Chromium serves the session"
                    );
                    let shows = String::new();
                    *state = State::Running(Box::new(Running { chromium, shows }));
                    self.running.store(true, Ordering::Release);
                    return Ok(true);
                }
            },
        };
        if *forced {
            return Err(BrowserError::Unusable(format!(
                "{failure}; delete a session, or start the emulator with the browser `auto`"
            )));
        }
        self.give_up(state, &failure);
        Ok(false)
    }

    /// The Chromium crashed or hangs: the built-in page view takes over where it may, else the next one starts afresh.
    async fn lost(&self, state: &mut State, failure: &Failure) -> Result<(), BrowserError> {
        self.running.store(false, Ordering::Release);
        let left = match std::mem::replace(state, State::Closed) {
            State::Running(running) => {
                SavedProfile(Some(Arc::new(running.chromium.salvage().await)))
            }
            State::Waiting(left) | State::Builtin(left) => left,
            State::Closed => return Err(BrowserError::Closed),
        };
        *state = State::Waiting(left);
        if let Plan::Chromium { forced: true, .. } = self.browsers.plan {
            return Err(BrowserError::Unusable(format!("{failure}; try again")));
        }
        self.give_up(state, &failure.to_string());
        Ok(())
    }

    fn give_up(&self, state: &mut State, reason: &str) {
        let session_id = &self.session_id;
        tracing::warn!(
            session_id,
            browser = "builtin",
            reason,
            "the built-in page view serves the session"
        );
        self.real.store(false, Ordering::Release);
        if let State::Waiting(left) = state {
            *state = State::Builtin(std::mem::take(left));
        }
    }
}
