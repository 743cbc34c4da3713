//! What is known of a table beside its columns, found out in the background for the roles that its columns have now.

use super::jobs::{Job, Jobs};
use super::loading::Opened;
use crate::data::{DataWarning, Preparation, Relations, Role, relate, warnings};
use std::sync::{Arc, Weak};

#[derive(Default)]
pub struct Insight {
    pub relations: Relations,
    pub findings: Vec<DataWarning>,
}

/// What an insight is about. While it points at a table, no other one can have the same address.
#[derive(Clone)]
struct Subject {
    table: Weak<Opened>,
    features: Vec<String>,
    target: Option<String>,
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.table, &other.table) && self.features == other.features && self.target == other.target
    }
}

/// The insight into the open table.
#[derive(Default)]
pub struct Insights {
    found: Option<Arc<Insight>>,
    /// What was asked for last.
    subject: Option<Subject>,
    job: Option<Job<Insight>>,
}

impl Insights {
    pub fn found(&self) -> Option<&Arc<Insight>> {
        self.found.as_ref()
    }

    /// Takes in what has come; true when there is something.
    pub fn receive(&mut self) -> bool {
        let Some(outcome) = self.job.as_mut().and_then(Job::take) else { return false };
        self.job = None;
        // Without an insight the columns are shown alone.
        self.found = outcome.ok().map(Arc::new);
        true
    }

    /// Asks for an insight where table or roles are others than at the last one; one at a time.
    pub fn look_into(&mut self, table: &Arc<Opened>, plan: &Preparation, jobs: &Jobs) {
        if self.job.is_some() {
            return;
        }
        let of = |role| plan.columns.iter().filter(move |c| c.role == role).map(|c| c.name.clone());
        let (features, target) = (of(Role::Feature).collect(), of(Role::Target).next());
        let subject = Subject { table: Arc::downgrade(table), features, target };
        if self.subject.as_ref() == Some(&subject) {
            return;
        }
        self.subject = Some(subject.clone());
        self.found = None;
        let opened = Arc::clone(table);
        self.job = Some(jobs.start("insight", move |_| {
            let Subject { features, target, .. } = &subject;
            let (whole, target) = (&opened.loaded.table, target.as_deref());
            let features: Vec<&str> = features.iter().map(String::as_str).collect();
            Insight {
                relations: relate(whole, target),
                findings: warnings(whole, &opened.summaries, &features, target),
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::jobs::Jobs;
    use super::{Insights, Opened};
    use crate::data::{DataSource, Reading};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// A new table may lie where an old one lay; what is known of the old one must not be shown for it.
    #[test]
    fn every_table_gets_an_insight_of_its_own() {
        let (waker, woken) = channel();
        let waker = std::sync::Mutex::new(waker);
        let jobs = Jobs::new(Arc::new(move || {
            waker.lock().expect("not poisoned").send(()).ok();
        }));
        let mut insights = Insights::default();
        for _ in 0..20 {
            let source = DataSource::Builtin { name: "iris".to_owned() };
            let table = Arc::new(Opened::read(source, &Reading::default()).expect("is built in"));
            insights.look_into(&table, &table.guess, &jobs);
            assert!(insights.found().is_none(), "that of a table that is gone");
            while insights.found().is_none() {
                woken.recv_timeout(Duration::from_secs(30)).expect("the insight comes");
                jobs.poll();
                insights.receive();
            }
        }
    }
}
