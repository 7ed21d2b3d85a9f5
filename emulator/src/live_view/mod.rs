//! The live view: pages that show the sessions as they change, and let a person take part.
//!
//! A page is reached by a secret in its path instead of a key: every session has a secret of its own, and the index of
//! all sessions another. Who has no secret sees nothing and drives nothing. The pages do what the API does through the
//! same functions; what they ask for is neither captured nor met by faults. The index is a dashboard, too: requests, webhooks, faults.

mod dashboard;
mod feed;
mod routes;
mod visitor;

pub(crate) use routes::router;
