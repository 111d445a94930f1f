//! A stacked area of blocks: accounts over time.

use pixelbank::memory::Account;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::Widget;

use super::state::Sample;

/// Eighths of a cell, from the bottom.
const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The colour of an account in a terminal of 256 colours.
pub const fn colour(account: Account) -> Color {
    Color::Indexed(match account {
        Account::Tiles => 72,
        Account::Bitmaps => 68,
        Account::Descriptors => 179,
        Account::Catalog => 140,
        Account::Encoded => 74,
        Account::Pool => 73,
        Account::Textures => 173,
        Account::Video => 169,
        Account::Meshes => 107,
        _ => 145,
    })
}

/// The last samples, one a column, the newest at the right.
pub struct Stack<'a> {
    pub samples: &'a std::collections::VecDeque<Sample>,
    pub limit_bytes: u64,
    /// What the top edge stands for.
    pub top_bytes: u64,
}

impl Stack<'_> {
    /// The height of an amount, in eighths of a cell.
    fn eighths(&self, bytes: u64, rows: u16) -> u64 {
        let whole = u128::from(rows) * 8;
        (u128::from(bytes) * whole / u128::from(self.top_bytes.max(1))).min(whole) as u64
    }
}

impl Widget for Stack<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let limit_row = self.eighths(self.limit_bytes, area.height) / 8;
        let newest_first = self.samples.iter().rev();
        for (sample, x) in newest_first.zip((area.left()..area.right()).rev()) {
            let mut accounts = sample.accounts.clone();
            accounts.sort_by_key(|(account, _)| *account);
            let mut held = 0;
            let edges: Vec<(u64, Color)> = accounts
                .into_iter()
                .map(|(account, bytes)| {
                    held += bytes;
                    (self.eighths(held, area.height), colour(account))
                })
                .collect();
            let resident_row = self.eighths(sample.resident_bytes, area.height) / 8;
            for row in 0..u64::from(area.height) {
                let (bottom, top) = (row * 8, row * 8 + 8);
                let cell = &mut buffer[(x, area.bottom() - 1 - row as u16)];
                // The band that begins the cell, and how high it reaches in it.
                let Some(at) = edges.iter().position(|(edge, _)| *edge > bottom) else {
                    if row == resident_row {
                        cell.set_symbol("·").set_fg(Color::White);
                    } else if row == limit_row {
                        cell.set_symbol("╌").set_fg(Color::Red);
                    }
                    continue;
                };
                let (edge, fill) = edges[at];
                cell.set_symbol(BLOCKS[(edge.min(top) - bottom) as usize]);
                cell.set_fg(fill);
                if let Some((_, above)) = edges.get(at + 1).filter(|_| edge < top) {
                    cell.set_bg(*above);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn drawn(accounts: &[(Account, u64)], resident_bytes: u64) -> Vec<(String, Color)> {
        let samples = VecDeque::from([Sample {
            time_ms: 0,
            resident_bytes,
            accounts: accounts.to_vec(),
        }]);
        let area = Rect::new(0, 0, 2, 4);
        let mut buffer = Buffer::empty(area);
        let stack = Stack {
            samples: &samples,
            limit_bytes: 28,
            top_bytes: 32,
        };
        stack.render(area, &mut buffer);
        let column = |x: u16| (0..4).map(move |y| (x, 3 - y));
        assert!(
            column(0).all(|at| buffer[at].symbol() == " "),
            "nothing was known then"
        );
        let cells = column(1).map(|at| &buffer[at]);
        cells
            .map(|cell| (cell.symbol().to_owned(), cell.fg))
            .collect()
    }

    #[test]
    fn a_column_is_as_high_as_what_was_held() {
        let tiles = colour(Account::Tiles);
        let pool = colour(Account::Pool);
        // Eight bytes a cell: a cell and a half of tiles, and half a one of the pool above them.
        let cells = drawn(&[(Account::Pool, 4), (Account::Tiles, 12)], 20);
        assert_eq!(cells[0], ("█".to_owned(), tiles));
        assert_eq!(cells[1], ("▄".to_owned(), tiles), "the pool is behind it");
        assert_eq!(cells[2], ("·".to_owned(), Color::White), "resident");
        assert_eq!(cells[3], ("╌".to_owned(), Color::Red), "the limit");
        let cells = drawn(&[(Account::Pool, 1000)], 1000);
        assert!(cells.iter().all(|cell| *cell == ("█".to_owned(), pool)));
    }
}
