//! The browser behind a session, with a program that plays Chromium. The real one is tested in `tests/browser`.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Browser, Emulator, Options};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that answers every command alike. What it is given is noted beside it.
const PROGRAM: &str = r##"#!/usr/bin/env bash
for argument in "$@"; do case $argument in --user-data-dir=*) profile=${argument#*=};; esac; done
ls "$profile" >> "$0.found"
echo kept > "$profile/kept"
echo "$$ $profile $HOME $TMPDIR $*" >> "$0.started"
SETUP
while IFS= read -r -d "" message <&3; do
  id=${message#*\"id\":}; id=${id%%,*}
  case $message in
    CASES
    *Browser.close*) printf '{"id":%s,"result":{}}\0' "$id" >&4; exit 0;;
  esac
  printf '{"id":%s,"result":%s}\0' "$id" '{"product":"Fake/1","targetInfos":[{"type":"page","targetId":"F"}],"sessionId":"S","executionContextId":1,"cookies":[],"data":"/9j/2Q==","result":{"value":{"url":"http://fake.example/","title":"Fake","html":"<title>Fake</title><h1>Fake</h1><p>Mug 5.00 EUR</p>"}}}' >&4
done
"##;

/// A folder with such a program; it goes with this value.
struct Fake {
    folder: PathBuf,
}

impl Fake {
    fn new(name: &str, setup: &str, cases: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fake-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let fake = Self { folder };
        let text = PROGRAM.replace("SETUP", setup).replace("CASES", cases);
        // Written by another process: one that is started meanwhile must not hold this file open for writing.
        let program = fake.program();
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" > \"$0\""])
            .arg(&program)
            .arg(text)
            .status();
        assert!(written.unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        fake
    }

    fn program(&self) -> PathBuf {
        self.folder.join("chromium")
    }

    fn options(&self, browser: Browser) -> Options {
        Options {
            browser,
            chromium: Some(self.program()),
            ..quick()
        }
    }

    fn noted(&self, what: &str) -> String {
        fs::read_to_string(self.folder.join(format!("chromium.{what}"))).unwrap_or_default()
    }

    /// The process, the profile, the home, the folder for temporary files and the arguments of each start.
    fn starts(&self) -> Vec<Vec<String>> {
        let started = self.noted("started");
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        started.lines().map(words).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn lives(process: &str) -> bool {
    let asked = Command::new("sh")
        .args(["-c", "kill -0 \"$0\" 2>/dev/null", process])
        .status();
    asked.unwrap().success()
}

/// Waits until neither the process nor its folder is there.
async fn until_gone(start: &[String]) {
    let (process, profile) = (&start[0], Path::new(&start[1]));
    eventually(async || (!lives(process) && !profile.parent().unwrap().exists()).then_some(()))
        .await;
}

async fn navigate(client: &Client, session: &str, url: &str) -> Answer {
    let path = format!("/sessions/{session}/navigate");
    client.post(&path, json!({ "url": url })).await
}

async fn browser(client: &Client, session: &str) -> Value {
    let session = client.get(&format!("/sessions/{session}")).await.json();
    let page = session["vnc_url"].as_str().unwrap();
    let path = format!("{}feed", &page[page.find("/live/").unwrap()..]);
    let visitor = client.without_key();
    let block = visitor.open(&path, &[]).await.unwrap().block().await;
    let news: Value =
        serde_json::from_str(block.unwrap().trim_end().strip_prefix("data: ").unwrap()).unwrap();
    news["session"]["browser"].clone()
}

async fn screenshot(client: &Client, session: &str) -> Answer {
    client.get(&format!("/sessions/{session}/screenshot")).await
}

#[tokio::test]
async fn a_chromium_starts_when_a_page_is_opened_and_goes_with_its_session() {
    let fake = Fake::new("lazy", "", "");
    let emulator = start(Options {
        scenario: script(json!([{"thought": "hm"}, {"done": 1}])),
        ..fake.options(Browser::Auto)
    })
    .await;
    assert_eq!(emulator.chromium(), Some(fake.program().as_path()));
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "x").await;
    client.until_execution(&session, "finished").await;
    let empty = screenshot(&client, &session).await.json();
    assert_eq!((&empty["url"], &empty["title"]), (&json!(""), &json!("")));
    assert_eq!(browser(&client, &session).await, "chromium");
    assert_eq!(fake.starts().len(), 0, "nobody opened or saw a page");

    let opened = navigate(&client, &session, "http://fake.example/x").await;
    assert_eq!(
        opened.json(),
        json!({"current_url": "http://fake.example/"})
    );
    let shot = screenshot(&client, &session).await.json();
    assert_eq!(
        shot,
        json!({"screenshot": "data:image/jpeg;base64,/9j/2Q==", "url": "http://fake.example/", "title": "Fake"})
    );
    let starts = fake.starts();
    let [one] = starts.as_slice() else {
        panic!("it starts once: {starts:?}")
    };
    let folder = Path::new(&one[1]).parent().unwrap();
    assert!(folder.starts_with(std::env::temp_dir()), "{folder:?}");
    assert!(Path::new(&one[2]).starts_with(folder), "its home is there");
    assert!(Path::new(&one[3]).starts_with(folder), "its files too");
    let superuser = fs::metadata(folder).map(|data| std::os::unix::fs::MetadataExt::uid(&data));
    let unguarded = one.iter().any(|argument| argument == "--no-sandbox");
    assert_eq!(unguarded, superuser.unwrap() == 0);
    assert!(lives(&one[0]));
    client.delete(&format!("/sessions/{session}")).await;
    until_gone(one).await;
}

#[tokio::test]
async fn the_agent_reads_the_page_in_chromium() {
    let fake = Fake::new("agent", "", "");
    let emulator = start(fake.options(Browser::Chromium)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "Look at http://fake.example/").await;
    let result = client.result(&session).await;
    assert_eq!(result["title"], "Fake");
    assert_eq!(result["prices"][0]["price"], "5.00");
    assert_eq!(
        fake.starts().len(),
        2,
        "one to try it out, one for the session"
    );
}

#[tokio::test]
async fn closing_and_dropping_leave_no_process_and_no_folder() {
    for close in [true, false] {
        let fake = Fake::new(&format!("close-{close}"), "", "");
        let emulator = start(fake.options(Browser::Auto)).await;
        let client = Client::new(&emulator);
        for _ in 0..2 {
            let session = client.session(json!({})).await;
            navigate(&client, &session, "http://fake.example/").await;
        }
        let starts = fake.starts();
        let root = Path::new(&starts[0][1])
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned();
        assert!(root.exists());
        if close {
            emulator.close().await;
            assert!(!root.exists());
            assert!(starts.iter().all(|start| !lives(&start[0])));
        } else {
            drop(emulator);
            for start in &starts {
                until_gone(start).await;
            }
            eventually(async || (!root.exists()).then_some(())).await;
        }
    }
}

#[tokio::test]
async fn a_chromium_that_does_not_start_is_replaced_or_refused() {
    let fake = Fake::new("broken", "echo No usable sandbox! >&2; exit 1", "");
    let refused = Emulator::start(fake.options(Browser::Chromium)).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("No usable sandbox!"), "{error}");
    assert!(error.contains("builtin"), "it says what to do: {error}");

    let site = Site::html(&[("/", "<title>Shop</title><h1>Shop</h1>")]).await;
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    assert_eq!(browser(&client, &session).await, "chromium");
    let opened = navigate(&client, &session, &site.url).await;
    assert_eq!(opened.json()["current_url"], format!("{}/", site.url));
    assert_eq!(browser(&client, &session).await, "builtin");
    assert_eq!(screenshot(&client, &session).await.json()["title"], "Shop");
    assert_eq!(fake.starts().len(), 2, "it is not tried again and again");
}

