//! What a fault does to a webhook.

use super::effect::WebhookFault;
use super::fault::Fault;
use super::seconds::seconds;

/// The events of webhooks (docs/spec/agi.md, section 8).
pub(crate) const WEBHOOK_EVENTS: [&str; 7] = [
    "session.created",
    "session.status_changed",
    "session.deleted",
    "task.started",
    "task.completed",
    "task.question",
    "task.error",
];

impl Fault {
    pub(super) fn webhook_fault(&self) -> Result<WebhookFault, String> {
        let known = Self {
            lose: self.lose,
            event: self.event.clone(),
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: self.delay,
            times: self.times,
            skip: self.skip,
            session_id: self.session_id.clone(),
            ..Self::new(self.on)
        };
        if *self != known {
            return Err(
                "a webhook takes `lose`, `duplicate`, `reorder` and `delay`, with `event`, `session_id`, `times` and `skip`; what it is \
                 answered is up to its receiver"
                    .to_owned(),
            );
        }
        if let Some(event) = &self.event
            && !WEBHOOK_EVENTS.contains(&event.as_str())
        {
            let events = WEBHOOK_EVENTS.join(", ");
            return Err(format!("`event` is `{event}`; it is one of {events}"));
        }
        if self.reorder.is_some_and(|group| group < 2) {
            return Err("`reorder` is the number of webhooks in a group, at least 2".to_owned());
        }
        let fault = WebhookFault {
            lose: self.lose,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: seconds("delay", self.delay)?,
        };
        if fault == WebhookFault::default() {
            return Err(
                "a fault needs an action, such as `webhook lose` or `webhook reorder=2`".to_owned(),
            );
        }
        let lost = WebhookFault {
            lose: true,
            ..WebhookFault::default()
        };
        if self.lose && fault != lost {
            return Err(
                "what is lost comes neither twice nor late: choose one of `lose` and the others"
                    .to_owned(),
            );
        }
        Ok(fault)
    }
}
