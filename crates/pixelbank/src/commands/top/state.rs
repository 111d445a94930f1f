//! What the screen shows, and what keys do to it.

use std::collections::VecDeque;

use pixelbank::analyzer::{Column, Table, View};
use pixelbank::memory::{Account, Ledger};
use ratatui::crossterm::event::KeyCode;
use ratatui::widgets::TableState;

use super::Order;

/// As much as the widest terminal shows.
const N_SAMPLES: usize = 600;

pub struct State {
    /// What is watched.
    pub name: String,
    pub view: View,
    pub table: Table,
    pub samples: VecDeque<Sample>,
    pub sort: Column,
    pub is_reversed: bool,
    pub is_paused: bool,
    pub shows_help: bool,
    pub selected: TableState,
    /// What a key did.
    pub notice: Option<String>,
    /// Why nothing more is seen, since the last look that failed.
    pub lost: Option<String>,
}

/// What was held at one moment.
pub struct Sample {
    pub time_ms: u64,
    pub resident_bytes: u64,
    pub accounts: Vec<(Account, u64)>,
}

impl Sample {
    fn of(ledger: &Ledger) -> Self {
        let rows = ledger.accounts.iter().filter(|row| row.live_bytes > 0);
        Self {
            time_ms: ledger.time_ms,
            resident_bytes: ledger.process.resident_bytes,
            accounts: rows.map(|row| (row.account, row.live_bytes)).collect(),
        }
    }
}

impl State {
    pub fn new(name: String, sort: Column, first: View) -> Self {
        let mut state = Self {
            name,
            table: Table::of(&first.ledger),
            view: first.clone(),
            samples: VecDeque::new(),
            sort,
            is_reversed: false,
            is_paused: false,
            shows_help: false,
            selected: TableState::default().with_selected(0),
            notice: None,
            lost: None,
        };
        if let Some(timed) = &first.history {
            let history = &timed.history;
            for (at, time_ms) in history.times_ms.iter().enumerate() {
                let held = history.accounts.iter();
                state.samples.push_back(Sample {
                    time_ms: *time_ms,
                    resident_bytes: history.resident_bytes.get(at).copied().unwrap_or(0),
                    accounts: held
                        .filter_map(|(account, bytes)| Some((*account, *bytes.get(at)?)))
                        .collect(),
                });
            }
        }
        state.saw(first);
        state
    }

    /// Takes a new look.
    pub fn saw(&mut self, view: View) {
        self.lost = None;
        let newest = self.samples.back().map_or(0, |sample| sample.time_ms);
        if view.ledger.time_ms > newest {
            self.samples.push_back(Sample::of(&view.ledger));
            if self.samples.len() > N_SAMPLES {
                self.samples.pop_front();
            }
        }
        if !self.is_paused {
            self.view = view;
            self.sort();
        }
    }

    /// Notes that it could not be looked at.
    pub fn lost(&mut self, why: String) {
        self.lost = Some(why);
    }

    fn sort(&mut self) {
        self.table = Table::of(&self.view.ledger);
        self.table.sort(self.sort, self.is_reversed);
    }

    /// What a key asks for beside what it changes on the screen.
    pub fn key(&mut self, key: KeyCode) -> Option<Order> {
        self.notice = None;
        if std::mem::take(&mut self.shows_help) {
            return None;
        }
        match key {
            KeyCode::Char('?' | 'h') => self.shows_help = true,
            KeyCode::Left | KeyCode::Char('<') => self.choose(-1),
            KeyCode::Right | KeyCode::Char('>') => self.choose(1),
            KeyCode::Char('r') => {
                self.is_reversed = !self.is_reversed;
                self.sort();
            }
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Up => self.selected.scroll_up_by(1),
            KeyCode::Down => self.selected.scroll_down_by(1),
            KeyCode::PageUp => self.selected.scroll_up_by(10),
            KeyCode::PageDown => self.selected.scroll_down_by(10),
            KeyCode::Home => self.selected.select_first(),
            KeyCode::End => self.selected.select_last(),
            KeyCode::Char('m') => return Some(Order::Mark),
            KeyCode::Char('s') => self.notice = Some(self.save()),
            _ => {}
        }
        None
    }

    /// Sorts by the column so many further on.
    fn choose(&mut self, step: isize) {
        let columns = self.table.columns();
        let at = columns.iter().position(|column| *column == self.sort);
        let to = at.unwrap_or(0) as isize + step;
        if let Some(column) = columns.get(to.rem_euclid(columns.len() as isize) as usize) {
            self.sort = *column;
        }
        self.sort();
    }

    /// Keeps counts and bytes by type in a file, to compare with later.
    fn save(&self) -> String {
        let name = format!("pixelbank-{}.json", self.view.ledger.time_ms / 1000);
        let snapshot = pixelbank::analyzer::Snapshot::of(&self.view.ledger);
        match std::fs::write(&name, snapshot.to_json()) {
            Ok(()) => format!("saved as {name}; `pixelbank ledger --since {name}` compares"),
            Err(error) => format!("{name}: {error}"),
        }
    }
}
