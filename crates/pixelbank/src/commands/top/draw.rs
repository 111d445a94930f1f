//! The screen.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pixelbank::analyzer::Column;
use pixelbank::memory::{Account, Event, EventKind, Pressure, format_bytes};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table};

use super::stack::{Stack, colour};
use super::state::State;

const KEYS: &str = "q ends  ←→ sort  r reverses  ↑↓ scrolls  m marks  s saves  p pauses  ? helps";
const HELP: &[&str] = &[
    "←  →      sort by the column before or behind",
    "r         sort the other way round",
    "↑  ↓      go through the table; Page Up, Page Down, Home, End too",
    "m         set a mark: a column tells what was taken since",
    "s         save counts and bytes by type; `pixelbank ledger --since FILE` compares",
    "p, space  hold the table still; the graph goes on",
    "q         end",
    "",
    "In the graph: accounts in their colours, · what is resident, ╌ the limit.",
];

pub fn screen(frame: &mut Frame<'_>, state: &mut State) {
    let area = frame.area();
    let graph_height = match area.height {
        0..=15 => 0,
        height => (height / 3).min(16),
    };
    let n_events = match area.height {
        0..=23 => 0,
        _ => state.view.events.len().min(4) as u16,
    };
    let [head, budget, process, graph, legend, table, events, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(graph_height),
        Constraint::Length(u16::from(graph_height > 0)),
        Constraint::Min(2),
        Constraint::Length(n_events),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(title(state), head);
    frame.render_widget(status(state).alignment(Alignment::Right), head);
    frame.render_widget(limit(state, budget.width), budget);
    frame.render_widget(resident(state), process);
    if graph_height > 0 {
        draw_graph(frame, state, graph);
        frame.render_widget(accounts(state), legend);
    }
    draw_table(frame, state, table);
    let newest = state.view.events.iter().rev().take(usize::from(n_events));
    frame.render_widget(Paragraph::new(newest.map(told).collect::<Vec<_>>()), events);
    frame.render_widget(footer(state), foot);
    if state.shows_help {
        draw_help(frame, area);
    }
}

fn title(state: &State) -> Line<'_> {
    Line::from(vec!["pixelbank top  ".bold(), Span::raw(&state.name)])
}

fn status(state: &State) -> Line<'static> {
    let ledger = &state.view.ledger;
    let mut words = Vec::new();
    if let Some(pressure) = ledger.pressure.filter(|level| *level > Pressure::None) {
        words.push(Span::from(format!("pressure {}  ", pressure.name())).red());
    }
    if state.is_paused {
        words.push("paused  ".yellow());
    }
    let uptime = Duration::from_millis(ledger.uptime_ms);
    words.push(Span::raw(format!("up {}", short(uptime))));
    Line::from(words)
}

/// `12 s`, `3 min`, `5 h 12 min`, `4 d 3 h`.
fn short(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0 => format!("{} s", time.as_secs()),
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes / 60 % 24),
    }
}

/// The budget as a bar: in use, idle, free.
fn limit(state: &State, width: u16) -> Line<'static> {
    let host = &state.view.ledger.host;
    let text = format!(
        " {} of {} held, {} idle, at most {}",
        format_bytes(host.live_bytes),
        format_bytes(host.limit_bytes),
        format_bytes(host.idle_bytes),
        format_bytes(host.peak_bytes)
    );
    let room = usize::from(width).saturating_sub(text.chars().count() + 9);
    let room = room.clamp(10, 40);
    let cells = |bytes: u64| {
        let share = u128::from(bytes.min(host.limit_bytes)) * room as u128;
        (share / u128::from(host.limit_bytes.max(1))) as usize
    };
    let held = cells(host.live_bytes);
    let in_use = cells(host.live_bytes.saturating_sub(host.idle_bytes));
    let is_over = host.overdrawn_bytes > 0;
    let fill = if is_over { Color::Red } else { Color::Green };
    Line::from(vec![
        Span::raw("Budget   "),
        Span::raw("█".repeat(in_use)).fg(fill),
        Span::raw("▒".repeat(held - in_use)).fg(fill),
        Span::raw("░".repeat(room - held)).dark_gray(),
        Span::raw(text),
    ])
}

fn resident(state: &State) -> Line<'static> {
    let process = &state.view.ledger.process;
    let mut text = format!("Resident {}", format_bytes(process.resident_bytes));
    let beside = [
        ("mapped files", Some(process.file_bytes)),
        ("allocator", process.allocator_bytes),
        ("unclassified", Some(process.unclassified_bytes)),
    ];
    let beside: Vec<String> = beside
        .into_iter()
        .filter_map(|(what, bytes)| Some(format!("{what} {}", format_bytes(bytes?))))
        .collect();
    text += &format!(", beside the books: {}", beside.join(", "));
    Line::raw(text)
}

