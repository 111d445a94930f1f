//! The policies that ours is compared with, as their authors describe them, each with a capacity in bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::traces::Request;

/// A cache without contents.
pub trait Peer {
    /// Whether the tile was there; it is afterwards, where the policy admits it.
    fn request(&mut self, request: Request) -> bool;
}

/// What a policy made of a trace.
#[derive(Default, Clone, Copy)]
pub struct Score {
    pub hits: u64,
    pub hit_bytes: u64,
}

pub fn run(peer: &mut dyn Peer, requests: &[Request]) -> Score {
    let mut score = Score::default();
    for &request in requests {
        if peer.request(request) {
            score.hits += 1;
            score.hit_bytes += u64::from(request.bytes);
        }
    }
    score
}

/// Least recently used first.
pub struct Lru {
    room: u64,
    used: u64,
    now: u64,
    last: HashMap<u32, (u64, u32)>,
    order: BTreeMap<u64, u32>,
}

impl Lru {
    pub fn new(room: u64) -> Self {
        Self {
            room,
            used: 0,
            now: 0,
            last: HashMap::new(),
            order: BTreeMap::new(),
        }
    }
}

impl Peer for Lru {
    fn request(&mut self, request: Request) -> bool {
        self.now += 1;
        let before = self.last.insert(request.id, (self.now, request.bytes));
        self.order.insert(self.now, request.id);
        if let Some((then, _)) = before {
            self.order.remove(&then);
            return true;
        }
        self.used += u64::from(request.bytes);
        while self.used > self.room {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            if let Some((_, bytes)) = self.last.remove(&oldest) {
                self.used -= u64::from(bytes);
            }
        }
        false
    }
}

/// SIEVE (Zhang et al., NSDI 2024): a queue in order of arrival, and a hand that goes from the oldest to the newest,
/// takes what was not asked for since it last came by, and leaves the rest where it is.
pub struct Sieve {
    room: u64,
    used: u64,
    now: u64,
    tiles: HashMap<u32, (u64, u32, bool)>,
    order: BTreeMap<u64, u32>,
    hand: u64,
}

impl Sieve {
    pub fn new(room: u64) -> Self {
        Self {
            room,
            used: 0,
            now: 0,
            tiles: HashMap::new(),
            order: BTreeMap::new(),
            hand: 0,
        }
    }
}

impl Peer for Sieve {
    fn request(&mut self, request: Request) -> bool {
        if let Some((_, _, visited)) = self.tiles.get_mut(&request.id) {
            *visited = true;
            return true;
        }
        self.used += u64::from(request.bytes);
        while self.used > self.room && !self.order.is_empty() {
            let Some((&at, &id)) = self
                .order
                .range(self.hand..)
                .next()
                .or_else(|| self.order.iter().next())
            else {
                break;
            };
            // At the newest it starts over, whatever comes to stand behind that one later.
            self.hand = self
                .order
                .range(at + 1..)
                .next()
                .map_or(0, |(next, _)| *next);
            let Some((_, bytes, visited)) = self.tiles.get_mut(&id) else {
                break;
            };
            if *visited {
                *visited = false;
            } else {
                self.used -= u64::from(*bytes);
                self.order.remove(&at);
                self.tiles.remove(&id);
            }
        }
        self.now += 1;
        self.tiles
            .insert(request.id, (self.now, request.bytes, false));
        self.order.insert(self.now, request.id);
        false
    }
}

/// S3-FIFO (Yang et al., SOSP 2023): a small queue of a tenth, a main one, and the names of as much as the main one
/// holds.
pub struct S3Fifo {
    room: u64,
    tiles: HashMap<u32, (u32, u8)>,
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghosts: VecDeque<(u32, u32)>,
    ghost_set: HashMap<u32, u32>,
    small_bytes: u64,
    main_bytes: u64,
    ghost_bytes: u64,
}

