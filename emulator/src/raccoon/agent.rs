//! The built-in agent's way with a turn: it makes a plan, looks at the files, opens the page the prompt names, writes
//! what it found into a file, and answers. It is a program, not an AI, and says so.

use super::handle::WorkHandle;
use super::log::Draft;
use super::owner::Upload;
use super::validate::StartTurn;
use crate::agent::{Detached, reading, task_text};
use crate::page::Page;
use crate::sync::lock;
use crate::web::Web;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Works on a turn until it is done.
pub(super) async fn work(
    handle: &WorkHandle,
    step_delay: Duration,
    web: &Web,
    request: &StartTurn,
) -> Result<(), Detached> {
    let agent = BuiltInAgent {
        handle,
        step_delay,
        web,
        request,
        todos: Vec::new(),
        thoughts: 0,
        tools: 0,
        findings: Vec::new(),
        messages: 0,
    };
    agent.work().await
}

struct BuiltInAgent<'a> {
    handle: &'a WorkHandle,
    /// The time between two steps.
    step_delay: Duration,
    web: &'a Web,
    request: &'a StartTurn,
    todos: Vec<Todo>,
    thoughts: u64,
    tools: u64,
    /// Sentences for the answer.
    findings: Vec<String>,
    /// Counts the messages that came while it worked.
    messages: u64,
}

struct Todo {
    content: String,
    status: &'static str,
    job: Job,
}

#[derive(Clone)]
enum Job {
    Think,
    Read(String),
    Open(Url),
    Write(&'static str),
    Answer,
}

impl BuiltInAgent<'_> {
    async fn work(mut self) -> Result<(), Detached> {
        self.thought(&format!(
            "I am the local emulator's agent, a program and not an AI. The mode is {}.",
            self.request.mode
        ))
        .await?;
        self.make_plan();
        self.say_plan()?;
        for index in 0..self.todos.len() {
            self.todos[index].status = "active";
            self.say_plan()?;
            self.pause().await?;
            match self.todos[index].job.clone() {
                Job::Think => self.think().await?,
                Job::Read(key) => self.read(&key).await?,
                Job::Open(url) => self.open(&url).await?,
                Job::Write(name) => self.write(name).await?,
                Job::Answer => self.answer().await?,
            }
            self.todos[index].status = "completed";
        }
        self.say_plan()?;
        self.handle.end(Draft::completed(), None)
    }

    fn make_plan(&mut self) {
        let mut todo = |content: String, job| {
            self.todos.push(Todo {
                content,
                status: "pending",
                job,
            });
        };
        todo("Understand the prompt".to_owned(), Job::Think);
        for file in &self.request.files {
            let key = file["key"].as_str().unwrap_or_default();
            let name = file["name"].as_str().unwrap_or(key);
            todo(format!("Read {name}"), Job::Read(key.to_owned()));
        }
        if let Some(url) = task_text::address(&self.request.prompt) {
            todo(format!("Open {url}"), Job::Open(url));
        }
        let file = match self.request.mode.as_str() {
            "plan" => Some("plan.md"),
            "code" => Some("result.json"),
            "deepsearch" => Some("report.md"),
            "slides" => Some("slides.md"),
            _ => None,
        };
        if let Some(name) = file {
            todo(format!("Write {name}"), Job::Write(name));
        }
        todo("Answer".to_owned(), Job::Answer);
    }

    async fn think(&mut self) -> Result<(), Detached> {
        let found = task_text::result(&self.request.prompt);
        let list = |name: &str| found[name].as_array().cloned().unwrap_or_default();
        self.thought(&format!(
            "The prompt has {} words in {} sentences",
            found["words"], found["sentences"]
        ))
        .await?;
        let prices = list("prices");
        for price in &prices {
            let text = |name: &str| price[name].as_str().unwrap_or_default();
            let line = format!("{} {} {}", text("text"), text("price"), text("currency"));
            self.findings.push(format!("Price: {}.", line.trim()));
        }
        for (name, what) in [("dates", "Date"), ("emails", "E-mail address")] {
            for found in list(name) {
                let found = found.as_str().unwrap_or_default().to_owned();
                self.findings.push(format!("{what}: {found}."));
            }
        }
        Ok(())
    }