fn draw_graph(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let [labels, graph] =
        Layout::horizontal([Constraint::Length(9), Constraint::Min(1)]).areas(area);
    let limit_bytes = state.view.ledger.host.limit_bytes;
    let shown = state.samples.iter().rev().take(usize::from(graph.width));
    let most = shown.map(|sample| sample.resident_bytes).max().unwrap_or(0);
    let top_bytes = most.max(limit_bytes) + most.max(limit_bytes) / 20;
    let axis = |bytes: u64| Line::from(format_bytes(bytes)).dark_gray().right_aligned();
    let at = |row: u16| Rect {
        y: labels.y + row,
        height: 1,
        width: 8,
        ..labels
    };
    frame.render_widget(axis(top_bytes), at(0));
    frame.render_widget(axis(top_bytes / 2), at(labels.height / 2));
    frame.render_widget(axis(0), at(labels.height - 1));
    let stack = Stack {
        samples: &state.samples,
        limit_bytes,
        top_bytes,
    };
    frame.render_widget(stack, graph);
}

/// The accounts that hold something, in their colours.
fn accounts(state: &State) -> Line<'static> {
    let mut line = Line::raw("         ");
    let held = state.view.ledger.accounts.iter();
    for row in held.filter(|row| row.live_bytes > 0) {
        let text = format!(" {} {}  ", row.account, format_bytes(row.live_bytes));
        line.push_span(Span::raw("■").fg(colour(row.account)));
        line.push_span(Span::raw(text));
    }
    line
}

fn draw_table(frame: &mut Frame<'_>, state: &mut State, area: Rect) {
    let columns = fitting(state, area.width);
    let cells = |column: Column| state.table.rows.iter().map(move |row| row.cell(column));
    let width = |column: Column| {
        let widths = cells(column).map(|cell| cell.chars().count());
        widths.max().unwrap_or(0).max(column.name().len() + 1) as u16
    };
    let widths: Vec<_> = columns
        .iter()
        .map(|column| Constraint::Length(width(*column)))
        .collect();
    let align = |column: Column| match column.is_text() {
        true => Alignment::Left,
        false => Alignment::Right,
    };
    let head = columns.iter().map(|column| {
        let is_sorted = *column == state.sort;
        // Figures go down, texts up, unless reversed.
        let sign = match is_sorted {
            false => "",
            true if column.is_text() != state.is_reversed => "▲",
            true => "▼",
        };
        let text = Line::from(format!("{}{sign}", column.name())).alignment(align(*column));
        let cell = Cell::from(text);
        if is_sorted { cell.underlined() } else { cell }
    });
    let rows = state.table.rows.iter().map(|row| {
        let style = match Account::from_name(row.account) {
            Some(account) => Style::default().fg(colour(account)),
            None => Style::default().dark_gray(),
        };
        let cell = |column: &Column| Line::from(row.cell(*column)).alignment(align(*column));
        let cells = columns.iter().map(|column| {
            let cell = Cell::from(cell(column));
            if *column == Column::Account || row.account.is_empty() {
                cell.style(style)
            } else {
                cell
            }
        });
        Row::new(cells)
    });
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(Style::default().bold()))
        .column_spacing(2)
        .row_highlight_style(Style::default().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut state.selected);
}

/// The columns for which there is room; those that say least go first.
fn fitting(state: &State, width: u16) -> Vec<Column> {
    const LEAST_FIRST: [Column; 6] = [
        Column::Resource,
        Column::Average,
        Column::Share,
        Column::Wasted,
        Column::Peak,
        Column::Growth,
    ];
    let mut columns = state.table.columns();
    let needed = |columns: &[Column]| -> usize {
        let width = |column: &Column| {
            let widths = state
                .table
                .rows
                .iter()
                .map(|row| row.cell(*column).chars().count());
            widths.max().unwrap_or(0).max(column.name().len() + 1) + 2
        };
        columns.iter().map(width).sum()
    };
    for column in LEAST_FIRST {
        if needed(&columns) <= usize::from(width) + 2 {
            break;
        }
        columns.retain(|other| *other != column);
    }
    columns
}

