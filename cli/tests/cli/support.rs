//! An emulator to work with, and the program as a child process.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sessionwire::{ClientConfig, ClientOptions, Secret, agi, raccoon};
use sessionwire_emulator::{CapturedRequest, Emulator};
use tokio::runtime::Runtime;

/// No test takes that long unless something hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// An emulator inside the test.
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) emulator: Emulator,
    /// Where its programs note what they leave, as no test shall see what another's left.
    state: Folder,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::speaking(json!({}))
    }

    /// An emulator that speaks Raccoon so.
    pub(crate) fn speaking(dialect: Value) -> Self {
        let runtime = Runtime::new().unwrap();
        let options = json!({
            "step_delay": 0.0, "api_keys": ["test-key-1"], "browser": "builtin", "dialect": dialect,
        });
        let options = serde_json::from_value(options).unwrap();
        let emulator = runtime.block_on(Emulator::start(options)).unwrap();
        Self {
            runtime,
            emulator,
            state: Folder::new(),
        }
    }

    /// An emulator whose agent takes these steps for every task.
    pub(crate) fn playing(steps: Value) -> Self {
        let server = Self::start();
        server
            .emulator
            .scenario(serde_json::from_value(json!({"tasks": [{"steps": steps}]})).unwrap());
        server
    }

    pub(crate) fn fail(&self, fault: Value) {
        self.emulator
            .fail(serde_json::from_value(fault).unwrap())
            .unwrap();
    }

    /// The program, set up for this emulator.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command
            .env("AGI_BASE_URL", self.emulator.url())
            .env("AGI_API_KEY", self.emulator.api_key())
            .env("XDG_STATE_HOME", &self.state.0);
        command
    }

    /// The program, set up for Raccoon's side of this emulator.
    pub(crate) fn turn_command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command
            .env("RACCOON_BASE_URL", self.emulator.raccoon_url())
            .env("RACCOON_API_KEY", self.emulator.api_key())
            .env("XDG_STATE_HOME", &self.state.0);
        command
    }

    /// The handle of a task that is not sent, in a session of its own.
    pub(crate) fn prepared_task(&self, task: &str) -> String {
        let options = ClientOptions::new()
            .base_url(self.emulator.url())
            .api_key(Secret::new(self.emulator.api_key()));
        let client = agi::Client::new(ClientConfig::resolve(options).unwrap()).unwrap();
        self.runtime.block_on(async {
            let create = agi::CreateSession::new("agi-0");
            let session = client.sessions().create(create).await.unwrap();
            let task = agi::StartTask::new(task);
            session.prepare_task(task).await.unwrap()
        })
    }

    /// The handle of a turn that is not started, in a session of its own.
    pub(crate) fn prepared_turn(&self, prompt: &str) -> String {
        let options = ClientOptions::new()
            .base_url(self.emulator.raccoon_url())
            .api_key(Secret::new(self.emulator.api_key()));
        let options = raccoon::RaccoonOptions::new().client(options);
        let config = raccoon::RaccoonConfig::resolve(options).unwrap();
        let client = raccoon::Client::new(config).unwrap();
        let session = client.session().unwrap();
        let turn = raccoon::StartTurn::new(prompt);
        self.runtime.block_on(session.prepare_turn(turn)).unwrap()
    }

    /// The JSON body of the first request for this path.
    pub(crate) fn request(&self, path: &str) -> Value {
        let requests = self.emulator.requests();
        let request = requests.iter().find(|request| request.path == path);
        serde_json::from_str(&request.unwrap().body).unwrap()
    }

    /// The JSON body of the last request for a path that ends so.
    pub(crate) fn last_request(&self, ending: &str) -> Value {
        let requests = self.emulator.requests();
        let request = requests
            .iter()
            .rfind(|request| request.path.ends_with(ending));
        serde_json::from_str(&request.unwrap().body).unwrap()
    }

    /// The same, started by another program.
    pub(crate) fn command_under(&self, starter: &[&str], args: &[&str]) -> Command {
        let inner = self.command(args);
        let mut command = Command::new(starter[0]);
        command
            .args(&starter[1..])
            .arg(inner.get_program())
            .args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Running::start(self.command(args)).finish()
    }

    /// What the program asked for, as `POST /v1/sessions`; ids are replaced.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.emulator.requests().iter().map(path).collect()
    }

    /// Starts a session that stays, with a task in it; gives its id.
    pub(crate) fn kept_session(&self) -> String {
        let done = self.run(&["run", "Work", "--keep", "--quiet"]);
        assert_eq!(done.status, 0, "{}", done.stderr);
        done.stderr
            .trim()
            .strip_prefix("session: ")
            .unwrap()
            .to_owned()
    }

    /// Starts a session whose task does not end; gives its id.
    pub(crate) fn busy_session(&self) -> String {
        let steps = json!([{"thought": "Thinking"}, {"delay": 3600}]);
        self.emulator
            .scenario(serde_json::from_value(json!({"tasks": [{"steps": steps}]})).unwrap());
        let mut running = Running::start(self.command(&["run", "Think"]));
        running.read_until("Thinking");
        // A program that is killed can delete nothing.
        drop(running);
        let requests = self.emulator.requests();
        let events = requests
            .iter()
            .rfind(|request| request.path.ends_with("/events"))
            .unwrap();
        events.path.split('/').nth(3).unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.runtime.block_on(self.emulator.close());
    }
}

