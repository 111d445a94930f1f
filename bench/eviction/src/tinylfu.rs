//! W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU: A highly efficient cache admission policy", 2017) with the window
//! sized by hill climbing (Einziger, Eytan, Friedman and Manes, "Adaptive software cache management", 2018), as the
//! Caffeine library has it: a window and two segments in order of use, and a sketch of how often every tile was asked
//! for, halved every ten times as many requests as there are tiles.

use std::collections::{BTreeMap, HashMap};

use crate::peers::Peer;
use crate::traces::Request;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Window,
    Probation,
    Protected,
}

/// Tiles in order of use.
#[derive(Default)]
struct Queue {
    order: BTreeMap<u64, u32>,
    bytes: u64,
}

struct Entry {
    part: Part,
    at: u64,
    bytes: u32,
}

pub struct TinyLfu {
    room: u64,
    now: u64,
    tiles: HashMap<u32, Entry>,
    window: Queue,
    probation: Queue,
    protected: Queue,
    window_room: u64,
    sketch: Sketch,
    climber: Climber,
}

struct Climber {
    requests: u64,
    hits: u64,
    before: f64,
    step: f64,
}

struct Sketch {
    rows: [Vec<u8>; 4],
    additions: u64,
    period: u64,
}

impl Sketch {
    fn new(tiles: u64) -> Self {
        let width = tiles.next_power_of_two().max(64) as usize * 4;
        Self {
            rows: std::array::from_fn(|_| vec![0; width]),
            additions: 0,
            period: tiles.max(16) * 10,
        }
    }

    fn slot(&self, row: usize, id: u32) -> usize {
        let mut hash = (u64::from(id) + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (row as u64 * 0x5851_f42d_4c95_7f2d));
        hash ^= hash >> 32;
        hash as usize & (self.rows[row].len() - 1)
    }

    fn add(&mut self, id: u32) {
        for row in 0..4 {
            let slot = self.slot(row, id);
            self.rows[row][slot] = (self.rows[row][slot] + 1).min(15);
        }
        self.additions += 1;
        if self.additions == self.period {
            self.additions /= 2;
            self.rows.iter_mut().flatten().for_each(|count| *count /= 2);
        }
    }

    fn estimate(&self, id: u32) -> u8 {
        (0..4)
            .map(|row| self.rows[row][self.slot(row, id)])
            .min()
            .unwrap_or(0)
    }
}

impl TinyLfu {
    /// `tiles` is about how many of them fit.
    pub fn new(room: u64, tiles: u64) -> Self {
        Self {
            room,
            now: 0,
            tiles: HashMap::new(),
            window: Queue::default(),
            probation: Queue::default(),
            protected: Queue::default(),
            window_room: room / 100,
            sketch: Sketch::new(tiles),
            climber: Climber {
                requests: 0,
                hits: 0,
                before: 0.0,
                step: 0.0625,
            },
        }
    }

    fn queue(&mut self, part: Part) -> &mut Queue {
        match part {
            Part::Window => &mut self.window,
            Part::Probation => &mut self.probation,
            Part::Protected => &mut self.protected,
        }
    }

    /// Moves a tile to the newest end of `part`.
    fn put(&mut self, id: u32, part: Part) {
        self.now += 1;
        let at = self.now;
        let Some(entry) = self.tiles.get_mut(&id) else {
            return;
        };
        let (from, old, bytes) = (entry.part, entry.at, u64::from(entry.bytes));
        (entry.part, entry.at) = (part, at);
        let queue = self.queue(from);
        if queue.order.remove(&old).is_some() {
            queue.bytes -= bytes;
        }
        let queue = self.queue(part);
        queue.order.insert(at, id);
        queue.bytes += bytes;
    }

    fn drop_tile(&mut self, id: u32) {
        let Some(entry) = self.tiles.remove(&id) else {
            return;
        };
        let queue = self.queue(entry.part);
        queue.order.remove(&entry.at);
        queue.bytes -= u64::from(entry.bytes);
    }

    fn oldest(&mut self, part: Part) -> Option<u32> {
        self.queue(part).order.first_key_value().map(|(_, id)| *id)
    }

    fn settle(&mut self) {
        while self.protected.bytes > (self.room - self.window_room) / 5 * 4 {
            let Some(id) = self.oldest(Part::Protected) else {
                break;
            };
            self.put(id, Part::Probation);
        }
        while self.window.bytes > self.window_room && self.window.order.len() > 1 {
            let Some(id) = self.oldest(Part::Window) else {
                break;
            };
            self.put(id, Part::Probation);
            self.evict(Some(id));
        }
        self.evict(None);
    }

    fn evict(&mut self, candidate: Option<u32>) {
        while self.window.bytes + self.probation.bytes + self.protected.bytes > self.room {
            let victim = match self.oldest(Part::Probation) {
                Some(id) => id,
                None => match self.oldest(Part::Protected).or(self.oldest(Part::Window)) {
                    Some(id) => id,
                    None => return,
                },
            };
            match candidate {
                Some(candidate) if candidate != victim && self.tiles.contains_key(&candidate) => {
                    if self.sketch.estimate(candidate) > self.sketch.estimate(victim) {
                        self.drop_tile(victim);
                    } else {
                        self.drop_tile(candidate);
                    }
                }
                _ => self.drop_tile(victim),
            }
        }
    }

    fn climb(&mut self, hit: bool) {
        self.climber.requests += 1;
        self.climber.hits += u64::from(hit);
        if self.climber.requests < self.sketch.period {
            return;
        }
        let ratio = self.climber.hits as f64 / self.climber.requests as f64;
        let change = ratio - self.climber.before;
        let direction = if change >= 0.0 {
            self.climber.step
        } else {
            -self.climber.step
        };
        self.climber.step = if change.abs() >= 0.05 {
            0.0625 * direction.signum()
        } else {
            direction * 0.98
        };
        self.climber.before = ratio;
        (self.climber.requests, self.climber.hits) = (0, 0);
        let share = self.window_room as f64 / self.room as f64 + direction;
        self.window_room = (self.room as f64 * share.clamp(0.002, 0.8)) as u64;
    }
}

impl Peer for TinyLfu {
    fn request(&mut self, request: Request) -> bool {
        self.sketch.add(request.id);
        let found = self.tiles.get(&request.id).map(|entry| entry.part);
        self.climb(found.is_some());
        match found {
            Some(Part::Window) => self.put(request.id, Part::Window),
            Some(_) => self.put(request.id, Part::Protected),
            None => {
                self.tiles.insert(
                    request.id,
                    Entry {
                        part: Part::Window,
                        at: 0,
                        bytes: request.bytes,
                    },
                );
                self.put(request.id, Part::Window);
            }
        }
        self.settle();
        found.is_some()
    }
}
