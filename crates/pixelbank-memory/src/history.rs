use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{SerializeMap, Serializer};

use crate::Account;

const N_ACCOUNTS: usize = Account::ALL.len();
const N_SAMPLES: usize = 600;

/// Samples of the ledger over time, oldest first, for graphs.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct History {
    /// When each sample was taken, in milliseconds since 1970.
    pub times_ms: Vec<u64>,
    /// Resident bytes of the process.
    pub resident_bytes: Vec<u64>,
    /// Live host bytes of each account that ever held any.
    #[serde(serialize_with = "as_map", deserialize_with = "from_map")]
    pub accounts: Vec<(Account, Vec<u64>)>,
}

fn as_map<S: Serializer>(
    accounts: &[(Account, Vec<u64>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(accounts.len()))?;
    for (account, bytes) in accounts {
        map.serialize_entry(account.name(), bytes)?;
    }
    map.end()
}

fn from_map<'a, D: Deserializer<'a>>(
    deserializer: D,
) -> Result<Vec<(Account, Vec<u64>)>, D::Error> {
    // An account that this version does not know is left out.
    let map = BTreeMap::<String, Vec<u64>>::deserialize(deserializer)?;
    let known = |(name, bytes): (String, _)| Some((Account::from_name(&name)?, bytes));
    let mut accounts: Vec<_> = map.into_iter().filter_map(known).collect();
    accounts.sort_by_key(|(account, _)| *account);
    Ok(accounts)
}

/// The last samples, in a ring that does not grow.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    samples: Vec<Sample>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    time_ms: u64,
    resident: u64,
    live: [u64; N_ACCOUNTS],
}

impl Ring {
    pub fn push(&mut self, time_ms: u64, resident: u64, live: [u64; N_ACCOUNTS]) {
        let sample = Sample {
            time_ms,
            resident,
            live,
        };
        if self.samples.len() < N_SAMPLES {
            self.samples.push(sample);
        } else {
            self.samples[self.next] = sample;
            self.next = (self.next + 1) % N_SAMPLES;
        }
    }

    pub fn snapshot(&self) -> History {
        let in_order = || {
            self.samples[self.next..]
                .iter()
                .chain(&self.samples[..self.next])
        };
        let accounts = Account::ALL
            .into_iter()
            .filter(|account| {
                self.samples
                    .iter()
                    .any(|sample| sample.live[account.index()] > 0)
            })
            .map(|account| {
                (
                    account,
                    in_order()
                        .map(|sample| sample.live[account.index()])
                        .collect(),
                )
            })
            .collect();
        History {
            times_ms: in_order().map(|sample| sample.time_ms).collect(),
            resident_bytes: in_order().map(|sample| sample.resident).collect(),
            accounts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_in_order() {
        let mut ring = Ring::default();
        for time in 0..700 {
            let mut live = [0; N_ACCOUNTS];
            live[Account::Tiles.index()] = time;
            ring.push(time, time * 2, live);
        }
        let history = ring.snapshot();
        assert_eq!(history.times_ms, (100..700).collect::<Vec<_>>());
        assert_eq!(history.resident_bytes[599], 1398);
        assert_eq!(
            history.accounts.len(),
            1,
            "only accounts that held something"
        );
        assert_eq!(history.accounts[0].1[0], 100);
    }
}
