//! The built-in agent's way with a turn: it makes a plan, looks at the files, opens the page the prompt names, writes
//! what it found into a file, and answers. It is a program, not an AI, and says so.

use super::log::Draft;
use super::script::{completed, snapshot};
use super::session::{Gone, Work};
use super::upload::Upload;
use super::validate::StartTurn;
use crate::agent::{reading, task_text};
use crate::page::Page;
use crate::state::lock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Works on a turn until it is done.
pub(super) async fn work(work: &Work, request: &StartTurn) -> Result<(), Gone> {
    let agent = Agent {
        work,
        request,
        todos: Vec::new(),
        thoughts: 0,
        tools: 0,
        findings: Vec::new(),
        messages: 0,
    };
    agent.work().await
}

struct Agent<'a> {
    work: &'a Work,
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

impl Agent<'_> {
    async fn work(mut self) -> Result<(), Gone> {
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
        self.work.end(completed(), None)
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

    async fn think(&mut self) -> Result<(), Gone> {
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

    async fn read(&mut self, key: &str) -> Result<(), Gone> {
        let block = self.start_tool("files").await?;
        let file = lock(&self.work.session.owner.uploads).get(key).cloned();
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

    async fn open(&mut self, url: &Url) -> Result<(), Gone> {
        let block = self.start_tool("browser").await?;
        let page = Page::open(&self.work.server.web, url).await;
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

    async fn write(&mut self, name: &'static str) -> Result<(), Gone> {
        let block = self.start_tool("editor").await?;
        let session_id = &self.work.session.session_id;
        let draft = snapshot(session_id, self.work.now(), &[name.to_owned()], &[]);
        self.work.say(vec![draft])?;
        self.findings
            .push(format!("I wrote {name} in the sandbox."));
        self.end_tool(&block, "success", json!({ "written": name }))
            .await
    }

    async fn answer(&mut self) -> Result<(), Gone> {
        if self.findings.is_empty() {
            self.findings.push(
                "The prompt names no file, address, price or date: attach a file, or name a web address, and I \
                 report what is in it."
                    .to_owned(),
            );
        }
        let begin = format!("You asked: “{}”", self.request.prompt.trim());
        self.work.say(vec![Draft::text("answer", &begin)])?;
        for finding in std::mem::take(&mut self.findings) {
            self.pause().await?;
            let text = format!("\n{finding}");
            self.work.say(vec![Draft::text("answer", &text)])?;
        }
        // What came while the pauses of this loop passed.
        for finding in std::mem::take(&mut self.findings) {
            let text = format!("\n{finding}");
            self.work.say(vec![Draft::text("answer", &text)])?;
        }
        Ok(())
    }

    async fn thought(&mut self, text: &str) -> Result<(), Gone> {
        self.thoughts += 1;
        let block = self.thoughts.to_string();
        self.work.say(vec![Draft::thought(&block, text, true)])?;
        self.pause().await
    }

    async fn start_tool(&mut self, name: &str) -> Result<String, Gone> {
        self.tools += 1;
        let block = format!("tool:{name}:run-{}", self.tools);
        self.work.say(vec![Draft::tool_start(&block, name)])?;
        self.pause().await?;
        Ok(block)
    }

    async fn end_tool(&mut self, block: &str, status: &str, output: Value) -> Result<(), Gone> {
        self.work
            .say(vec![Draft::tool_result(block, status, output)])?;
        self.pause().await
    }

    fn say_plan(&self) -> Result<(), Gone> {
        let todos = self.todos.iter().enumerate().map(|(index, todo)| {
            json!({ "id": (index + 1).to_string(), "content": todo.content, "status": todo.status })
        });
        self.work.say(vec![Draft::plan(todos.collect())])
    }

    /// The time between two steps; messages that came in the meantime are acknowledged.
    async fn pause(&mut self) -> Result<(), Gone> {
        let delay = self.work.server.options.step_delay;
        self.work.sleep(Duration::from_secs_f64(delay)).await;
        for message in self.work.take_messages() {
            self.messages += 1;
            let block = format!("message-{}", self.messages);
            let text = format!("Noted: {message}");
            self.work.say(vec![Draft::thought(&block, &text, true)])?;
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
