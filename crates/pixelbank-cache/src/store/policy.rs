use std::fmt;
use std::str::FromStr;

/// Which tiles go first when the budget wants memory back. Whatever the policy, a tile that somebody holds stays.
///
/// `docs/notes/eviction.md` has the hit ratios of both, and of what was passed over, on a dozen traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// By what they are worth: how often they were asked for, with the past fading, times what they would cost to make
    /// again. New tiles pass through a window first, whose size follows the requests, and then must be worth more than
    /// what they push out. Resists scans and loops; never much behind [`Lru`](Self::Lru), and mostly far ahead.
    #[default]
    Adaptive,
    /// The least recently used first, whatever they cost. Foreseeable, and right where nothing but the recent past counts;
    /// a scan or loop larger than memory leaves nothing of use in it.
    Lru,
}

impl Policy {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Adaptive, Self::Lru];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Lru => "lru",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| {
            format!(
                "'{text}' is no policy; there are {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}
