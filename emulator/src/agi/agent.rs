//! The built-in agent: a program, not an AI, and it says so.

use super::ask;
use super::handle::TaskHandle;
use super::log::Draft;
use crate::agent::{Detached, reading, task_text};
use crate::page::Page;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// Works on a task until it is done, or taken away.
pub(super) async fn work(
    handle: &TaskHandle,
    step_delay: Duration,
    task: &str,
    start_url: Option<&str>,
) -> Result<(), Detached> {
    let agent = BuiltInAgent {
        handle,
        task,
        step_delay,
        updates: Vec::new(),
    };
    agent.work(start_url).await
}

/// The built-in agent.
struct BuiltInAgent<'a> {
    handle: &'a TaskHandle,
    task: &'a str,
    /// The time between two steps.
    step_delay: Duration,
    /// Messages that came while it worked.
    updates: Vec<String>,
}

/// What the agent works on.
enum Subject {
    /// An address to open.
    Address(Url),
    /// The page the browser shows.
    Shown(Page),
    /// The text of the task.
    Text,
}

impl BuiltInAgent<'_> {
    async fn work(mut self, start_url: Option<&str>) -> Result<(), Detached> {
        self.say(Draft::System(format!(
            "The built-in agent works on a task of {} characters",
            self.task.chars().count()
        )))
        .await?;
        let subject = match self.subject(start_url) {
            Ok(subject) => subject,
            Err(problem) => return self.handle.fail(problem, 400).await,
        };
        let answer = match ask::question(self.task) {
            Some(question) => {
                self.say(Draft::Thought("The task asks me to ask first".to_owned()))
                    .await?;
                Some(self.handle.ask(question).await?)
            }
            None => None,
        };
        let result = match subject {
            Subject::Address(url) => {
                self.step(format!("Opening {url}"), url.as_str(), "navigate")
                    .await?;
                let page = self.handle.open(&url).await?;
                if !self.handle.session().show(page.clone()) {
                    return Err(Detached);
                }
                if let Some(problem) = page.problem {
                    return self.handle.fail(problem.text, problem.status).await;
                }
                if page.url != url.as_str() {
                    self.thought(format!("The page sent me on to {}", page.url))
                        .await?;
                }
                self.read(&page).await?
            }
            Subject::Shown(page) => {
                let page = self.handle.reread(page).await?;
                self.thought(format!("The browser already shows {}", page.url))
                    .await?;
                self.read(&page).await?
            }
            Subject::Text => self.answer_from_text().await?,
        };
        let result = self.complete(result, answer.as_deref()).await?;
        self.handle.done(result).await
    }

    fn subject(&self, start_url: Option<&str>) -> Result<Subject, String> {
        if let Some(text) = start_url {
            let url = Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            return url.map(Subject::Address).ok_or_else(|| {
                format!("Cannot open start_url `{text}`: it is not an http or https address. Write it out, such as https://example.com/")
            });
        }
        if let Some(url) = task_text::address(self.task) {
            return Ok(Subject::Address(url));
        }
        let page = self.handle.session().page();
        let meant = page.by_user || task_text::means_this_page(self.task);
        if page.url.is_empty() || !meant {
            return Ok(Subject::Text);
        }
        match (&page.problem, Url::parse(&page.url)) {
            (Some(problem), _) => Err(problem.text.clone()),
            // A script only showed the address; nothing was read yet.
            (None, Ok(url)) if !page.opened => Ok(Subject::Address(url)),
            (None, _) => Ok(Subject::Shown(page)),
        }
    }

    /// Reports what is on a page.
    async fn read(&mut self, page: &Page) -> Result<Value, Detached> {
        let content = &page.content;
        let title = if page.title.is_empty() {
            "without a title".to_owned()
        } else {
            format!("“{}”", page.title)
        };
        self.step(format!("Reading the page {title}"), &page.url, "read")
            .await?;
        let counts = reading::counts(content);
        self.thought(format!("It has {counts}")).await?;
        for price in content.prices.iter().take(5) {
            self.thought(format!("Found a price: {}", reading::price(price)))
                .await?;
        }
        Ok(reading::result(page))
    }

    /// Without a page: what the text of the task says.
    async fn answer_from_text(&mut self) -> Result<Value, Detached> {
        self.thought("I am the local emulator's agent: a program, not an AI".to_owned())
            .await?;
        self.thought(
            "There is no web address in the task, so I answer from its own text".to_owned(),
        )
        .await?;
        Ok(task_text::result(self.task))
    }

    /// Adds the answer and the updates to a result.
    async fn complete(
        &mut self,
        mut result: Value,
        answer: Option<&str>,
    ) -> Result<Value, Detached> {
        self.acknowledge().await?;
        if let Some(answer) = answer {
            self.thought(format!("You answered: {answer}")).await?;
            let matches = reading::matching(&result, answer);
            if let Some(summary) = result["summary"].as_str() {
                let found = match matches.len() {
                    0 => format!("“{answer}” is not among them."),
                    _ => format!("“{answer}” fits {}.", matches.join("; ")),
                };
                // Without prices or links there is nothing to match the answer with.
                let found = if result.get("url").is_some() {
                    found
                } else {
                    format!("You answered “{answer}”.")
                };
                result["summary"] = format!("{summary} {found}").into();
            }
            result["answer"] = answer.into();
            result["matches"] = json!(matches);
        }
        if !self.updates.is_empty() {
            result["updates"] = json!(self.updates);
        }
        Ok(result)
    }

    async fn thought(&mut self, text: String) -> Result<(), Detached> {
        self.say(Draft::Thought(text)).await?;
        self.pause().await
    }

    async fn step(&mut self, text: String, url: &str, action: &str) -> Result<(), Detached> {
        self.say(Draft::Step {
            text,
            url: Some(url.to_owned()),
            action: Some(action.to_owned()),
        })
        .await?;
        self.pause().await
    }

    async fn say(&self, draft: Draft) -> Result<(), Detached> {
        self.handle.say(vec![draft]).await
    }

    /// The time between two steps; messages that came in the meantime are acknowledged.
    async fn pause(&mut self) -> Result<(), Detached> {
        self.handle.sleep(self.step_delay).await?;
        self.acknowledge().await
    }

    async fn acknowledge(&mut self) -> Result<(), Detached> {
        for update in self.handle.take_updates() {
            self.say(Draft::Thought(format!("Noted: {update}"))).await?;
            self.updates.push(update);
        }
        Ok(())
    }
}
