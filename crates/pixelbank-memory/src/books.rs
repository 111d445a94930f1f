//! The arithmetic of the budget. Everything here runs under the bank's lock and never blocks.

use std::collections::HashMap;

use crate::growth::Growth;
use crate::ledger::{GenerationRow, TypeRow};
use crate::{Account, AccountRow, LimitRow, Resource, Shortage};

const N_ACCOUNTS: usize = Account::ALL.len();

/// The sums of one bank.
#[derive(Debug)]
pub(crate) struct Books {
    pools: Vec<Pool>,
    rows: Vec<Option<Row>>,
    free_rows: Vec<usize>,
    by_key: HashMap<RowKey, usize>,
    /// How many marks were set: what is taken now belongs to this generation.
    generation: u32,
}

/// One limited resource.
#[derive(Debug)]
struct Pool {
    resource: Resource,
    limit: u64,
    live: u64,
    peak: u64,
    overdrafts: u64,
    refusals: u64,
    accounts: [Sum; N_ACCOUNTS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    floor: u64,
    ceiling: Option<u64>,
    live: u64,
    peak: u64,
    count: u64,
}

impl Sum {
    /// What the account takes out of the common limit: its floor is spoken for even while unused.
    fn committed(&self) -> u64 {
        self.live.max(self.floor)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RowKey {
    pool: usize,
    account: Account,
    kind: String,
    owner: String,
}

/// One line of the ledger; lives as long as a holder or a reservation refers to it.
#[derive(Debug)]
struct Row {
    key: RowKey,
    holders: usize,
    live: u64,
    peak: u64,
    count: u64,
    wasted: u64,
    growth: Growth,
    /// What is held by generation, oldest first; what was taken before the first mark is the rest.
    generations: Vec<GenerationRow>,
}

impl Row {
    fn of_generation(&mut self, generation: u32) -> Option<&mut GenerationRow> {
        if generation == 0 {
            return None;
        }
        let at = match self
            .generations
            .binary_search_by_key(&generation, |row| row.generation)
        {
            Ok(at) => at,
            Err(at) => {
                let new = GenerationRow {
                    generation,
                    count: 0,
                    live_bytes: 0,
                };
                self.generations.insert(at, new);
                at
            }
        };
        self.generations.get_mut(at)
    }
}

/// Where a holder's amounts are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub pool: usize,
    pub account: Account,
    pub row: usize,
}

/// Why an amount was not booked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not even with everything else given back.
    Never,
    /// The account is at its ceiling: only its own idle memory can help. So much is missing.
    Ceiling(u64),
    /// The budget is at its limit. So much is missing.
    Limit(u64),
}

impl Books {
    pub fn new(limits: impl IntoIterator<Item = (Resource, u64)>) -> Self {
        let pools = limits
            .into_iter()
            .map(|(resource, limit)| Pool::new(resource, limit))
            .collect();
        Self {
            pools,
            rows: Vec::new(),
            free_rows: Vec::new(),
            by_key: HashMap::new(),
            generation: 0,
        }
    }

    /// Begins a generation, and says which.
    pub fn begin_generation(&mut self) -> u32 {
        self.generation = self.generation.saturating_add(1);
        self.generation
    }

    pub fn pool(&self, resource: Resource) -> Option<usize> {
        self.pools.iter().position(|pool| pool.resource == resource)
    }

    /// Opens a pool for a resource that has none.
    pub fn add_pool(&mut self, resource: Resource, limit: u64) {
        self.pools.push(Pool::new(resource, limit));
    }

    pub fn set_account(&mut self, pool: usize, account: Account, floor: u64, ceiling: Option<u64>) {
        let sum = &mut self.pools[pool].accounts[account.index()];
        sum.floor = floor;
        sum.ceiling = ceiling;
    }

    pub fn set_limit(&mut self, pool: usize, limit: u64) {
        self.pools[pool].limit = limit;
    }

    pub fn floors(&self, pool: usize) -> u64 {
        self.pools[pool]
            .accounts
            .iter()
            .map(|sum| sum.floor)
            .fold(0, u64::saturating_add)
    }

    /// The row for a holder, made where it is not there yet.
    pub fn open_row(&mut self, pool: usize, account: Account, kind: &str, owner: &str) -> Place {
        let key = RowKey {
            pool,
            account,
            kind: kind.to_owned(),
            owner: owner.to_owned(),
        };
        if let Some(&row) = self.by_key.get(&key) {
            if let Some(row) = &mut self.rows[row] {
                row.holders += 1;
            }
            return Place { pool, account, row };
        }
        let new = Row {
            key: key.clone(),
            holders: 1,
            live: 0,
            peak: 0,
            count: 0,
            wasted: 0,
            growth: Growth::default(),
            generations: Vec::new(),
        };
        let row = match self.free_rows.pop() {
            Some(free) => {
                self.rows[free] = Some(new);
                free
            }
            None => {
                self.rows.push(Some(new));
                self.rows.len() - 1
            }
        };
        self.by_key.insert(key, row);
        Place { pool, account, row }
    }

