use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Deserialize;

use crate::{Account, Bank, BankBuilder, Error, parse_bytes};

/// Limits as people set them: in a file, in variables, on a command line. What is left out takes its default.
///
/// The file is `pixelbank/config.toml` in the XDG configuration folder:
///
/// ```toml
/// [budget]
/// memory = "2G"
/// scratch = "8G"
/// open_files = 512
/// scratch_dir = "/var/tmp"
///
/// [account.tiles]
/// floor = "256M"
/// ceiling = "1G"
///
/// [pool]
/// limit = "512M"
/// device_limit = "4G"
/// clear_all = false
/// ```
///
/// The variables are `PIXELBANK_MEMORY`, `PIXELBANK_SCRATCH`, `PIXELBANK_OPEN_FILES`, `PIXELBANK_SCRATCH_DIR`, and
/// `PIXELBANK_TILES_FLOOR`, `PIXELBANK_TILES_CEILING` and so on for each account, `PIXELBANK_POOL_LIMIT`,
/// `PIXELBANK_POOL_DEVICE_LIMIT` and `PIXELBANK_POOL_CLEAR_ALL`; they win over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The limit of host memory.
    pub host_bytes: Option<u64>,
    /// The limit of scratch files.
    pub scratch_bytes: Option<u64>,
    /// The limit of open files.
    pub open_files: Option<u64>,
    /// Where scratch files are made.
    pub scratch_dir: Option<PathBuf>,
    /// Floor and ceiling of accounts.
    pub accounts: BTreeMap<Account, (u64, Option<u64>)>,
    /// What the object pool keeps.
    pub pool: PoolSettings,
}

/// What an object pool keeps for reuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolSettings {
    /// The most that it holds of host memory before idle objects go; 0 keeps nothing.
    pub limit_bytes: Option<u64>,
    /// The same for each device.
    pub device_limit_bytes: Option<u64>,
    /// Whether everything idle goes at a limit, rather than what was not used for the longest.
    pub clear_all: bool,
}

