//! The faults that wait for their requests.

use super::effect::FaultEffect;
use super::endpoint::Endpoint;
use super::fault::{Fault, FaultError};

/// In the order in which they were injected.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    /// With what is left of `skip` and `times`.
    fault: Fault,
    effect: FaultEffect,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> Result<(), FaultError> {
        let effect = fault.effect().map_err(FaultError)?;
        self.0.push(Pending { fault, effect });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.iter().map(|pending| pending.fault.clone()).collect()
    }

    /// What happens to this request, by the oldest fault that matches it and has nothing left to skip.
    pub(crate) fn match_fault(
        &mut self,
        endpoint: Endpoint,
        session_id: Option<&str>,
    ) -> Option<FaultEffect> {
        let index = self.0.iter_mut().position(|Pending { fault, .. }| {
            let matches = (fault.on == Endpoint::Any || fault.on == endpoint)
                && (fault.session_id.is_none() || fault.session_id.as_deref() == session_id);
            let passes = matches && fault.skip > 0;
            if passes {
                fault.skip -= 1;
            }
            matches && !passes
        })?;
        let Pending { fault, effect } = self.0.get_mut(index)?;
        let effect = effect.clone();
        match fault.times {
            0 => {}
            1 => {
                self.0.remove(index);
            }
            _ => fault.times -= 1,
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::super::effect::{CannedResponse, Replacement};
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        for text in texts {
            faults.add(text.parse().unwrap()).unwrap();
        }
        faults
    }

    #[test]
    fn skip_times_and_session_are_counted() {
        let mut faults = faults(&["get reset times=2 skip=1 session_id=a"]);
        let mut hits = |session| faults.match_fault(Endpoint::Get, Some(session)).is_some();
        assert!(!hits("b"));
        assert_eq!(
            [hits("a"), hits("a"), hits("a"), hits("a")],
            [false, true, true, false]
        );
    }

    #[test]
    fn times_zero_is_for_ever_and_faults_match_in_order() {
        let mut faults = faults(&["list status=500", "* status=503 times=0"]);
        let mut status = || match faults
            .match_fault(Endpoint::List, None)
            .unwrap()
            .replacement
        {
            Some(Replacement::Canned(CannedResponse { status, .. })) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!([status(), status(), status()], [500, 503, 503]);
        faults.clear();
        assert!(faults.match_fault(Endpoint::List, None).is_none());
    }

    #[test]
    fn what_waits_is_listed_with_what_is_left_of_it() {
        let mut faults = faults(&["list reset times=3 skip=1", "get hang times=0"]);
        let texts = |faults: &Faults| -> Vec<String> {
            faults.list().iter().map(ToString::to_string).collect()
        };
        for left in [
            "list reset times=3",
            "list reset times=2",
            "list reset",
            "get hang times=0",
        ] {
            faults.match_fault(Endpoint::List, None);
            assert_eq!(texts(&faults)[0], left);
        }
    }
}