#[tokio::test]
async fn a_missing_program_is_replaced_or_refused() {
    let options = |browser| Options {
        browser,
        chromium: Some("/nowhere/chromium".into()),
        ..quick()
    };
    let error = Emulator::start(options(Browser::Chromium))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/chromium"), "{error}");
    let emulator = start(options(Browser::Auto)).await;
    assert_eq!(emulator.chromium(), None);
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    assert_eq!(browser(&client, &session).await, "builtin");
}

#[tokio::test]
async fn a_crash_is_replaced_or_told() {
    let site = Site::html(&[("/", "<title>Shop</title>")]).await;
    let fake = Fake::new("crash", "", "*captureScreenshot*) exit 1;;");
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    navigate(&client, &session, "http://fake.example/").await;
    let shot = screenshot(&client, &session).await;
    assert_eq!(shot.status, 200);
    assert_eq!(
        shot.json()["title"],
        "Fake",
        "what is known of the page is drawn"
    );
    assert!(
        shot.text.len() > 10_000,
        "a picture of the built-in page view"
    );
    assert_eq!(browser(&client, &session).await, "builtin");
    navigate(&client, &session, &site.url).await;
    assert_eq!(screenshot(&client, &session).await.json()["title"], "Shop");

    let emulator = start(fake.options(Browser::Chromium)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    navigate(&client, &session, "http://fake.example/").await;
    let shot = screenshot(&client, &session).await;
    assert_eq!(shot.status, 500);
    let detail = shot.detail().to_string();
    assert!(
        detail.contains("Chromium ended unexpectedly; try again"),
        "{detail}"
    );
    assert_eq!(browser(&client, &session).await, "chromium");
    let again = navigate(&client, &session, "http://fake.example/").await;
    assert_eq!(again.status, 200, "{}", again.text);
    let found = fake.noted("found");
    assert_eq!(
        found, "kept\n",
        "the next one has the profile of the one that crashed"
    );
}

#[tokio::test]
async fn so_many_chromiums_run_and_the_other_sessions_have_the_built_in_view() {
    const MOST: usize = 8;
    let site = Site::html(&[("/", "<title>Shop</title>")]).await;
    let fake = Fake::new("many", "", "");
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let mut sessions = Vec::new();
    for _ in 0..=MOST {
        let session = client.session(json!({})).await;
        navigate(&client, &session, &site.url).await;
        sessions.push(session);
    }
    for session in &sessions[..MOST] {
        assert_eq!(browser(&client, session).await, "chromium");
    }
    let last = &sessions[MOST];
    assert_eq!(browser(&client, last).await, "builtin");
    assert_eq!(screenshot(&client, last).await.json()["title"], "Shop");
    assert_eq!(fake.starts().len(), MOST);
    client.delete(&format!("/sessions/{}", sessions[0])).await;
    until_gone(&fake.starts()[0]).await;
    let next = client.session(json!({})).await;
    navigate(&client, &next, &site.url).await;
    assert_eq!(browser(&client, &next).await, "chromium");
}

#[tokio::test]
async fn a_snapshot_is_the_profile() {
    let fake = Fake::new("profile", "", "");
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    navigate(&client, &session, "http://fake.example/").await;
    let path = format!("/sessions/{session}?save_snapshot_mode=filesystem&save_as_default=true");
    assert_eq!(client.delete(&path).await.json()["deleted"], true);
    assert_eq!(fake.noted("found"), "", "the first profile was empty");
    for body in [
        json!({"restore_from_session_id": session}),
        json!({"restore_default_environment_from_user_id": "me"}),
    ] {
        let restored = client.session(body).await;
        let before = fake.noted("found");
        let shot = screenshot(&client, &restored).await.json();
        assert_eq!(shot["url"], "http://fake.example/");
        assert_eq!(fake.noted("found"), format!("{before}kept\n"));
    }
    let fresh = client.session(json!({})).await;
    let before = fake.noted("found");
    navigate(&client, &fresh, "http://fake.example/").await;
    assert_eq!(fake.noted("found"), before, "a session has its own profile");
    // Saved again without having run.
    let idle = client
        .session(json!({"restore_from_session_id": session}))
        .await;
    client
        .delete(&format!("/sessions/{idle}?save_snapshot_mode=memory"))
        .await;
    let restored = client
        .session(json!({"restore_from_session_id": idle}))
        .await;
    screenshot(&client, &restored).await;
    assert_eq!(fake.noted("found"), format!("{before}kept\n"));
}

#[tokio::test]
async fn a_deleted_session_does_not_wait_for_its_page() {
    let fake = Fake::new("hangs", "", "*Page.navigate*) continue;;");
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let deleting = async {
        eventually(async || (!fake.starts().is_empty()).then_some(())).await;
        client.delete(&format!("/sessions/{session}")).await
    };
    let (opened, deleted) = tokio::join!(
        navigate(&client, &session, "http://fake.example/"),
        deleting
    );
    assert_eq!(deleted.json()["deleted"], true);
    assert_eq!(opened.status, 404);
    until_gone(&fake.starts()[0]).await;
}

#[tokio::test]
async fn a_chromium_sees_no_secret_of_this_process() {
    let fake = Fake::new("environment", r#"env > "$0.env""#, "");
    let emulator = start(fake.options(Browser::Auto)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    navigate(&client, &session, "http://fake.example/x").await;
    let names: Vec<String> = fake
        .noted("env")
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect();
    let has = |name: &str| names.iter().any(|other| other == name);
    assert!(has("PATH") && has("HOME") && has("TMPDIR"), "{names:?}");
    // Cargo sets this one for every test; it stands for all that a program needs no Chromium to know.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(
        !names.iter().any(|name| name.starts_with("CARGO")),
        "{names:?}"
    );
}
