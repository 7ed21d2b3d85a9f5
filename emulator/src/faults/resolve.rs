//! From a fault to its effect: every action is checked for a meaning where it is injected.

use super::effect::{FaultEffect, LateStatus, Replacement};
use super::endpoint::Endpoint;
use super::fault::{Fault, FaultError};
use super::seconds::seconds;
use axum::http::HeaderName;

impl Fault {
    /// Checks that every action has a meaning where it is injected.
    ///
    /// # Errors
    /// When one has none; the text says what to use.
    pub fn validate(&self) -> Result<(), FaultError> {
        self.effect().map(drop).map_err(FaultError)
    }

    pub(super) fn effect(&self) -> Result<FaultEffect, String> {
        if self.on == Endpoint::Webhook {
            return self.webhook_fault().map(|webhook| FaultEffect {
                webhook: Some(webhook),
                text: self.to_string(),
                ..FaultEffect::default()
            });
        }
        if self.lose || self.event.is_some() {
            return Err(
                "`lose` and `event` are for webhooks: use them on webhook (\"on\": \"webhook\")"
                    .to_owned(),
            );
        }
        self.check_conditions()?;
        let effect = FaultEffect {
            webhook: None,
            text: self.to_string(),
            stream: self.stream_fault()?,
            replacement: self.replacement()?,
            after: self.after,
            delay: seconds("delay", self.delay)?,
            answer: self.answer_fault()?,
            body: self.body_fault()?.filter(|_| !self.is_open_socket()),
            late_status: self.late_status()?,
        };
        if self.after && effect.replacement.is_none() {
            return Err(
                "`after` needs `status`, `limit`, `deleted`, `redirect`, `reset` or `hang`: it says when the request is processed"
                    .to_owned(),
            );
        }
        let has_stream = effect
            .stream
            .as_ref()
            .is_some_and(|stream| !stream.is_nothing());
        if effect.replacement.is_some() && has_stream {
            return Err("a request that is refused has no stream: use either an answer (status, reset, ...) or the stream actions".to_owned());
        }
        if matches!(
            effect.replacement,
            Some(Replacement::Reset | Replacement::Hang)
        ) && (effect.body.is_some() || !effect.answer.is_nothing())
        {
            return Err(
                "`reset` and `hang` give no answer: nothing of it can be changed, split or cut"
                    .to_owned(),
            );
        }
        if effect.late_status.is_some() && effect.replacement.is_some() && !self.after {
            return Err(
                "`late_status` needs a message that is processed: add `after`, or leave the answer as it is".to_owned(),
            );
        }
        if self.latency.is_some() {
            let without = Self {
                latency: None,
                ..self.clone()
            };
            if without.has_action(&effect, has_stream) {
                return Err(
                    "`latency` adds to what other faults do: give the other action a fault of its own, or write `delay` here"
                        .to_owned(),
                );
            }
        } else if !self.has_action(&effect, has_stream) {
            return Err(
                "a fault needs an action, such as status=503, or cut_after=7 on events".to_owned(),
            );
        }
        Ok(effect)
    }

    fn has_action(&self, effect: &FaultEffect, has_stream: bool) -> bool {
        effect.replacement.is_some()
            || effect.delay.is_some()
            || effect.body.is_some()
            || !effect.answer.is_nothing()
            || effect.late_status.is_some()
            || has_stream
    }

    /// Checks which requests it is for.
    fn check_conditions(&self) -> Result<(), String> {
        for (name, value) in [
            ("starts_after", self.starts_after),
            ("lasts", self.lasts),
            ("latency", self.latency),
            ("jitter", self.jitter),
        ] {
            seconds(name, value)?;
        }
        if self.jitter.is_some() && self.latency.is_none() {
            return Err("`jitter` is how much `latency` varies: add that".to_owned());
        }
        if self.every == Some(0) {
            return Err("`every` is a number of requests, at least 1".to_owned());
        }
        if self.per_minute == Some(0) {
            return Err(
                "`per_minute` is how many requests pass in a minute, at least 1; to refuse all of them write limit=429 times=0"
                    .to_owned(),
            );
        }
        if let Some(chance) = self.chance.filter(|chance| !(0.0..=1.0).contains(chance)) {
            return Err(format!("`chance` is {chance}; it is from 0 to 1"));
        }
        if self.seed.is_some() && self.chance.is_none() && self.jitter.is_none() {
            return Err("`seed` is for `chance` and `jitter`: add one of them".to_owned());
        }
        for name in self.header.keys() {
            if HeaderName::try_from(name).is_err() {
                return Err(format!(
                    "`{name}` in `header` is not the name of an HTTP header"
                ));
            }
        }
        Ok(())
    }
}