    /// Another handle to a row that is open, and what the row is of: resource, kind, owner.
    pub fn open_again(&mut self, place: Place) -> Option<(String, String, String)> {
        let resource = self.pools[place.pool].resource.label();
        let row = self.rows[place.row].as_mut()?;
        row.holders += 1;
        Some((resource, row.key.kind.clone(), row.key.owner.clone()))
    }

    /// The last handle of a holder has gone, and with it (each reservation being a handle) all that it held.
    pub fn close_row(&mut self, place: Place) {
        let Some(row) = &mut self.rows[place.row] else {
            return;
        };
        row.holders -= 1;
        if row.holders == 0 {
            debug_assert_eq!(row.live, 0, "a row outlives its reservations");
            let key = row.key.clone();
            self.by_key.remove(&key);
            self.rows[place.row] = None;
            self.free_rows.push(place.row);
        }
    }

    /// How much more `account` could have if nothing were given back.
    fn available(&self, place: Place) -> u64 {
        let pool = &self.pools[place.pool];
        let own = &pool.accounts[place.account.index()];
        let others: u64 = pool.committed() - own.committed();
        let room = pool.limit.saturating_sub(others).saturating_sub(own.live);
        own.ceiling
            .map_or(room, |ceiling| room.min(ceiling.saturating_sub(own.live)))
    }

    /// The most that `account` could ever have.
    fn attainable(&self, place: Place) -> u64 {
        let pool = &self.pools[place.pool];
        let own = &pool.accounts[place.account.index()];
        let floors_of_others = self.floors(place.pool) - own.floor;
        pool.limit
            .saturating_sub(floors_of_others)
            .min(own.ceiling.unwrap_or(u64::MAX))
    }

    /// Books `amount` if it fits: for a new object, or on top of what one of that generation holds. Says the generation.
    pub fn take(&mut self, place: Place, amount: u64, of: Option<u32>) -> Result<u32, Refusal> {
        let available = self.available(place);
        if amount <= available {
            return Ok(self.book(place, amount, of));
        }
        if amount > self.attainable(place) {
            return Err(Refusal::Never);
        }
        let own = self.pools[place.pool].accounts[place.account.index()];
        let over_ceiling = own.ceiling.map_or(0, |ceiling| {
            (own.live.saturating_add(amount)).saturating_sub(ceiling)
        });
        if over_ceiling > 0 {
            Err(Refusal::Ceiling(over_ceiling))
        } else {
            Err(Refusal::Limit(amount - available))
        }
    }

    /// Books `amount` whatever the limits say. Says the generation, and whether that was beyond the limits.
    pub fn overdraw(&mut self, place: Place, amount: u64) -> (u32, bool) {
        let is_beyond = amount > self.available(place);
        if is_beyond {
            self.pools[place.pool].overdrafts += 1;
        }
        (self.book(place, amount, None), is_beyond)
    }

    fn book(&mut self, place: Place, amount: u64, of: Option<u32>) -> u32 {
        let (generation, count) = of.map_or((self.generation, 1), |generation| (generation, 0));
        let pool = &mut self.pools[place.pool];
        pool.live += amount;
        pool.peak = pool.peak.max(pool.live);
        let sum = &mut pool.accounts[place.account.index()];
        sum.live += amount;
        sum.peak = sum.peak.max(sum.live);
        sum.count += count;
        if let Some(row) = &mut self.rows[place.row] {
            row.live += amount;
            row.peak = row.peak.max(row.live);
            row.count += count;
            if let Some(generation) = row.of_generation(generation) {
                generation.live_bytes += amount;
                generation.count += count;
            }
        }
        generation
    }

    pub fn give_back(&mut self, place: Place, generation: u32, amount: u64, count: u64) {
        let pool = &mut self.pools[place.pool];
        pool.live -= amount;
        let sum = &mut pool.accounts[place.account.index()];
        sum.live -= amount;
        sum.count -= count;
        if let Some(row) = &mut self.rows[place.row] {
            row.live -= amount;
            row.count -= count;
            if let Some(generation) = row.of_generation(generation) {
                generation.live_bytes -= amount;
                generation.count -= count;
                if generation.count == 0 {
                    row.generations.retain(|row| row.count > 0);
                }
            }
        }
    }

    /// One object more that holds a part of what one of that generation holds already.
    pub fn count_one(&mut self, place: Place, generation: u32) {
        let sum = &mut self.pools[place.pool].accounts[place.account.index()];
        sum.count += 1;
        if let Some(row) = &mut self.rows[place.row] {
            row.count += 1;
            if let Some(generation) = row.of_generation(generation) {
                generation.count += 1;
            }
        }
    }

    /// So many bytes more, and so many less, are booked but serve for nothing.
    pub fn waste(&mut self, place: Place, more: u64, less: u64) {
        if let Some(row) = &mut self.rows[place.row] {
            row.wasted = row.wasted + more - less;
        }
    }

