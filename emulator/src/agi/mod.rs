//! The AGI API: its endpoints, sessions, tasks and streams.

mod account;
mod agent;
mod ask;
mod call;
mod function_agent;
mod handle;
mod log;
mod models;
mod routes;
mod saved;
mod script;
mod session;
mod state;
mod stream;
mod validate;
mod webhooks;
mod work;

pub(crate) use account::Account;
pub use function_agent::{Agent, AgentCall, AgentHandle, AgentPage, AgentTask};
pub(crate) use log::{Entry, done_text};
pub(crate) use routes::{delete_session, read_message, router};
pub(crate) use saved::{SavedSession, SavedSnapshot};
pub(crate) use session::{Session, SessionView, new_reader};
pub use webhooks::{WebhookAttempt, WebhookOutcome, WebhookSender};
pub(crate) use webhooks::{WebhookEvent, Webhooks};
pub(crate) use work::deliver;