fn path(request: &CapturedRequest) -> String {
    let parts: Vec<_> = request
        .path
        .split('/')
        .enumerate()
        .map(|(index, part)| if index == 3 { "ID" } else { part })
        .collect();
    format!("{} {}", request.method, parts.join("/"))
}

/// The program with an environment that says nothing about sessionwire.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionwire"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in [
        "AGI_API_KEY",
        "AGI_BASE_URL",
        "RACCOON_API_KEY",
        "RACCOON_BASE_URL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "SESSIONWIRE_LEDGER",
    ] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    // The same on every machine, whether it has a Chromium or not.
    command.env("SESSIONWIRE_CHROMIUM", "");
    command
}

/// The program at work. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    stderr_so_far: std::sync::Arc<std::sync::Mutex<String>>,
}

/// How the program ended.
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Standard output as JSON, line by line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr_so_far = std::sync::Arc::<std::sync::Mutex<String>>::default();
        let sink = stderr_so_far.clone();
        let stderr = child.stderr.take().map(|stderr| {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines() {
                    let mut sink = sink.lock().unwrap();
                    sink.push_str(&line.unwrap());
                    sink.push('\n');
                }
                sink.lock().unwrap().clone()
            })
        });
        Self {
            child,
            stdout,
            stderr,
            stderr_so_far,
        }
    }

    /// Writes to standard input and closes it.
    pub(crate) fn feed(&mut self, text: &str) {
        self.child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Writes to standard input and leaves it open.
    pub(crate) fn feed_more(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Reads standard output up to a line that contains `text`.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().unwrap();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                stdout.read_line(&mut line).unwrap(),
                0,
                "the output ended before {text:?}"
            );
        }
        line
    }

    /// Closes our end of the program's standard output.
    pub(crate) fn stop_reading(&mut self) {
        self.stdout = None;
    }

    /// Waits until `condition` holds; says what the program said if it never does.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn() -> bool) {
        let until = Instant::now() + LIMIT;
        while !condition() {
            let ended = self.child.try_wait().unwrap();
            let said = self.stderr_so_far.lock().unwrap().clone();
            assert!(
                ended.is_none() || condition(),
                "{what}: it ended, {ended:?}; it said: {said}"
            );
            assert!(
                Instant::now() < until,
                "never came: {what}; it said: {said}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until standard error contains `text`.
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        eventually(text, || self.stderr_so_far.lock().unwrap().contains(text));
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Sends it again and again.
    pub(crate) fn signal_until_it_ends(&mut self, name: &str) {
        let until = Instant::now() + LIMIT;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "the program does not end");
            self.signal(name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end, without reading standard output.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < until,
                "the program does not end; it said: {}",
                self.stderr_so_far.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Reads what is left and waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        let reader = self.stdout.take().map(|mut stdout| {
            std::thread::spawn(move || {
                let mut text = String::new();
                stdout.read_to_string(&mut text).unwrap();
                text
            })
        });
        let status = self.wait().code().expect("ended by a signal");
        let join = |thread: Option<JoinHandle<String>>| {
            thread.map(|t| t.join().unwrap()).unwrap_or_default()
        };
        Done {
            status,
            stdout: join(reader),
            stderr: join(self.stderr.take()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder of its own for one test; removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("sessionwire-cli-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn is_jpeg(image: &[u8]) -> bool {
    image.starts_with(&[0xff, 0xd8, 0xff]) && image.ends_with(&[0xff, 0xd9])
}

/// Serves one page to everybody, for the rest of the test run.
pub(crate) fn serve(html: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
            let length = html.len();
            let _ = write!(
                stream.get_mut(),
                "{head}\r\nContent-Length: {length}\r\n\r\n{html}"
            );
        }
    });
    url
}
