//! The browser of a session: a Chromium of its own, or the built-in page view.
//!
//! A Chromium starts when it is first needed: when a page is opened, or when somebody looks at one that was only named
//! so far (by a script's `start_url`, or by a snapshot). It has a profile folder of its own in the emulator's temporary
//! folder and goes with its session. At most [`MOST`] run at a time.

mod choice;
mod chromium;
mod devtools;
mod folder;
mod profile;
mod tab;

pub use choice::Browser;

use crate::page::Page;
use crate::screenshot;
use crate::state::lock;
use crate::web::{Fetched, Web};
use choice::Plan;
use chromium::{Chromium, Document, Opened};
use devtools::Failure;
use folder::Root;
use profile::Profile;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The most Chromiums of one emulator at a time.
pub(crate) const MOST: usize = 8;

/// What the browsers of an emulator share.
#[derive(Debug)]
pub(crate) struct Browsers {
    plan: Plan,
    slots: Arc<Semaphore>,
    /// Made for the first Chromium.
    root: Mutex<Option<Arc<Root>>>,
}

impl Browsers {
    /// Settles what serves; the error says what to do.
    pub(crate) async fn new(choice: Browser, program: Option<&Path>) -> Result<Self, String> {
        let browsers = Self {
            plan: Plan::new(choice, program)?,
            slots: Arc::new(Semaphore::new(MOST)),
            root: Mutex::default(),
        };
        if let Plan::Chromium { program, forced } = &browsers.plan {
            if *forced {
                browsers.try_out(program).await?;
            }
            let program = program.display();
            tracing::info!(browser = "chromium", %program, "pages are opened in Chromium");
        }
        Ok(browsers)
    }

    /// The program of the Chromium that serves; `None`: the built-in page view does.
    pub(crate) fn program(&self) -> Option<&Path> {
        match &self.plan {
            Plan::Builtin => None,
            Plan::Chromium { program, .. } => Some(program),
        }
    }

    async fn try_out(&self, program: &Path) -> Result<(), String> {
        let started = self.start(program, None, None).await;
        let chromium = started.map_err(|failure| {
            format!(
                "{failure}. Check that {} runs headless for this user, or choose the browser `builtin`",
                program.display()
            )
        })?;
        chromium.close().await;
        Ok(())
    }

    async fn start(
        &self,
        program: &Path,
        profile: Option<Arc<Profile>>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<Chromium, Failure> {
        let root = self.root().map_err(|error| {
            let place = std::env::temp_dir();
            let place = place.display();
            Failure::Gone(format!("no folder can be made in {place}: {error}"))
        })?;
        Chromium::start(program, &root, profile, slot).await
    }

    fn root(&self) -> std::io::Result<Arc<Root>> {
        let mut root = lock(&self.root);
        match &*root {
            Some(root) => Ok(root.clone()),
            None => Ok(root.insert(Root::new()?).clone()),
        }
    }

    /// Lets go of the temporary folder; it goes with the last browser and snapshot.
    pub(crate) fn close(&self) {
        lock(&self.root).take();
    }
}

/// What a browser leaves behind for a later session: its profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left(Option<Arc<Profile>>);

/// Why there is no page and no picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The session is deleted.
    Closed,
    /// The Chromium that must serve does not; what happened and what to do.
    Unusable(String),
}

/// What a browser shows.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) jpeg: Vec<u8>,
    pub(crate) url: String,
    pub(crate) title: String,
}

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
    Waiting(Left),
    Running(Box<Running>),
    Builtin(Left),
    Closed,
}

#[derive(Debug)]
struct Running {
    chromium: Chromium,
    /// The address of the session's page that its tab shows.
    shows: String,
}

