//! The window's state, in rooms that do not know each other. [`Model`] holds them.
//!
//! | room | what it holds |
//! |---|---|
//! | `open` | the document and everything that belongs to it alone; replaced whole |
//! | `loading`, `insight` | the way from its source to its data set; what is known of the table |
//! | `trainer` | the worker, the newest snapshot, what was sent |
//! | `files` | open, save, recent files, questions |
//! | `autosave` | what is open, kept in the user's data folder; what ended programs have left there |
//! | `view` | panels, pace, selection, sample |
//! | `notices` | the message at the foot |
//! | `jobs` | work on threads that comes back |
//! | `actions`, `requests` | what workspaces ask for |

mod actions;
mod autosave;
mod files;
mod insight;
mod jobs;
mod loading;
mod model;
mod notices;
mod open;
mod requests;
mod trainer;
mod view;

pub use actions::Action;
pub use files::{Intention, Modal};
pub use insight::Insight;
pub use jobs::{Job, JobProgress, Jobs};
pub use loading::{MissingFile, Opened};
pub use model::Model;
pub use open::HOW_READ;
pub use view::Panels;
