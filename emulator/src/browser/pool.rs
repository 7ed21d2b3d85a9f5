//! What the browsers of an emulator share: which program serves, how many run, and their folder.

use super::choice::{Browser, Plan};
use super::chromium::Chromium;
use super::devtools::Failure;
use super::folder::Root;
use super::profile::Profile;
use crate::sync::lock;
use crate::web::Web;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most Chromiums of one emulator at a time.
pub(super) const MOST: usize = 8;

/// What the browsers of an emulator share.
#[derive(Debug)]
pub(crate) struct Browsers {
    pub(super) web: Arc<Web>,
    pub(super) plan: Plan,
    pub(super) slots: Arc<Semaphore>,
    /// Made for the first Chromium.
    root: Mutex<Option<Arc<Root>>>,
}

impl Browsers {
    /// Settles what serves; the error says what to do.
    pub(crate) async fn new(
        web: Arc<Web>,
        choice: Browser,
        program: Option<&Path>,
    ) -> Result<Self, String> {
        let browsers = Self {
            web,
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

    pub(super) async fn start(
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
