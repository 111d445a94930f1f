//! What happened to the budget lately.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Account, Resource};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventKind {
    /// Idle memory of an account was taken because somebody needed room.
    Reclaimed,
    /// A reservation was refused.
    Refused,
    /// A reservation went beyond the limit.
    Overdrawn,
    /// Idle memory was given up by [`Bank::trim`](crate::Bank::trim).
    Trimmed,
    /// A limit was set anew.
    Limit,
    /// The system said that memory is short, and idle memory was given up.
    Pressure,
    /// A [mark](crate::Bank::mark) was set.
    Marked,
}

impl EventKind {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reclaimed => "reclaimed",
            Self::Refused => "refused",
            Self::Overdrawn => "overdrawn",
            Self::Trimmed => "trimmed",
            Self::Limit => "limit",
            Self::Pressure => "pressure",
            Self::Marked => "marked",
        }
    }
}

/// Something that happened, or the same thing several times within seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it began, in milliseconds since 1970.
    pub time_ms: u64,
    /// When it happened last.
    pub until_ms: u64,
    /// What happened.
    pub kind: EventKind,
    /// To what: `host`, `disk`, `files`, `device 0`.
    pub resource: String,
    /// To which account, where it was one.
    pub account: Option<Account>,
    /// How often.
    pub count: u64,
    /// Bytes (or files): taken, refused, given up; the limit; the number of the mark.
    pub amount: u64,
}

const N_EVENTS: usize = 256;
/// What follows its like within this is the same event.
const TOGETHER_MS: u64 = 1_500;
/// As many of the last events are looked at for one that goes on.
const N_UNDER_WAY: usize = 16;

/// The last events, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    pub fn note(
        &mut self,
        now_ms: u64,
        kind: EventKind,
        resource: Resource,
        account: Option<Account>,
        amount: u64,
    ) {
        let is_sum = !matches!(kind, EventKind::Limit | EventKind::Marked);
        let under_way = self.0.iter_mut().rev().take(N_UNDER_WAY).find(|event| {
            event.kind == kind
                && event.account == account
                && now_ms.saturating_sub(event.until_ms) <= TOGETHER_MS
                && event.resource == resource.label()
        });
        if let Some(event) = under_way.filter(|_| is_sum) {
            event.until_ms = now_ms;
            event.count += 1;
            event.amount = event.amount.saturating_add(amount);
            return;
        }
        if self.0.len() == N_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(Event {
            time_ms: now_ms,
            until_ms: now_ms,
            kind,
            resource: resource.label(),
            account,
            count: 1,
            amount,
        });
    }

    pub fn list(&self) -> Vec<Event> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_one_event_and_the_oldest_are_forgotten() {
        let mut events = Events::default();
        let mut reclaim = |ms, account| {
            events.note(ms, EventKind::Reclaimed, Resource::Host, Some(account), 10);
        };
        for ms in [0, 1_000, 2_500] {
            reclaim(ms, Account::Tiles);
            reclaim(ms, Account::Pool);
        }
        reclaim(9_000, Account::Tiles);
        let list = events.list();
        assert_eq!(list.len(), 3);
        let (first, last) = (&list[0], &list[2]);
        assert_eq!((first.time_ms, first.until_ms), (0, 2_500));
        assert_eq!((first.count, first.amount), (3, 30));
        assert_eq!((last.time_ms, last.count, last.amount), (9_000, 1, 10));
        for limit in 0..1000 {
            events.note(9_000, EventKind::Limit, Resource::Disk, None, limit);
        }
        let list = events.list();
        assert_eq!(list.len(), N_EVENTS, "limits are told one by one");
        assert_eq!(list[N_EVENTS - 1].amount, 999);
        assert_eq!(list[0].resource, "disk");
    }
}
