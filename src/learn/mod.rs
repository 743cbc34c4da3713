//! Lessons: Markdown files that set tasks, the goals that say when a task is done, and what a class has done so far. No screen.

mod change;
mod goal;
mod lesson;
mod progress;
mod tex;

pub use change::{Change, SolutionStep};
pub use goal::{Facts, Goal, Measure, Quantity, Seen, Sight};
pub use lesson::{Block, Lesson, LessonError, Question, Step, Task, folder, lessons};
pub use progress::{CourseProgress, Done};
pub use tex::tex;