    /// Notes what each row holds at a moment, in milliseconds of any clock that only goes on.
    pub fn sample(&mut self, now_ms: u64) {
        for row in self.rows.iter_mut().flatten() {
            row.growth.sample(now_ms, row.live);
        }
    }

    pub fn resource(&self, pool: usize) -> Option<Resource> {
        self.pools.get(pool).map(|pool| pool.resource)
    }

    pub fn count_refusal(&mut self, pool: usize) {
        self.pools[pool].refusals += 1;
    }

    /// Whether taking idle memory from `account` frees any of the common limit: not while it is within its floor.
    pub fn gives_to_others(&self, pool: usize, account: Account) -> bool {
        let sum = &self.pools[pool].accounts[account.index()];
        sum.live > sum.floor
    }

    /// What is booked beyond the limit.
    pub fn excess(&self, pool: usize) -> u64 {
        self.pools[pool].live.saturating_sub(self.pools[pool].limit)
    }

    pub fn shortage(&self, place: Place, requested: u64) -> Box<Shortage> {
        let pool = &self.pools[place.pool];
        let ceiling = pool.accounts[place.account.index()]
            .ceiling
            .unwrap_or(u64::MAX);
        let mut holders: Vec<_> = self
            .rows
            .iter()
            .flatten()
            .filter(|row| row.key.pool == place.pool && row.live > 0)
            .map(|row| {
                (
                    row.key.account,
                    row.key.kind.clone(),
                    row.key.owner.clone(),
                    row.live,
                )
            })
            .collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.3));
        holders.truncate(4);
        Box::new(Shortage {
            resource: pool.resource,
            account: place.account,
            requested,
            available: self.available(place),
            limit: pool.limit.min(ceiling),
            holders,
        })
    }

    pub fn limit_row(&self, pool: usize) -> LimitRow {
        let pool = &self.pools[pool];
        LimitRow {
            limit_bytes: pool.limit,
            live_bytes: pool.live,
            peak_bytes: pool.peak,
            idle_bytes: 0,
            overdrawn_bytes: pool.live.saturating_sub(pool.limit),
            overdrafts: pool.overdrafts,
            refusals: pool.refusals,
        }
    }

    pub fn devices(&self) -> impl Iterator<Item = (u8, usize)> + '_ {
        self.pools
            .iter()
            .enumerate()
            .filter_map(|(i, pool)| match pool.resource {
                Resource::Device(n) => Some((n, i)),
                _ => None,
            })
    }

    pub fn account_rows(&self, pool: usize) -> Vec<AccountRow> {
        let sums = &self.pools[pool].accounts;
        Account::ALL
            .into_iter()
            .map(|account| {
                let sum = &sums[account.index()];
                AccountRow {
                    account,
                    floor_bytes: sum.floor,
                    ceiling_bytes: sum.ceiling,
                    live_bytes: sum.live,
                    peak_bytes: sum.peak,
                    count: sum.count,
                }
            })
            .collect()
    }

    pub fn live_by_account(&self, pool: usize) -> [u64; N_ACCOUNTS] {
        self.pools[pool].accounts.map(|sum| sum.live)
    }

    /// All rows that ever held something, the largest first.
    pub fn type_rows(&self, now_ms: u64) -> Vec<TypeRow> {
        let mut rows: Vec<TypeRow> = self
            .rows
            .iter()
            .flatten()
            .filter(|row| row.peak > 0)
            .map(|row| TypeRow {
                account: row.key.account,
                resource: self.pools[row.key.pool].resource.label(),
                kind: row.key.kind.clone(),
                owner: row.key.owner.clone(),
                count: row.count,
                live_bytes: row.live,
                peak_bytes: row.peak,
                wasted_bytes: row.wasted,
                growth_bytes_per_minute: row.growth.per_minute(now_ms, row.live),
                since_mark: (self.generation > 0).then(|| {
                    let newest = row.generations.last();
                    newest
                        .filter(|row| row.generation == self.generation)
                        .copied()
                        .unwrap_or(GenerationRow {
                            generation: self.generation,
                            count: 0,
                            live_bytes: 0,
                        })
                }),
                generations: row.generations.clone(),
            })
            .collect();
        rows.sort_by(|a, b| {
            b.live_bytes
                .cmp(&a.live_bytes)
                .then_with(|| a.kind.cmp(&b.kind))
        });
        rows
    }
}

impl Pool {
    fn new(resource: Resource, limit: u64) -> Self {
        Self {
            resource,
            limit,
            live: 0,
            peak: 0,
            overdrafts: 0,
            refusals: 0,
            accounts: [Sum::default(); N_ACCOUNTS],
        }
    }

    fn committed(&self) -> u64 {
        self.accounts
            .iter()
            .map(Sum::committed)
            .fold(0, u64::saturating_add)
    }
}