/// One event, in a line.
fn told(event: &Event) -> Line<'static> {
    let ago = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .saturating_sub(Duration::from_millis(event.until_ms));
    let amount = match (event.kind, event.resource.as_str()) {
        (EventKind::Marked, _) => format!("mark {}", event.amount),
        (_, "files") => event.amount.to_string(),
        _ => format_bytes(event.amount),
    };
    let account = event
        .account
        .map_or_else(String::new, |account| format!(" of {account}"));
    let times = match event.count {
        1 => String::new(),
        count => format!(", {count} times"),
    };
    let text = format!(
        "{:>10} ago  {:<10} {amount}{account} ({}){times}",
        short(ago),
        event.kind.name(),
        event.resource
    );
    match event.kind {
        EventKind::Refused | EventKind::Overdrawn | EventKind::Pressure => Line::from(text).red(),
        _ => Line::from(text).dark_gray(),
    }
}

fn footer(state: &State) -> Line<'_> {
    match (&state.lost, &state.notice) {
        (Some(why), _) => Line::from(format!("Nothing more is seen: {why} (q ends)"))
            .red()
            .bold(),
        (None, Some(notice)) => Line::raw(notice.as_str()).yellow(),
        (None, None) => Line::from(KEYS).dark_gray(),
    }
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let width = HELP
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0) as u16
        + 4;
    let box_of = |size: u16, whole: u16| (whole.saturating_sub(size) / 2, size.min(whole));
    let (x, width) = box_of(width, area.width);
    let (y, height) = box_of(HELP.len() as u16 + 2, area.height);
    let area = Rect {
        x,
        y,
        width,
        height,
    };
    frame.render_widget(Clear, area);
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|line| Line::raw(format!(" {line}")))
        .collect();
    let help = Paragraph::new(lines).block(Block::bordered().title(" Keys "));
    frame.render_widget(help, area);
}

#[cfg(test)]
mod tests {
    use pixelbank::analyzer::View;
    use pixelbank::memory::Bank;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyCode;

    use super::*;

    fn screen_of(state: &mut State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen(frame, state)).unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer.content().chunks(usize::from(width));
        let line = |row: &[ratatui::buffer::Cell]| -> String {
            row.iter().map(ratatui::buffer::Cell::symbol).collect()
        };
        rows.map(|row| line(row) + "\n").collect()
    }

    fn state(bank: &Bank) -> State {
        bank.sample();
        let view = View::of(bank, Some(1000));
        State::new("a process".to_owned(), Column::Bytes, view)
    }

    #[test]
    fn the_screen_shows_who_holds_what_at_any_size() {
        let bank = Bank::builder().host_bytes(256 << 20).build().unwrap();
        let tiles = bank.holder(Account::Tiles, "tile", "photos");
        let _tiles = tiles.try_reserve(64 << 20).unwrap();
        let pool = bank.holder(Account::Pool, "tensor", "π 図");
        let _tensor = pool.try_reserve(128 << 20).unwrap();
        assert!(tiles.try_reserve(256 << 20).is_err());
        let mut state = state(&bank);
        let text = screen_of(&mut state, 100, 30);
        for part in [
            "192 MiB of 256 MiB held",
            "tile",
            "photos",
            "tensor",
            "refused",
            "bytes▼",
            "█",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let line = |text: &str, part: &str| text.lines().position(|line| line.contains(part));
        assert!(
            line(&text, "tensor") < line(&text, "photos"),
            "the largest first"
        );
        state.key(KeyCode::Char('r'));
        let text = screen_of(&mut state, 100, 30);
        assert!(line(&text, "tensor") > line(&text, "photos"), "{text}");
        state.key(KeyCode::Left);
        assert_eq!(state.sort, Column::Count);
        for (width, height) in [(40, 12), (20, 5), (1, 1), (300, 100), (80, 24)] {
            screen_of(&mut state, width, height);
        }
        state.key(KeyCode::Char('?'));
        assert!(screen_of(&mut state, 100, 30).contains("set a mark"));
    }

    #[test]
    fn what_is_gone_is_told_and_what_comes_back_is_shown() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let mut state = state(&bank);
        state.lost("no such process".to_owned());
        assert!(screen_of(&mut state, 90, 20).contains("Nothing more is seen: no such process"));
        state.saw(View::of(&bank, None));
        assert!(!screen_of(&mut state, 90, 20).contains("Nothing more"));
    }

    #[test]
    fn a_paused_table_stays_while_the_graph_goes_on() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let mut state = state(&bank);
        state.key(KeyCode::Char('p'));
        let _new = bank
            .holder(Account::Tiles, "tile", "")
            .try_reserve(1000)
            .unwrap();
        let n_samples = state.samples.len();
        let mut view = View::of(&bank, None);
        view.ledger.time_ms += 1000;
        state.saw(view.clone());
        assert!(!screen_of(&mut state, 90, 20).contains("tile"));
        assert_eq!(state.samples.len(), n_samples + 1);
        state.key(KeyCode::Char('p'));
        state.saw(view);
        assert!(screen_of(&mut state, 90, 20).contains("tile"));
    }
}