    async fn read(&mut self, key: &str) -> Result<(), Detached> {
        let block = self.start_tool("files").await?;
        let file = lock(&self.handle.session.owner.uploads).get(key).cloned();
        let (status, output) = match file {
            Some(file) => {
                self.findings.push(about(&file));
                let output =
                    json!({ "key": key, "size": file.size, "content_type": file.content_type });
                ("success", output)
            }
            None => {
                self.findings
                    .push(format!("There is no uploaded file with the key {key}."));
                (
                    "error",
                    json!({ "error": format!("{key} was not uploaded") }),
                )
            }
        };
        self.end_tool(&block, status, output).await
    }

    async fn open(&mut self, url: &Url) -> Result<(), Detached> {
        let block = self.start_tool("browser").await?;
        let page = Page::open(self.web, url).await;
        if let Some(problem) = page.problem {
            self.findings.push(problem.text.clone());
            let output = json!({ "url": page.url, "error": problem.text });
            return self.end_tool(&block, "error", output).await;
        }
        let found = reading::result(&page);
        if let Some(summary) = found["summary"].as_str() {
            self.findings.push(summary.to_owned());
        }
        self.end_tool(&block, "success", found).await
    }

    async fn write(&mut self, name: &'static str) -> Result<(), Detached> {
        let block = self.start_tool("editor").await?;
        let session_id = &self.handle.session.session_id;
        let draft = Draft::snapshot(session_id, self.handle.now(), &[name.to_owned()], &[]);
        self.handle.say(vec![draft])?;
        self.findings
            .push(format!("I wrote {name} in the sandbox."));
        self.end_tool(&block, "success", json!({ "written": name }))
            .await
    }

    async fn answer(&mut self) -> Result<(), Detached> {
        if self.findings.is_empty() {
            self.findings.push(
                "The prompt names no file, address, price or date: attach a file, or name a web address, and I \
                 report what is in it."
                    .to_owned(),
            );
        }
        let begin = format!("You asked: “{}”", self.request.prompt.trim());
        self.handle.say(vec![Draft::text("answer", &begin)])?;
        for finding in std::mem::take(&mut self.findings) {
            self.pause().await?;
            let text = format!("\n{finding}");
            self.handle.say(vec![Draft::text("answer", &text)])?;
        }
        // What came while the pauses of this loop passed.
        for finding in std::mem::take(&mut self.findings) {
            let text = format!("\n{finding}");
            self.handle.say(vec![Draft::text("answer", &text)])?;
        }
        Ok(())
    }

    async fn thought(&mut self, text: &str) -> Result<(), Detached> {
        self.thoughts += 1;
        let block = self.thoughts.to_string();
        self.handle.say(vec![Draft::thought(&block, text, true)])?;
        self.pause().await
    }

    async fn start_tool(&mut self, name: &str) -> Result<String, Detached> {
        self.tools += 1;
        let block = format!("tool:{name}:run-{}", self.tools);
        self.handle.say(vec![Draft::tool_start(&block, name)])?;
        self.pause().await?;
        Ok(block)
    }

    async fn end_tool(&mut self, block: &str, status: &str, output: Value) -> Result<(), Detached> {
        self.handle
            .say(vec![Draft::tool_result(block, status, output)])?;
        self.pause().await
    }

    fn say_plan(&self) -> Result<(), Detached> {
        let todos = self.todos.iter().enumerate().map(|(index, todo)| {
            json!({ "id": (index + 1).to_string(), "content": todo.content, "status": todo.status })
        });
        self.handle.say(vec![Draft::plan(todos.collect())])
    }

    /// The time between two steps; messages that came in the meantime are acknowledged.
    async fn pause(&mut self) -> Result<(), Detached> {
        self.handle.sleep(self.step_delay).await;
        for message in self.handle.take_messages() {
            self.messages += 1;
            let block = format!("message-{}", self.messages);
            let text = format!("Noted: {message}");
            self.handle.say(vec![Draft::thought(&block, &text, true)])?;
            self.findings.push(format!("You added: “{message}”"));
        }
        Ok(())
    }
}

/// What there is to say about a file.
fn about(file: &Arc<Upload>) -> String {
    let size = format!(
        "{} is {} with {} bytes",
        file.name, file.content_type, file.size
    );
    let whole = file.begin.len() as u64 == file.size;
    match std::str::from_utf8(&file.begin) {
        Ok(text) if whole && !text.is_empty() => format!(
            "{size}: {} lines, {} words, beginning with “{}”.",
            text.lines().count(),
            text.split_whitespace().count(),
            text.lines().next().unwrap_or_default().trim(),
        ),
        _ => format!("{size}."),
    }
}
