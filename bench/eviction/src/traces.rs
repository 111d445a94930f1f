//! Request traces, each the same in every run.

use crate::random::{Random, Zipf, shuffled};

/// A request for a tile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub id: u32,
    pub bytes: u32,
}

pub struct Trace {
    pub name: &'static str,
    /// What the table calls it.
    pub title: &'static str,
    pub capacities_mib: &'static [u64],
    make: fn(&mut Random) -> Vec<Request>,
}

impl Trace {
    pub fn requests(&self) -> Vec<Request> {
        // A seed of its own for each, so that adding one changes none of the others.
        let seed = self
            .name
            .bytes()
            .fold(20_26, |seed, byte| seed * 31 + u64::from(byte));
        (self.make)(&mut Random::new(seed))
    }
}

pub const TILE: u32 = 16 << 10;
const TILES: usize = 16_384;
const REQUESTS: usize = 600_000;

pub const ALL: &[Trace] = &[
    Trace {
        name: "zipf-0.9",
        title: "Zipf 0.9 over 16,384 tiles",
        capacities_mib: &[16, 32, 64],
        make: |random| zipf(random, 0.9),
    },
    Trace {
        name: "zipf-0.9-scans",
        title: "the same, 25,000 requests in turn with as many of a scan over all tiles",
        capacities_mib: &[16, 32, 64],
        make: zipf_and_scans,
    },
    Trace {
        name: "zipf-0.9-scan",
        title: "the same, every other request at random the next of a scan over all tiles",
        capacities_mib: &[16, 32, 64],
        make: zipf_and_scan,
    },
    Trace {
        name: "loop",
        title: "loop over 2,500 tiles",
        capacities_mib: &[16, 32],
        make: |_| (0..REQUESTS).map(|n| tile(n % 2500)).collect(),
    },
    Trace {
        name: "zipf-0.7",
        title: "Zipf 0.7",
        capacities_mib: &[32],
        make: |random| zipf(random, 0.7),
    },
    Trace {
        name: "zipf-1.1",
        title: "Zipf 1.1",
        capacities_mib: &[32],
        make: |random| zipf(random, 1.1),
    },
    Trace {
        name: "one-offs",
        title: "Zipf 0.9, every other thousand requests for tiles that never come again",
        capacities_mib: &[16, 32],
        make: one_offs,
    },
    Trace {
        name: "shifting",
        title: "Zipf 0.9 whose order of popularity moves on every 20,000 requests",
        capacities_mib: &[16, 32],
        make: shifting,
    },
    Trace {
        name: "recency",
        title: "a tile of the last ones, the nearer the likelier, or a new one",
        capacities_mib: &[16, 32],
        make: recency,
    },
    Trace {
        name: "moving",
        title: "eight looks at each tile, spread over the time in which 1,300 new ones come, then none",
        capacities_mib: &[8, 16, 32],
        make: moving,
    },
    Trace {
        name: "panning",
        title: "six viewers pan and zoom over pyramids",
        capacities_mib: &[8, 16, 32],
        make: panning,
    },
    Trace {
        name: "rows",
        title: "pictures read 16 rows at a time, some of them often",
        capacities_mib: &[16, 32],
        make: rows,
    },
    Trace {
        name: "frames",
        title: "a renderer's frames: buckets over textures, from a slowly moving camera",
        capacities_mib: &[16, 32, 64],
        make: frames,
    },
    Trace {
        name: "phases",
        title: "Zipf, a loop and panning in turn, 50,000 requests each",
        capacities_mib: &[16, 32],
        make: phases,
    },
    Trace {
        name: "two-sizes",
        title: "Zipf 0.9 over tiles of 16 KiB and, one in four, 256 KiB",
        capacities_mib: &[64, 256],
        make: two_sizes,
    },
];

fn tile(id: usize) -> Request {
    Request {
        id: id as u32,
        bytes: TILE,
    }
}

fn zipf(random: &mut Random, exponent: f64) -> Vec<Request> {
    let (law, order) = (Zipf::new(TILES, exponent), shuffled(TILES, random));
    (0..REQUESTS)
        .map(|_| tile(order[law.rank(random)] as usize))
        .collect()
}

fn zipf_and_scan(random: &mut Random) -> Vec<Request> {
    let (law, order) = (Zipf::new(TILES, 0.9), shuffled(TILES, random));
    let mut scan = (0..TILES).cycle();
    let mut next = || scan.next().unwrap_or(0);
    (0..REQUESTS)
        .map(|_| {
            tile(if random.chance(0.5) {
                next()
            } else {
                order[law.rank(random)] as usize
            })
        })
        .collect()
}

fn zipf_and_scans(random: &mut Random) -> Vec<Request> {
    let (law, order) = (Zipf::new(TILES, 0.9), shuffled(TILES, random));
    let mut scan = (0..TILES).cycle();
    let mut next = || scan.next().unwrap_or(0);
    (0..REQUESTS)
        .map(|n| {
            tile(if n / 25_000 % 2 == 1 {
                next()
            } else {
                order[law.rank(random)] as usize
            })
        })
        .collect()
}

fn one_offs(random: &mut Random) -> Vec<Request> {
    let (law, order) = (Zipf::new(TILES, 0.9), shuffled(TILES, random));
    (0..REQUESTS)
        .map(|n| {
            if n / 1000 % 2 == 1 {
                tile(TILES + n)
            } else {
                tile(order[law.rank(random)] as usize)
            }
        })
        .collect()
}

