use pixelbank_memory::{Bank, Event, History, Ledger};
use serde::{Deserialize, Serialize};

/// A ledger with what happened lately: what a server or another process tells of its bank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Who holds what.
    #[serde(flatten)]
    pub ledger: Ledger,
    /// What happened, oldest first.
    #[serde(default)]
    pub events: Vec<Event>,
    /// What was held over the last minutes, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<ViewHistory>,
}

/// A history, and how often it gets a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewHistory {
    /// Milliseconds between two samples.
    pub interval_ms: u64,
    /// The samples.
    #[serde(flatten)]
    pub history: History,
}

impl View {
    /// Of a bank, now. `interval_ms` says how often its history gets a sample; without it, no history goes along.
    pub fn of(bank: &Bank, interval_ms: Option<u64>) -> Self {
        Self {
            ledger: bank.ledger(),
            events: bank.events(),
            history: interval_ms.map(|interval_ms| ViewHistory {
                interval_ms,
                history: bank.history(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Account;

    use super::*;

    #[test]
    fn a_view_survives_its_journey_as_json() {
        let bank = Bank::builder()
            .host_bytes(1 << 20)
            .device_bytes(0, 1 << 20)
            .build()
            .unwrap();
        let holder = bank.holder(Account::Tiles, "tile", "a \"quoted\" name");
        let _held = holder.try_reserve(1000).unwrap();
        assert!(holder.try_reserve(2 << 20).is_err());
        bank.mark();
        bank.sample();
        let view = View::of(&bank, Some(1000));
        assert_eq!(view.events.len(), 2);
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
    }

    #[test]
    fn what_an_older_version_leaves_out_is_taken_as_unknown() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let _held = bank
            .holder(Account::Tiles, "tile", "")
            .try_reserve(1)
            .unwrap();
        let mut value = serde_json::to_value(View::of(&bank, None)).unwrap();
        let newer = ["events", "mark", "pressure"];
        for name in newer {
            value.as_object_mut().unwrap().remove(name).unwrap();
        }
        let row = value["types"][0].as_object_mut().unwrap();
        let newer = ["wasted_bytes", "growth_bytes_per_minute", "since_mark"];
        for name in newer {
            row.remove(name).unwrap();
        }
        let process = value["process"].as_object_mut().unwrap();
        let newer = ["file_bytes", "allocator_bytes", "unclassified_bytes"];
        for name in newer {
            process.remove(name).unwrap();
        }
        let view: View = serde_json::from_value(value).unwrap();
        assert_eq!(view.ledger.types[0].growth_bytes_per_minute, None);
        assert_eq!(view.ledger.types[0].live_bytes, 1);
    }
}
