//! `pixelbank top`: a live view in the terminal.

mod draw;
mod stack;
mod state;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use pixelbank::analyzer::View;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::watched::Watched;
use crate::arguments::Top;
use state::State;

/// How soon what has come is seen, and a key is answered.
const TICK: Duration = Duration::from_millis(100);

/// Watches until somebody has seen enough.
pub fn run(options: &Top) -> anyhow::Result<ExitCode> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("top needs a terminal; `pixelbank ledger` prints once");
    }
    let watched = Watched::find(&options.target)?;
    // What cannot be reached at all is told at once, in a terminal as it was.
    let first = watched.view(true)?;
    let mut state = State::new(watched.to_string(), options.sort, first);
    let (orders, looks) = look_every(watched, options.interval);
    let mut terminal = ratatui::try_init()?;
    let ended = watch(&mut terminal, &mut state, &orders, &looks);
    ratatui::restore();
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// What the one who looks is asked beside looking.
enum Order {
    Mark,
}

/// What it saw.
enum Look {
    View(Box<View>),
    Marked(u32),
    Failed(String),
}

/// Looks on a thread of its own, as a busy server may take its time. Ends when nobody listens any more.
fn look_every(watched: Watched, interval: Duration) -> (SyncSender<Order>, Receiver<Look>) {
    let (orders, ordered) = mpsc::sync_channel(8);
    let (seen, looks) = mpsc::sync_channel(2);
    thread::spawn(move || {
        let mut next = Instant::now() + interval;
        loop {
            let order = ordered.recv_timeout(next.saturating_duration_since(Instant::now()));
            let look = match order {
                Ok(Order::Mark) => watched.mark().map(|mark| Look::Marked(mark.generation)),
                Err(RecvTimeoutError::Timeout) => {
                    next = Instant::now() + interval;
                    watched.view(false).map(|view| Look::View(Box::new(view)))
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let look = look.unwrap_or_else(|error| Look::Failed(format!("{error:#}")));
            if seen.send(look).is_err() {
                return;
            }
        }
    });
    (orders, looks)
}

fn watch(
    terminal: &mut DefaultTerminal,
    state: &mut State,
    orders: &SyncSender<Order>,
    looks: &Receiver<Look>,
) -> io::Result<()> {
    let mut is_stale = true;
    loop {
        for look in looks.try_iter() {
            match look {
                Look::View(view) => state.saw(*view),
                Look::Marked(number) => state.notice = Some(format!("mark {number} is set")),
                Look::Failed(why) => state.lost(why),
            }
            is_stale = true;
        }
        if is_stale {
            terminal.draw(|frame| draw::screen(frame, state))?;
            is_stale = false;
        }
        if event::poll(TICK)? {
            is_stale = true;
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    if is_end(key) {
                        return Ok(());
                    }
                    if let Some(order) = state.key(key.code) {
                        // Many at once, as of a key that is held down, are as good as a few.
                        let _ = orders.try_send(order);
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_end(key: KeyEvent) -> bool {
    let is_control_c =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    is_control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}