impl Fault {
    fn late_status(&self) -> Result<Option<LateStatus>, String> {
        match self.late_status {
            None => Ok(None),
            Some(_) if self.on != Endpoint::Message => {
                Err("`late_status` follows a message: use it on message".to_owned())
            }
            Some(0) => Err("`late_status` is a number of answers, at least 1".to_owned()),
            Some(answers) => Ok(Some(LateStatus(answers))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_without_meaning_is_refused_with_a_reason() {
        for (text, reason) in [
            ("create", "needs an action"),
            ("list latency=1 status=503", "a fault of its own"),
            ("list latency=-1", "`latency` is in seconds, from 0"),
            (
                "list hang jitter=1",
                "`jitter` is how much `latency` varies",
            ),
            ("list hang every=0", "at least 1"),
            ("list hang chance=2", "it is from 0 to 1"),
            ("list hang seed=2", "add one of them"),
            ("list hang lasts=-1", "`lasts` is in seconds"),
            ("list per_minute=0", "limit=429 times=0"),
            (
                "list hang header={\"a b\":\"c\"}",
                "not the name of an HTTP header",
            ),
            ("list set={\"\":1}", "names each value by its place"),
            ("list set={\"a..b\":1}", "it names a value"),
            ("list set={\"a\":1} body_as=html", "choose one"),
            ("create cut_after=1", "act on a stream"),
            ("* silence", "act on a stream"),
            ("list insert=x", "act on a stream"),
            ("events cut_after=1 end_after=1", "exclude one another"),
            ("events silence cut_after_bytes=1", "exclude one another"),
            ("events status=503 cut_after=1", "has no stream"),
            ("events split=0", "at least 1"),
            ("events split_delay=1", "add that"),
            ("events no_ack", "act on a WebSocket"),
            ("upload duplicate", "act on a stream"),
            ("socket reorder=2", "AGI's stream"),
            ("socket fragment=0", "at least 1"),
            ("socket close_code=1011", "add it"),
            ("socket end_after=1 close_code=1005", "one of 1000"),
            ("socket status=404 cut_after=1", "has no stream"),
            ("socket oversize=3", "a number of bytes, from 37 to"),
            ("events reorder=1", "at least 2"),
            ("events insert_after=1", "add one of them"),
            ("events oversize=3", "a number of bytes, from 30 to"),
            ("list after", "`after` needs"),
            ("list body=x", "add `status`"),
            ("list redirect=/x body=x", "add `status`"),
            ("list reset headers={\"a\":\"b\"}", "give no answer"),
            ("list hang body_as=html", "give no answer"),
            ("list at=a", "add that"),
            ("list put=nan body_as=html", "choose one"),
            ("list put=missing", "say which with `at`"),
            ("list put=nan at=a..b", "it names a value"),
            (
                "list body_as=html inflates_to=5",
                "belongs to body_as=gzip_bomb",
            ),
            (
                "list body_as=gzip_bomb inflates_to=99999999999999",
                "at most",
            ),
            ("events then=close", "`close_after`"),
            ("socket then=silence", "`close_after`"),
            ("socket body_as=html", "add `status`"),
            (
                "list drop_headers=[\"a b\"]",
                "not the name of an HTTP header",
            ),
            ("list status=99", "from 200 to 599"),
            ("list status=500 hang", "choose one"),
            ("list limit=429 deleted=false", "choose one"),
            ("list limit=500", "429 or 503"),
            ("list retry_after=1", "belongs to `limit`"),
            ("list redirect=elsewhere", "begins with `/`"),
            ("list redirect=/x status=500", "301, 302"),
            ("list deleted=false", "on delete or delete_all"),
            ("list reset split=1", "give no answer"),
            ("list delay=-1", "in seconds"),
            ("webhook", "needs an action"),
            ("webhook delay=-1", "in seconds"),
            (
                "webhook lose status=503",
                "`lose`, `duplicate`, `reorder` and `delay`",
            ),
            ("webhook lose delay=1", "choose one"),
            ("webhook reorder=1", "at least 2"),
            (
                "webhook lose event=task.done",
                "`event` is `task.done`; it is one of session.created",
            ),
            ("list lose", "use them on webhook"),
            ("events event=x cut_after=1", "use them on webhook"),
            ("list late_status=1", "use it on message"),
            ("message late_status=0", "at least 1"),
            ("message late_status=1 status=500", "add `after`"),
            (
                "list status=500 headers={\"a b\":\"c\"}",
                "not a valid HTTP header",
            ),
        ] {
            let fault: Fault = text.parse().unwrap();
            let error = fault.validate().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
