//! One running Chromium with a profile of its own and one tab.

use super::devtools::{DevTools, Failure};
use super::folder::{Folder, Root, copy, owned_by_root};
use super::profile::Profile;
use super::tab::{Arrival, PAGE};
use crate::sync::lock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs::remove_dir_all;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

/// The size of the picture.
const SIZE: (u32, u32) = (1280, 720);
const QUALITY: u8 = 85;
/// As much of a page as is read.
const PAGE_LIMIT: usize = 2 * 1024 * 1024;
/// How long it may take to end in good order.
const ENDING: Duration = Duration::from_secs(5);
/// How long a tab may be without a picture, which it is between two pages.
const UNSEEN: Duration = Duration::from_secs(5);
/// As much of its complaints as is kept.
const COMPLAINTS: usize = 4096;

/// Chromium finds its end of the pipes at the descriptors 3 and 4.
const LAUNCH: &str = r#"exec 3<&0 4>&1; exec "$@" </dev/null >/dev/null"#;

const FLAGS: [&str; 24] = [
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--block-new-web-contents",
    "--hide-scrollbars",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disk-cache-size=16777216",
    "--window-size=1280,720",
];

/// Folders of a profile that hold nothing but what can be fetched or computed again.
const CACHES: [&str; 8] = [
    "Default/Cache",
    "Default/Code Cache",
    "Default/GPUCache",
    "Default/DawnGraphiteCache",
    "Default/DawnWebGPUCache",
    "GrShaderCache",
    "GraphiteDawnCache",
    "ShaderCache",
];

/// A running Chromium. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub(super) struct Chromium {
    devtools: DevTools,
    process: Process,
    /// The DevTools session of the tab.
    tab: String,
    frame: String,
    version: String,
    /// The script that puts the session storage back; it is for the first page.
    restoring: Option<String>,
    // Below the process: it is dropped, and with it killed, first.
    folder: Folder,
    _slot: Option<OwnedSemaphorePermit>,
}

/// The process, known to the root folder's keeper as long as it runs.
#[derive(Debug)]
struct Process {
    child: Child,
    id: u32,
    root: Arc<Root>,
    /// The last of what it wrote to standard error.
    complaints: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.root.note(self.id, false);
    }
}

/// What the tab shows.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) html: String,
    /// 200 where the protocol has none.
    pub(super) status: u16,
    pub(super) status_text: String,
    pub(super) content_type: String,
}

/// What came of opening an address.
#[derive(Debug)]
pub(super) enum Opened {
    Document(Document),
    /// There is no page; the reason, in words that follow "because".
    Nothing(String),
    /// It is no page, so that the one before is still shown; what it is.
    Same(Document, String),
}

