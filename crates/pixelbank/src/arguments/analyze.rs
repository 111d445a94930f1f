//! Arguments of `pixelbank ledger` and `pixelbank top`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pixelbank::analyzer::Column;

/// Whose memory is looked at.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// A server by its address (127.0.0.1:8000), or a process by its number [default: the only process there is]
    #[arg(value_name = "ADDRESS|PID")]
    pub target: Option<String>,
    /// What the server wants to be brought
    #[arg(long, env = "PIXELBANK_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Debug, Args)]
pub struct Ledger {
    #[command(flatten)]
    pub target: Target,
    /// As a tree, by account, type and owner
    #[arg(long, group = "form")]
    pub tree: bool,
    /// Everything, as one JSON object
    #[arg(long, group = "form")]
    pub json: bool,
    /// The table as comma-separated values
    #[arg(long, group = "form")]
    pub csv: bool,
    /// Draw it into this file, with the last minutes where they are known
    #[arg(long, group = "form", value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// Keep counts and bytes by type in this file, to compare with later
    #[arg(long, group = "form", value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// What is different from what was saved in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tree", "csv", "png", "save", "sort"])]
    pub since: Option<PathBuf>,
    /// With --since: compare with this file rather than with now
    #[arg(
        long,
        value_name = "FILE",
        requires = "since",
        conflicts_with = "target"
    )]
    pub until: Option<PathBuf>,
    /// Set a mark: from now on the table has a column of what was taken since
    #[arg(long, group = "form")]
    pub mark: bool,
    /// Where large reservations were made, of a process that was told to remember (serve --stacks-from)
    #[arg(long, group = "form")]
    pub stacks: bool,
    /// Sort the table by this column
    #[arg(long, value_name = "COLUMN", default_value = "bytes", value_parser = columns())]
    pub sort: Column,
    /// Sort the other way round
    #[arg(long)]
    pub reverse: bool,
}

#[derive(Debug, Args)]
pub struct Top {
    #[command(flatten)]
    pub target: Target,
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub interval: Duration,
    /// Sort the table by this column at first
    #[arg(long, value_name = "COLUMN", default_value = "bytes", value_parser = columns())]
    pub sort: Column,
}

fn columns() -> impl TypedValueParser<Value = Column> {
    PossibleValuesParser::new(Column::ALL.map(Column::name)).map(|name| {
        let named = Column::ALL.into_iter().find(|column| column.name() == name);
        named.unwrap_or(Column::Bytes)
    })
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("'{text}' is no time between 0.1 and 3600 seconds")),
    }
}