fn shifting(random: &mut Random) -> Vec<Request> {
    let (law, order) = (Zipf::new(TILES, 0.9), shuffled(TILES, random));
    // A quarter of the tiles further along each time: what was popular becomes rare at once.
    (0..REQUESTS)
        .map(|n| tile(order[(law.rank(random) + n / 20_000 * (TILES / 4 + 7)) % TILES] as usize))
        .collect()
}

fn recency(random: &mut Random) -> Vec<Request> {
    let law = Zipf::new(8192, 0.8);
    let mut stack: Vec<u32> = Vec::new();
    let mut fresh = 0;
    (0..REQUESTS)
        .map(|_| {
            let depth = law.rank(random);
            let id = if depth < stack.len() && !random.chance(0.05) {
                stack.remove(stack.len() - 1 - depth)
            } else {
                fresh += 1;
                fresh
            };
            stack.push(id);
            if stack.len() > 10_000 {
                stack.remove(0);
            }
            tile(id as usize)
        })
        .collect()
}

fn moving(random: &mut Random) -> Vec<Request> {
    (0..REQUESTS)
        .map(|n| tile((n / 8 + 1300).saturating_sub(random.below(1300) as usize)))
        .collect()
}

/// Pictures of 64 × 64 tiles with levels down to one tile. Tile numbers count through all levels of all pictures.
const PYRAMID: u64 = 4096 + 1024 + 256 + 64 + 16 + 4 + 1;

struct Viewer {
    picture: u64,
    level: u32,
    /// The middle of the window, in tiles of the finest level.
    x: f64,
    y: f64,
    heading: f64,
}

impl Viewer {
    fn step(&mut self, pictures: &Zipf, random: &mut Random, requests: &mut Vec<Request>) {
        if random.chance(0.01) {
            *self = Self {
                picture: pictures.rank(random) as u64,
                level: 6,
                x: 32.0,
                y: 32.0,
                heading: 0.0,
            };
        } else if random.chance(0.15) {
            self.level = if random.chance(0.55) {
                self.level.saturating_sub(1)
            } else {
                (self.level + 1).min(6)
            };
        } else {
            self.heading += (random.unit() - 0.5) * 1.5;
            let stride = f64::from(1 << self.level) * 0.7;
            self.x = (self.x + self.heading.cos() * stride).clamp(0.0, 63.9);
            self.y = (self.y + self.heading.sin() * stride).clamp(0.0, 63.9);
        }
        let side = 64u64 >> self.level;
        let before: u64 = (0..self.level).map(|level| (64u64 >> level).pow(2)).sum();
        let from = |middle: f64, half: i64| {
            let at = (middle / f64::from(1 << self.level)) as i64;
            (
                (at - half).max(0) as u64,
                ((at + half) as u64).min(side - 1),
            )
        };
        let ((left, right), (top, bottom)) = (from(self.x, 2), from(self.y, 1));
        for y in top..=bottom {
            for x in left..=right {
                requests.push(tile(
                    (self.picture * PYRAMID + before + y * side + x) as usize,
                ));
            }
        }
    }
}

fn panning(random: &mut Random) -> Vec<Request> {
    let pictures = Zipf::new(30, 0.8);
    let mut viewers: Vec<Viewer> = (0..6)
        .map(|n| Viewer {
            picture: n,
            level: 6,
            x: 32.0,
            y: 32.0,
            heading: n as f64,
        })
        .collect();
    let mut requests = Vec::new();
    while requests.len() < REQUESTS {
        for viewer in &mut viewers {
            viewer.step(&pictures, random, &mut requests);
        }
    }
    requests.truncate(REQUESTS);
    requests
}

/// A picture of 32 × 24 tiles of 64 rows is read in strips of 16 rows: each tile four times in short order, and then not
/// again until the picture is.
fn rows(random: &mut Random) -> Vec<Request> {
    let pictures = Zipf::new(200, 1.0);
    let mut requests = Vec::new();
    while requests.len() < REQUESTS {
        let picture = pictures.rank(random) * 32 * 24;
        for strip in 0..24 * 4 {
            requests.extend((0..32).map(|column| tile(picture + strip / 4 * 32 + column)));
        }
    }
    requests.truncate(REQUESTS);
    requests
}

/// 40 × 24 buckets a frame, each of which looks at some tiles of a surface that lies behind it and of a few textures that
/// are everywhere.
fn frames(random: &mut Random) -> Vec<Request> {
    let everywhere = Zipf::new(400, 0.9);
    let mut requests = Vec::new();
    let mut camera = 0.0;
    while requests.len() < REQUESTS {
        camera += 0.8;
        for bucket in 0..40 * 24 {
            let (x, y) = (bucket % 40, bucket / 40);
            // Behind each bucket 2 × 2 tiles of a surface, which its neighbours share in part.
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let column = (f64::from(x) * 1.5 + camera) as usize + dx;
                let row = (f64::from(y) * 1.5) as usize + dy;
                requests.push(tile(1000 + column * 64 + row));
            }
            for _ in 0..3 {
                requests.push(tile(everywhere.rank(random)));
            }
        }
    }
    requests.truncate(REQUESTS);
    requests
}

fn phases(random: &mut Random) -> Vec<Request> {
    let (popular, looks) = (zipf(random, 0.9), panning(random));
    let beyond = 1 << 20;
    (0..REQUESTS)
        .map(|n| match n / 50_000 % 3 {
            0 => popular[n],
            1 => tile(beyond + n % 2500),
            _ => Request {
                id: looks[n].id + 2 * beyond as u32,
                ..looks[n]
            },
        })
        .collect()
}

fn two_sizes(random: &mut Random) -> Vec<Request> {
    let mut requests = zipf(random, 0.9);
    for request in &mut requests {
        if request.id % 4 == 0 {
            request.bytes = 256 << 10;
        }
    }
    requests
}
