//! The beginning and the end of a session, which a caller that leaves does not
//! cut short: what was created and nobody took is deleted.

use http::Method;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::api::{Api, SessionCache};
use super::models::{CreateSession, DeleteResult, SessionInfo, SnapshotOptions};
use super::validate;
use crate::background::{Ended, Offer, Piece, Work, last_delete};
use crate::error::{Error, Result};
use crate::ledger::Creating;
use crate::runtime;
use crate::transport::{Closing, Request};

/// Closes a create when its caller is gone.
struct Wanted(Closing);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Api {
    /// Creates a session. A request once sent goes on in the background where
    /// the caller leaves or the client is closed; a session that nobody takes is
    /// deleted.
    pub(crate) async fn create(&self, create: &CreateSession) -> Result<Offer<SessionInfo>> {
        Ok(self.offer(create).await?.delivered())
    }

    /// The same, for who goes on with the piece of work.
    pub(super) async fn offer(&self, create: &CreateSession) -> Result<Offer<SessionInfo>> {
        validate::create(create)?;
        let wanted = Wanted(Closing::default());
        let request = self.create_request(create)?.wanted(wanted.0.clone());
        // A close first ends the calls, then looks at the pieces: what it does not
        // find there must not begin.
        let mut piece = self.background().begin(Work::Create(wanted.0.clone()));
        if let Err(closed) = self.closing().check() {
            piece.over();
            return Err(closed);
        }
        let noted = self
            .ledger()
            .map(|ledger| ledger.creating(&create.agent_name, &create.snapshot))
            .transpose();
        let noted = match noted {
            Ok(noted) => noted,
            Err(refused) => {
                piece.over();
                return Err(refused);
            }
        };
        let (reply, replied) = oneshot::channel();
        let (api, snapshot) = (self.clone(), create.snapshot.clone());
        runtime::spawn(async move {
            let _ = reply.send(api.created(&request, snapshot, noted, piece).await);
        });
        let offer: Offer<Result<SessionInfo>> = tokio::select! {
            biased;
            offer = replied => offer.map_err(|_| Error::closed())?,
            () = self.closing().closed() => return Err(self.closing().why()),
        };
        offer.transposed()
    }

    fn create_request(&self, create: &CreateSession) -> Result<Request> {
        let mut body = serde_json::to_value(create).map_err(|error| {
            Error::invalid(format!("The parameters of `create` are not valid: {error}"))
        })?;
        if let Value::Object(fields) = &mut body {
            fields.extend(create.extra_body.clone());
        }
        let mut request = Request::new(self.config(), Method::POST, &["sessions"]).json(&body)?;
        if let Some(wait) = create.wait_for_limit {
            request = request.wait_for_limit(wait.min(crate::seconds::LONGEST));
        }
        Ok(request)
    }

    /// Sends a create to its end.
    async fn created(
        &self,
        request: &Request,
        snapshot: SnapshotOptions,
        noted: Option<Creating>,
        mut piece: Piece,
    ) -> Offer<Result<SessionInfo>> {
        let outcome = self.outliving_close().send_create(request, &snapshot).await;
        if let Some(noted) = noted {
            let made = outcome.as_ref().map(|session| &*session.session_id);
            self.noted(|ledger| ledger.tried(noted, made));
        }
        piece.over();
        let (api, runtime) = (self.clone(), Handle::current());
        let lost: Box<dyn FnOnce(bool) + Send> = match &outcome {
            Ok(session) => {
                let session_id = session.session_id.clone();
                Box::new(move |_| api.discard(session_id, snapshot, &runtime))
            }
            Err(error) if error.maybe_delivered() => {
                let left = Work::Create(Closing::default()).left(error.message());
                Box::new(move |told| {
                    if !told {
                        api.background().report(left);
                    }
                })
            }
            Err(_) => Box::new(|_| {}),
        };
        Offer::new(outcome, piece, lost)
    }

    async fn send_create(
        &self,
        request: &Request,
        snapshot: &SnapshotOptions,
    ) -> Result<SessionInfo> {
        let answer = self.send(request).await?;
        let session = match answer.json::<SessionInfo>() {
            Ok(session) if validate::session_id(&session.session_id).is_ok() => session,
            Ok(session) => {
                let why = format!("{:?} cannot be the id of a session", session.session_id);
                return Err(answer.useless(&why));
            }
            Err(error) => match self.created_at(&answer).await {
                Some(session) => session,
                None => return Err(error),
            },
        };
        self.cache().insert(
            session.session_id.clone(),
            SessionCache::of_new(snapshot.clone()),
        );
        Ok(session)
    }

    /// Deletes a session that nobody took, unless it is deleted already.
    fn discard(&self, session_id: String, snapshot: SnapshotOptions, runtime: &Handle) {
        let created = self
            .cache()
            .get_mut(&session_id)
            .and_then(|known| known.created.take());
        if created.is_none() {
            return;
        }
        let mut piece = self.background().begin(Work::Delete(session_id.clone()));
        let api = self.clone();
        runtime::spawn_on(runtime, async move {
            let left = api.delete_held(&session_id, &snapshot).await;
            piece.over();
            if left.is_some()
                && let Some(known) = api.cache().get_mut(&session_id)
            {
                // The end of the program tries once more.
                known.created = created;
            }
        });
    }

    /// Deletes a session at the end of its use: also where the client is closed,
    /// and to the end where the caller leaves. Begins at once.
    pub(crate) fn end_session(
        &self,
        session_id: &str,
        snapshot: &SnapshotOptions,
    ) -> Result<impl Future<Output = Ended> + Send + 'static + use<>> {
        validate::session_id(session_id)?;
        validate::snapshot(snapshot)?;
        let (api, id, snapshot) = (self.clone(), session_id.to_owned(), snapshot.clone());
        let delete = async move { api.outliving_close().delete(&id, &snapshot).await };
        Ok(self.background().end_session(session_id, delete))
    }

    /// Deletes a session that its holder is done with; what fails is told, and
    /// given.
    pub(super) async fn delete_held(
        &self,
        session_id: &str,
        snapshot: &SnapshotOptions,
    ) -> Option<Error> {
        let outcome = self.last_delete(session_id, snapshot).await;
        let error = outcome.and_then(DeleteResult::confirmed).err()?;
        self.background()
            .report(Work::Delete(session_id.to_owned()).left(error.message()));
        Some(error)
    }

    /// One delete that a close does not end, and that takes no longer than it may.
    pub(super) async fn last_delete(
        &self,
        session_id: &str,
        snapshot: &SnapshotOptions,
    ) -> Result<DeleteResult> {
        last_delete(self.outliving_close().delete(session_id, snapshot)).await
    }
}
