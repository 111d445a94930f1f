//! Progress bars, drawn on standard error where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `n` steps.
pub fn bar(n: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(n).with_style(style).with_prefix(what)
}
