//! The message at the foot of the window.

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub problem: bool,
}

/// The message on screen: good news goes by itself after a while, a problem stays until it is closed.
#[derive(Default)]
pub struct Notices {
    current: Option<Notice>,
    /// When it was first drawn, in seconds.
    since: Option<f64>,
}

/// Seconds that good news stays on screen.
const SHOWN: f64 = 8.0;

impl Notices {
    pub fn current(&self) -> Option<&Notice> {
        self.current.as_ref()
    }

    /// Shows a message in place of the one before.
    pub fn show(&mut self, notice: Notice) {
        if self.current.as_ref() != Some(&notice) {
            (self.current, self.since) = (Some(notice), None);
        }
    }

    /// Good news.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.show(Notice { text: text.into(), problem: false });
    }

    pub fn problem(&mut self, text: impl Into<String>) {
        self.show(Notice { text: text.into(), problem: true });
    }

    /// Adds to the good news on screen.
    pub fn add(&mut self, text: &str) {
        let text = match &self.current {
            Some(before) if !before.problem => format!("{} {text}", before.text),
            _ => text.to_owned(),
        };
        self.tell(text);
    }

    pub fn close(&mut self) {
        (self.current, self.since) = (None, None);
    }

    pub fn dismiss_good_news(&mut self) {
        if self.current.as_ref().is_some_and(|n| !n.problem) {
            self.close();
        }
    }

    /// Takes good news off the screen when its time is over; `now` in seconds. Returns for how many seconds it is still shown.
    pub fn expire(&mut self, now: f64) -> Option<f64> {
        self.current.as_ref().filter(|n| !n.problem)?;
        let left = *self.since.get_or_insert(now) + SHOWN - now;
        if left > 0.0 {
            return Some(left);
        }
        self.close();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Notices;

    #[test]
    fn good_news_goes_by_itself_and_a_problem_stays() {
        let mut notices = Notices::default();
        notices.tell("Saved");
        notices.add("Twice");
        assert_eq!(notices.expire(100.0), Some(8.0));
        assert_eq!(notices.current().map(|n| n.text.as_str()), Some("Saved Twice"));
        assert_eq!((notices.expire(108.0), notices.current()), (None, None));
        notices.problem("Lost");
        assert_eq!(notices.expire(1e9), None);
        notices.dismiss_good_news();
        assert!(notices.current().is_some_and(|n| n.problem));
        notices.add("Found");
        assert_eq!(notices.current().map(|n| n.text.as_str()), Some("Found"));
    }
}