impl S3Fifo {
    pub fn new(room: u64) -> Self {
        Self {
            room,
            tiles: HashMap::new(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            ghost_set: HashMap::new(),
            small_bytes: 0,
            main_bytes: 0,
            ghost_bytes: 0,
        }
    }

    fn evict(&mut self) {
        if self.small_bytes >= self.room / 10 || self.main.is_empty() {
            while let Some(id) = self.small.pop_front() {
                let (bytes, uses) = self.tiles[&id];
                self.small_bytes -= u64::from(bytes);
                if uses > 1 {
                    self.tiles.insert(id, (bytes, 0));
                    self.main.push_back(id);
                    self.main_bytes += u64::from(bytes);
                    if self.main_bytes > self.room / 10 * 9 {
                        self.evict_main();
                    }
                } else {
                    self.tiles.remove(&id);
                    self.remember(id, bytes);
                    return;
                }
            }
        } else {
            self.evict_main();
        }
    }

    fn evict_main(&mut self) {
        while let Some(id) = self.main.pop_front() {
            let (bytes, uses) = self.tiles[&id];
            if uses > 0 {
                self.tiles.insert(id, (bytes, uses - 1));
                self.main.push_back(id);
            } else {
                self.main_bytes -= u64::from(bytes);
                self.tiles.remove(&id);
                return;
            }
        }
    }

    fn remember(&mut self, id: u32, bytes: u32) {
        *self.ghost_set.entry(id).or_default() += 1;
        self.ghosts.push_back((id, bytes));
        self.ghost_bytes += u64::from(bytes);
        while self.ghost_bytes > self.room / 10 * 9 {
            let Some((id, bytes)) = self.ghosts.pop_front() else {
                break;
            };
            self.ghost_bytes -= u64::from(bytes);
            if let Some(count) = self.ghost_set.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    self.ghost_set.remove(&id);
                }
            }
        }
    }
}

impl Peer for S3Fifo {
    fn request(&mut self, request: Request) -> bool {
        if let Some((_, uses)) = self.tiles.get_mut(&request.id) {
            *uses = (*uses + 1).min(3);
            return true;
        }
        while self.small_bytes + self.main_bytes + u64::from(request.bytes) > self.room
            && !self.tiles.is_empty()
        {
            self.evict();
        }
        self.tiles.insert(request.id, (request.bytes, 0));
        if self.ghost_set.contains_key(&request.id) {
            self.main.push_back(request.id);
            self.main_bytes += u64::from(request.bytes);
        } else {
            self.small.push_back(request.id);
            self.small_bytes += u64::from(request.bytes);
        }
        false
    }
}

/// Belady's optimum: what is asked for again the latest goes first, the request itself included. With tiles of several
/// sizes it is no longer the optimum, but hard to beat.
pub fn belady(room: u64, requests: &[Request]) -> Score {
    let mut next = vec![usize::MAX; requests.len()];
    let mut seen: HashMap<u32, usize> = HashMap::new();
    for (at, request) in requests.iter().enumerate().rev() {
        if let Some(later) = seen.insert(request.id, at) {
            next[at] = later;
        }
    }
    let mut score = Score::default();
    let mut due: HashMap<u32, usize> = HashMap::new();
    let mut order: BTreeSet<(usize, u32, u32)> = BTreeSet::new();
    let mut used = 0;
    for (at, request) in requests.iter().enumerate() {
        let bytes = u64::from(request.bytes);
        if let Some(when) = due.remove(&request.id) {
            order.remove(&(when, request.id, request.bytes));
            used -= bytes;
            score.hits += 1;
            score.hit_bytes += bytes;
        }
        if next[at] == usize::MAX {
            continue;
        }
        due.insert(request.id, next[at]);
        order.insert((next[at], request.id, request.bytes));
        used += bytes;
        while used > room {
            let Some((_, id, bytes)) = order.pop_last() else {
                break;
            };
            due.remove(&id);
            used -= u64::from(bytes);
        }
    }
    score
}