/// What is wrong with a setting, and where it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key that nobody knows.
    #[error("{}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// A value makes no sense.
    #[error("{place}: {reason}")]
    Value {
        /// The key or the variable.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    #[serde(default)]
    budget: BudgetShape,
    #[serde(default)]
    account: BTreeMap<String, AccountShape>,
    #[serde(default)]
    pool: PoolShape,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct PoolShape {
    limit: Option<Amount>,
    device_limit: Option<Amount>,
    #[serde(default)]
    clear_all: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct BudgetShape {
    memory: Option<Amount>,
    scratch: Option<Amount>,
    open_files: Option<u64>,
    scratch_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountShape {
    floor: Option<Amount>,
    ceiling: Option<Amount>,
}

/// `"512M"` or a plain number of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Bytes(i64),
    Text(String),
}

impl Amount {
    fn bytes(&self, place: &str) -> Result<u64, ConfigError> {
        let bytes = match self {
            Self::Bytes(bytes) => u64::try_from(*bytes).map_err(|_| format!("{bytes} is negative")),
            Self::Text(text) => parse_bytes(text),
        };
        bytes.map_err(|reason| ConfigError::Value {
            place: place.to_owned(),
            reason,
        })
    }
}

impl Config {
    /// The settings of the user's file, if there is one, and of the process's variables over them.
    ///
    /// # Errors
    /// [`ConfigError`] for a file or variable that cannot be understood.
    pub fn load() -> Result<Self, ConfigError> {
        let file = etcetera::choose_base_strategy()
            .ok()
            .map(|base| base.config_dir().join("pixelbank/config.toml"));
        let mut config = match file {
            Some(path) if path.exists() => Self::from_file(&path)?,
            _ => Self::default(),
        };
        config.apply_variables(std::env::vars())?;
        Ok(config)
    }

    /// The settings of a file.
    ///
    /// # Errors
    /// [`ConfigError`] where it cannot be read or understood.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let shape: FileShape = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let amount = |value: &Option<Amount>, key: &str| {
            value
                .as_ref()
                .map(|value| value.bytes(&format!("{}: {key}", path.display())))
                .transpose()
        };
        let mut config = Self {
            host_bytes: amount(&shape.budget.memory, "budget.memory")?,
            scratch_bytes: amount(&shape.budget.scratch, "budget.scratch")?,
            open_files: shape.budget.open_files,
            scratch_dir: shape.budget.scratch_dir,
            accounts: BTreeMap::new(),
            pool: PoolSettings {
                limit_bytes: amount(&shape.pool.limit, "pool.limit")?,
                device_limit_bytes: amount(&shape.pool.device_limit, "pool.device_limit")?,
                clear_all: shape.pool.clear_all,
            },
        };
        for (name, limits) in &shape.account {
            let account = Account::from_name(name).ok_or_else(|| ConfigError::Value {
                place: format!("{}: account.{name}", path.display()),
                reason: format!(
                    "no such account; there are {}",
                    Account::ALL.map(Account::name).join(", ")
                ),
            })?;
            let floor = amount(&limits.floor, &format!("account.{name}.floor"))?.unwrap_or(0);
            config.accounts.insert(
                account,
                (
                    floor,
                    amount(&limits.ceiling, &format!("account.{name}.ceiling"))?,
                ),
            );
        }
        Ok(config)
    }

    /// Lays variables over the settings; those that do not begin with `PIXELBANK_` or are not about limits are passed over.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the variable.
    pub fn apply_variables(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let Some(key) = name.strip_prefix("PIXELBANK_") else {
                continue;
            };
            let bad = |reason| ConfigError::Value {
                place: name.clone(),
                reason,
            };
            let bytes = || parse_bytes(&value).map_err(bad);
            match key {
                "MEMORY" => self.host_bytes = Some(bytes()?),
                "POOL_LIMIT" => self.pool.limit_bytes = Some(bytes()?),
                "POOL_DEVICE_LIMIT" => self.pool.device_limit_bytes = Some(bytes()?),
                "POOL_CLEAR_ALL" => {
                    self.pool.clear_all = match value.as_str() {
                        "1" | "true" => true,
                        "0" | "false" => false,
                        other => return Err(bad(format!("'{other}' is neither true nor false"))),
                    };
                }
                "SCRATCH" => self.scratch_bytes = Some(bytes()?),
                "SCRATCH_DIR" => self.scratch_dir = Some(PathBuf::from(&value)),
                "OPEN_FILES" => {
                    self.open_files = Some(
                        value
                            .parse()
                            .map_err(|_| bad(format!("'{value}' is no number")))?,
                    );
                }
                _ => {
                    let Some((account, end)) = key.rsplit_once('_') else {
                        continue;
                    };
                    let Some(account) = Account::from_name(&account.to_ascii_lowercase()) else {
                        continue;
                    };
                    let limits = self.accounts.entry(account).or_default();
                    match end {
                        "FLOOR" => limits.0 = bytes()?,
                        "CEILING" => limits.1 = Some(bytes()?),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// A builder with these limits set.
    pub fn builder(&self) -> BankBuilder {
        let mut builder = Bank::builder();
        if let Some(bytes) = self.host_bytes {
            builder = builder.host_bytes(bytes);
        }
        if let Some(bytes) = self.scratch_bytes {
            builder = builder.scratch_bytes(bytes);
        }
        if let Some(files) = self.open_files {
            builder = builder.open_files(files);
        }
        for (account, (floor, ceiling)) in &self.accounts {
            builder = builder.account(*account, *floor, *ceiling);
        }
        builder
    }

    /// Opens a bank with these limits.
    ///
    /// # Errors
    /// As [`BankBuilder::build`].
    pub fn open(&self) -> Result<Bank, Error> {
        self.builder().build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::from_file(&path)
    }

    #[test]
    fn variables_win_over_the_file() {
        let mut config =
            file("[budget]\nmemory = \"2G\"\nopen_files = 10\n[account.tiles]\nfloor = \"1M\"")
                .unwrap();
        assert_eq!(config.host_bytes, Some(2 << 30));
        let variables = [
            ("PIXELBANK_MEMORY", "64M"),
            ("PIXELBANK_TILES_CEILING", "32M"),
            ("HOME", "/nowhere"),
        ];
        config
            .apply_variables(variables.map(|(k, v)| (k.to_owned(), v.to_owned())))
            .unwrap();
        assert_eq!(config.host_bytes, Some(64 << 20));
        assert_eq!(config.open_files, Some(10));
        assert_eq!(config.accounts[&Account::Tiles], (1 << 20, Some(32 << 20)));
        config
            .apply_variables([("PIXELBANK_POOL_LIMIT".into(), "0".into())])
            .unwrap();
        assert_eq!(config.pool.limit_bytes, Some(0));
        let bank = config.open().unwrap();
        assert_eq!(bank.ledger().host.limit_bytes, 64 << 20);
    }

    #[test]
    fn errors_say_where_and_what() {
        let unknown = file("[account.fish]\nfloor = 1").unwrap_err().to_string();
        assert!(
            unknown.contains("account.fish") && unknown.contains("tiles"),
            "{unknown}"
        );
        let key = file("[budget]\nspace = 1").unwrap_err().to_string();
        assert!(
            key.contains("space") && key.contains("config.toml"),
            "{key}"
        );
        for negative in ["[pool]\nlimit = -5", "[pool]\nlimit = \"-5M\""] {
            let error = file(negative).unwrap_err().to_string();
            assert!(error.contains("pool.limit"), "{error}");
        }
        let mut config = Config::default();
        let variable = config
            .apply_variables([("PIXELBANK_MEMORY".into(), "lots".into())])
            .unwrap_err()
            .to_string();
        assert!(
            variable.contains("PIXELBANK_MEMORY") && variable.contains("lots"),
            "{variable}"
        );
    }
}