impl Chromium {
    /// Starts one, with a copy of the saved profile if there is one.
    pub(super) async fn start(
        program: &Path,
        root: &Arc<Root>,
        profile: Option<Arc<Profile>>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<Self, Failure> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| Failure::Gone(format!("{what}: {error}"))
        };
        let folder = root
            .folder()
            .map_err(failed("no folder for a profile can be made"))?;
        let own = folder
            .with("p")
            .map_err(failed("no folder for a profile can be made"))?;
        if let Some(profile) = &profile {
            let (from, to, profile) = (profile.path().to_owned(), own.clone(), profile.clone());
            let copied = tokio::task::spawn_blocking(move || {
                let copied = copy(&from, &to);
                drop(profile);
                copied
            });
            let copied = copied.await.map_err(std::io::Error::other);
            copied
                .and_then(|copied| copied)
                .map_err(failed("the saved profile cannot be copied"))?;
        }
        let (process, devtools) = launch(program, &folder, &own)
            .map_err(failed(&format!("{} does not start", program.display())))?;
        let complaints = process.complaints.clone();
        let mut chromium = Self {
            devtools,
            process,
            tab: String::new(),
            frame: String::new(),
            version: String::new(),
            restoring: None,
            folder,
            _slot: slot,
        };
        match chromium.set_up(profile.as_deref()).await {
            Ok(()) => Ok(chromium),
            Err(failure) => Err(Failure::Gone(match complaint(&complaints) {
                Some(complaint) => format!("{failure} ({complaint})"),
                None => failure.to_string(),
            })),
        }
    }

    async fn set_up(&mut self, profile: Option<&Profile>) -> Result<(), Failure> {
        let version = self.browser("Browser.getVersion", json!({})).await?;
        text(&version["product"]).clone_into(&mut self.version);
        let targets = self.browser("Target.getTargets", json!({})).await?;
        let mut targets = targets["targetInfos"].as_array().into_iter().flatten();
        let frame = match targets.find(|target| target["type"] == "page") {
            Some(page) => text(&page["targetId"]).to_owned(),
            None => {
                let page = json!({ "url": "about:blank" });
                let page = self.browser("Target.createTarget", page).await?;
                text(&page["targetId"]).to_owned()
            }
        };
        self.devtools.tab().watch(&frame);
        let attach = json!({ "targetId": frame, "flatten": true });
        let attached = self.browser("Target.attachToTarget", attach).await?;
        text(&attached["sessionId"]).clone_into(&mut self.tab);
        self.frame = frame;
        for (method, parameters) in [
            ("Inspector.enable", json!({})),
            ("Page.enable", json!({})),
            ("Network.enable", json!({})),
            ("Page.setLifecycleEventsEnabled", json!({ "enabled": true })),
            (
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": SIZE.0, "height": SIZE.1, "deviceScaleFactor": 1, "mobile": false }),
            ),
        ] {
            self.page(method, parameters).await?;
        }
        let deny = json!({ "behavior": "deny" });
        self.browser("Browser.setDownloadBehavior", deny).await?;
        if let Some(profile) = profile {
            let cookies = json!({ "cookies": profile.cookies() });
            self.browser("Storage.setCookies", cookies).await?;
            if let Some(source) = profile.session_storage_script() {
                let script = json!({ "source": source });
                let added = self.page("Page.addScriptToEvaluateOnNewDocument", script);
                self.restoring = added.await?["identifier"].as_str().map(str::to_owned);
            }
        }
        Ok(())
    }

    /// Its name and version, such as `Chrome/140.0.7339.80`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn is_broken(&self) -> bool {
        self.devtools.tab().is_broken()
    }

    async fn browser(&self, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.devtools.call(None, method, parameters).await
    }

    async fn page(&self, method: &str, parameters: Value) -> Result<Value, Failure> {
        self.devtools
            .call(Some(&self.tab), method, parameters)
            .await
    }

    /// Opens an address, and waits for the page.
    pub(super) async fn open(&mut self, url: &str) -> Result<Opened, Failure> {
        let opened = self.open_page(url).await?;
        if let Some(script) = self.restoring.take() {
            let script = json!({ "identifier": script });
            self.page("Page.removeScriptToEvaluateOnNewDocument", script)
                .await?;
        }
        Ok(opened)
    }

    async fn open_page(&self, url: &str) -> Result<Opened, Failure> {
        let tab = self.devtools.tab();
        let before = tab.document();
        // It is answered when the server answers.
        let going = json!({ "url": url });
        let going = self.devtools.send(Some(&self.tab), "Page.navigate", going);
        let navigation = match timeout(PAGE, going).await {
            Ok(Ok(navigation)) => navigation,
            Ok(Err(Failure::Refused(reason))) => return Ok(Opened::Nothing(reason)),
            Ok(Err(gone)) => return Err(gone),
            Err(_) => return self.too_late().await,
        };
        let error = navigation["errorText"].as_str();
        if navigation["isDownload"] == true || error == Some("net::ERR_ABORTED") {
            let reason = "it is a download, not an HTML page".to_owned();
            return Ok(Opened::Same(self.document().await?, reason));
        }
        // Without a loading, the address names a place in the page that is shown.
        if navigation["loaderId"].is_string() {
            match tab.arrival(&before).await {
                Arrival::Complete => {}
                Arrival::Partial => drop(self.page("Page.stopLoading", json!({})).await?),
                Arrival::Nothing => return self.too_late().await,
                Arrival::Broken => {
                    return Err(Failure::Gone("Chromium crashed on the page".to_owned()));
                }
            }
        }
        match error {
            Some(error) => Ok(Opened::Nothing(words(error, url))),
            None => Ok(Opened::Document(self.document().await?)),
        }
    }

    async fn too_late(&self) -> Result<Opened, Failure> {
        self.page("Page.stopLoading", json!({})).await?;
        let seconds = PAGE.as_secs();
        let reason = format!("it did not answer within {seconds} seconds");
        Ok(Opened::Nothing(reason))
    }

    /// What the tab shows now, as its scripts have made it.
    pub(super) async fn document(&self) -> Result<Document, Failure> {
        let script = format!(
            "({{url: location.href, title: document.title, \
               html: (document.documentElement?.outerHTML ?? '').slice(0, {PAGE_LIMIT})}})"
        );
        let page = self.evaluate(&script).await?;
        let response = self.devtools.tab().response().unwrap_or_default();
        Ok(Document {
            url: text(&page["url"]).to_owned(),
            title: text(&page["title"]).trim().to_owned(),
            html: text(&page["html"]).to_owned(),
            status: match response.status {
                0 => 200,
                status => status,
            },
            status_text: response.status_text,
            content_type: response.kind,
        })
    }

    /// The address and the title.
    pub(super) async fn place(&self) -> Result<(String, String), Failure> {
        let page = self
            .evaluate("({url: location.href, title: document.title})")
            .await?;
        let title = text(&page["title"]).trim().to_owned();
        Ok((text(&page["url"]).to_owned(), title))
    }

    /// A value from the page, computed in a world of its own: the page's scripts have no hand in it.
    async fn evaluate(&self, script: &str) -> Result<Value, Failure> {
        let end = Instant::now() + UNSEEN;
        loop {
            match self.evaluate_once(script).await {
                // The page was replaced meanwhile.
                Err(Failure::Refused(_)) if Instant::now() < end => {
                    sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }

    async fn evaluate_once(&self, script: &str) -> Result<Value, Failure> {
        let world = json!({ "frameId": self.frame, "worldName": "sessionwire" });
        let world = self.page("Page.createIsolatedWorld", world).await?;
        let expression = json!({
            "expression": script,
            "contextId": world["executionContextId"],
            "returnByValue": true,
        });
        let mut answer = self.page("Runtime.evaluate", expression).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            return Err(Failure::Refused(text(&thrown["text"]).to_owned()));
        }
        Ok(answer["result"]["value"].take())
    }

    /// The tab as a JPEG.
    pub(super) async fn picture(&self) -> Result<Vec<u8>, Failure> {
        let end = Instant::now() + UNSEEN;
        let shot = json!({ "format": "jpeg", "quality": QUALITY });
        loop {
            match self.page("Page.captureScreenshot", shot.clone()).await {
                Ok(answer) => {
                    return STANDARD
                        .decode(text(&answer["data"]))
                        .map_err(|error| Failure::Gone(format!("no picture came: {error}")));
                }
                // Between two pages there is nothing to see.
                Err(Failure::Refused(_)) if Instant::now() < end => {
                    sleep(Duration::from_millis(50)).await;
                }
                Err(Failure::Refused(reason)) => return Err(Failure::Gone(reason)),
                Err(gone) => return Err(gone),
            }
        }
    }

    /// Ends it.
    pub(super) async fn close(mut self) {
        self.end().await;
    }

    /// Ends it, and keeps its profile.
    pub(super) async fn save(mut self) -> Profile {
        let cookies = self.browser("Storage.getCookies", json!({})).await;
        let storage = self.evaluate("({origin: location.origin, items: {...sessionStorage}})");
        let storage = storage.await.unwrap_or_default();
        if !self.end().await {
            tracing::warn!(
                "Chromium did not end in good order; its saved profile may lack what it wrote last"
            );
        }
        self.keep(&cookies.unwrap_or_default(), &storage)
    }

    /// Kills it, and keeps what is in its profile's folder.
    pub(super) async fn salvage(mut self) -> Profile {
        if let Err(error) = self.process.child.kill().await {
            tracing::warn!(%error, "Chromium could not be killed");
        }
        self.keep(&Value::Null, &Value::Null)
    }

    fn keep(self, cookies: &Value, storage: &Value) -> Profile {
        let Self {
            process, folder, ..
        } = self;
        drop(process);
        for cache in CACHES {
            // What is not there need not go.
            remove_dir_all(folder.path().join("p").join(cache)).unwrap_or_default();
        }
        Profile::new(folder, &cookies["cookies"], storage)
    }

    /// Ends it in good order, else kills it; false then.
    async fn end(&mut self) -> bool {
        // It may be gone already.
        let asked = self.browser("Browser.close", json!({}));
        drop(timeout(Duration::from_secs(1), asked).await);
        match timeout(ENDING, self.process.child.wait()).await {
            Ok(Ok(status)) => status.success(),
            _ => {
                if let Err(error) = self.process.child.kill().await {
                    tracing::warn!(%error, "Chromium could not be killed");
                }
                false
            }
        }
    }
}

fn launch(program: &Path, folder: &Folder, profile: &Path) -> std::io::Result<(Process, DevTools)> {
    let mut command = Command::new("sh");
    command
        .args(["-c", LAUNCH, "sessionwire-browser"])
        .arg(program)
        .args(FLAGS)
        .arg(argument("--user-data-dir=", profile));
    if owned_by_root(folder.path()) {
        // Chromium's sandbox refuses to work for the superuser.
        command.arg("--no-sandbox");
        tracing::warn!(
            "Chromium runs as root, without its sandbox: what a page does, it does as root. Run as another user, or choose the \
             browser `builtin`"
        );
    }
    // Pages are other people's programs: no secret of this process is in its environment.
    command.env_clear();
    for (name, value) in std::env::vars_os() {
        if is_harmless(&name) {
            command.env(name, value);
        }
    }
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command
        .arg("about:blank")
        // All it writes goes to its own folder.
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.with("c")?)
        .env("XDG_CACHE_HOME", folder.with("k")?)
        .env("TMPDIR", folder.with("t")?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let missing = || std::io::Error::other("it has no pipes");
    let id = child.id().ok_or_else(missing)?;
    let root = folder.root().clone();
    root.note(id, true);
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let (to, from, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let process = Process {
        child,
        id,
        root,
        complaints: complaints.clone(),
    };
    tokio::spawn(listen(errors.ok_or_else(missing)?, complaints));
    let devtools = DevTools::new(to.ok_or_else(missing)?, from.ok_or_else(missing)?);
    Ok((process, devtools))
}

/// Whether Chromium needs a variable: where programs and libraries are, the language, the time zone, the screen, and proxies.
fn is_harmless(name: &std::ffi::OsStr) -> bool {
    const NAMES: [&str; 19] = [
        "PATH",
        "LD_LIBRARY_PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "XDG_RUNTIME_DIR",
        "FONTCONFIG_FILE",
        "FONTCONFIG_PATH",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ];
    let name = name.to_str().unwrap_or_default();
    NAMES.contains(&name) || name.starts_with("LC_")
}

fn argument(name: &str, path: &Path) -> PathBuf {
    let mut argument = std::ffi::OsString::from(name);
    argument.push(path);
    argument.into()
}

/// Keeps the last of what Chromium complains about.
async fn listen(mut errors: tokio::process::ChildStderr, complaints: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut bytes).await {
        let mut kept = lock(&complaints);
        kept.extend_from_slice(&bytes[..read]);
        let excess = kept.len().saturating_sub(COMPLAINTS);
        kept.drain(..excess);
    }
}

/// The last line that says something.
fn complaint(complaints: &Mutex<Vec<u8>>) -> Option<String> {
    let kept = lock(complaints);
    let text = String::from_utf8_lossy(&kept);
    let mut lines = text.lines().rev().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.contains("dbus/"))?;
    Some(line.chars().take(300).collect())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Chromium's error in words, like those of the built-in page view.
fn words(error: &str, url: &str) -> String {
    let url = url::Url::parse(url).ok();
    let host = url
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or_default();
    let port = url.as_ref().and_then(url::Url::port_or_known_default);
    match error.trim_start_matches("net::") {
        "ERR_CONNECTION_REFUSED" => format!(
            "{host} refused the connection on port {}",
            port.unwrap_or_default()
        ),
        "ERR_NAME_NOT_RESOLVED" => format!("the host name {host} is not known"),
        "ERR_TOO_MANY_REDIRECTS" => "it redirects too many times".to_owned(),
        "ERR_TIMED_OUT" | "ERR_CONNECTION_TIMED_OUT" => format!("{host} did not answer in time"),
        other if other.starts_with("ERR_CERT") => {
            format!("the certificate of {host} is not trusted ({other})")
        }
        other => format!("Chromium says {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_put_in_words() {
        assert_eq!(
            words("net::ERR_CONNECTION_REFUSED", "http://h:81/x"),
            "h refused the connection on port 81"
        );
        assert_eq!(
            words("net::ERR_CERT_DATE_INVALID", "https://h/"),
            "the certificate of h is not trusted (ERR_CERT_DATE_INVALID)"
        );
        assert_eq!(
            words("net::ERR_EMPTY_RESPONSE", "https://h/"),
            "Chromium says ERR_EMPTY_RESPONSE"
        );
    }

    #[test]
    fn the_last_complaint_that_matters_is_told() {
        let kept = Mutex::new(b"first\nNo usable sandbox!\n[1:2:ERROR:dbus/bus.cc] x\n\n".to_vec());
        assert_eq!(complaint(&kept).as_deref(), Some("No usable sandbox!"));
        assert_eq!(complaint(&Mutex::default()), None);
    }
}