impl SessionBrowser {
    pub(crate) fn new(browsers: &Arc<Browsers>, session_id: &str, left: Left) -> Self {
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
    pub(crate) async fn open(&self, web: &Web, url: &Url) -> Result<Page, Trouble> {
        if can_show(url.as_str()) {
            let opening = self.with_chromium(async |running: &mut Running| running.open(url).await);
            if let Some(page) = opening.await? {
                return Ok(page);
            }
        }
        self.unless_closed(Page::open(web, url)).await
    }

    /// What the tab shows now, if it shows this page in a Chromium that runs.
    pub(crate) async fn reread(&self, page: &Page) -> Result<Option<Page>, Trouble> {
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
    pub(crate) async fn picture(&self, page: &Page) -> Result<Picture, Trouble> {
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
            Trouble::Unusable("Internal error".to_owned())
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
    pub(crate) async fn save(&self, page: &mut Page) -> Left {
        self.closed.cancel();
        let state = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        self.running.store(false, Ordering::Release);
        match state {
            State::Waiting(left) | State::Builtin(left) => left,
            State::Closed => Left::default(),
            State::Running(running) => {
                if let Ok((url, title)) = running.place(page).await {
                    (page.url, page.title) = (url, title);
                }
                Left(Some(Arc::new(running.chromium.save().await)))
            }
        }
    }

    /// Runs `work` on the session's Chromium, which is started if need be; `None`: the built-in page view serves.
    async fn with_chromium<T>(
        &self,
        work: impl AsyncFnOnce(&mut Running) -> Result<T, Failure>,
    ) -> Result<Option<T>, Trouble> {
        let working = async {
            let mut state = self.state.lock().await;
            if !self.start(&mut state).await? {
                return Ok(None);
            }
            let State::Running(running) = &mut *state else {
                return Err(Trouble::Closed);
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

    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(Trouble::Closed),
            done = work => Ok(done),
        }
    }

    /// Makes sure that a Chromium runs; false: the built-in page view serves.
    async fn start(&self, state: &mut State) -> Result<bool, Trouble> {
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
            State::Closed => return Err(Trouble::Closed),
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
            return Err(Trouble::Unusable(format!(
                "{failure}; delete a session, or start the emulator with the browser `auto`"
            )));
        }
        self.give_up(state, &failure);
        Ok(false)
    }

    /// The Chromium crashed or hangs: the built-in page view takes over where it may, else the next one starts afresh.
    async fn lost(&self, state: &mut State, failure: &Failure) -> Result<(), Trouble> {
        self.running.store(false, Ordering::Release);
        let left = match std::mem::replace(state, State::Closed) {
            State::Running(running) => Left(Some(Arc::new(running.chromium.salvage().await))),
            State::Waiting(left) | State::Builtin(left) => left,
            State::Closed => return Err(Trouble::Closed),
        };
        *state = State::Waiting(left);
        if let Plan::Chromium { forced: true, .. } = self.browsers.plan {
            return Err(Trouble::Unusable(format!("{failure}; try again")));
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

impl Running {
    async fn open(&mut self, url: &Url) -> Result<Page, Failure> {
        let page = match self.chromium.open(url.as_str()).await? {
            Opened::Document(document) => read(document, url.as_str()).await,
            Opened::Nothing(reason) => Page::unreachable(url.as_str(), &reason),
            Opened::Same(document, reason) if can_show(&document.url) => {
                let page = read(document, url.as_str()).await;
                page.instead_of(url.as_str(), &reason)
            }
            Opened::Same(_, reason) => Page::not_a_page(url.as_str(), &reason),
        };
        self.shows.clone_from(&page.url);
        Ok(page)
    }

    async fn picture(&mut self, page: &Page) -> Result<Picture, Failure> {
        if self.shows != page.url {
            self.chromium.open(&page.url).await?;
            self.shows.clone_from(&page.url);
        }
        let jpeg = self.chromium.picture().await?;
        let (url, title) = self.place(page).await?;
        self.shows.clone_from(&url);
        Ok(Picture { jpeg, url, title })
    }

    /// Where the tab is: a page's own scripts may have gone on. Chromium's page about an error is no place.
    async fn place(&self, page: &Page) -> Result<(String, String), Failure> {
        let (url, title) = self.chromium.place().await?;
        if can_show(&url) {
            Ok((url, title))
        } else {
            Ok((page.url.clone(), page.title.clone()))
        }
    }
}

/// What a Chromium opens: it must not be sent to this machine's files.
fn can_show(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The page as the agent reads it.
async fn read(document: Document, asked: &str) -> Page {
    let Document {
        url,
        title,
        html,
        status,
        status_text,
        content_type,
    } = document;
    let Some(url) = Url::parse(&url).ok().filter(|url| can_show(url.as_str())) else {
        return Page::unreachable(asked, "Chromium could not show it");
    };
    // What Chromium shows without having said what it is, is a document all the same.
    let content_type = Some(content_type)
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| "text/html".to_owned());
    let is_page = content_type.contains("html") || content_type.contains("xml");
    let fetched = Fetched {
        url,
        status,
        status_text: format!("{status} {status_text}").trim_end().to_owned(),
        content_type,
        text: is_page.then_some(html),
    };
    let mut page = Page::read(fetched).await;
    if page.problem.is_none() {
        page.title = title;
    }
    page
}
