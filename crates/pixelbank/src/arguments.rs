//! The command line.

mod analyze;
mod mesh;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pixelbank::cache::Policy;
use pixelbank::image::Rect;
use pixelbank::memory::{Bank, Config, parse_bytes};

pub use analyze::{Ledger, Target, Top};
pub use mesh::{AxisName, Merge, Mesh, MeshConvert, MeshInfo, MeshOutline, MeshSlice};

/// Serve, describe and scale pictures inside a memory budget.
#[derive(Debug, Parser)]
#[command(name = "pixelbank", version, propagate_version = true)]
#[command(
    after_help = "Limits that are not given come from PIXELBANK_* variables, then from pixelbank/config.toml in the \
    configuration folder, then from the machine: half of the memory that the program may use."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The limits.
    #[command(flatten)]
    pub budget: Budget,
}

/// The limits, the same for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budget")]
pub struct Budget {
    /// Memory for everything that is kept and worked on, for example 512M or 2G
    #[arg(long, global = true, value_name = "BYTES", value_parser = parse_bytes)]
    memory: Option<u64>,
    /// Disk space for what does not fit into memory; 0 for none
    #[arg(long, global = true, value_name = "BYTES", value_parser = parse_bytes)]
    scratch: Option<u64>,
    /// Folder for scratch files [default: the system's for temporary files]
    #[arg(long, global = true, value_name = "DIR")]
    scratch_dir: Option<PathBuf>,
    /// Image files that may be open at once
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    open_files: Option<u64>,
}

/// A bank, and where its scratch files go.
#[derive(Debug)]
pub struct Means {
    pub bank: Bank,
    pub scratch_dir: PathBuf,
}

impl Budget {
    /// Opens the bank with these limits over those of the environment and the configuration file.
    pub fn open(&self) -> anyhow::Result<Means> {
        let mut config = Config::load()?;
        config.host_bytes = self.memory.or(config.host_bytes);
        config.scratch_bytes = self.scratch.or(config.scratch_bytes);
        config.open_files = self.open_files.or(config.open_files);
        let scratch_dir = self
            .scratch_dir
            .clone()
            .or(config.scratch_dir.take())
            .unwrap_or_else(std::env::temp_dir);
        if !scratch_dir.is_dir() {
            anyhow::bail!(
                "{}: no such folder for scratch files",
                scratch_dir.display()
            );
        }
        let bank = config.open()?;
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        bank.watch_allocator(crate::unused::unused_bytes);
        Ok(Means { bank, scratch_dir })
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Browse a folder of pictures in a web browser, with deep zoom
    Serve(Serve),
    /// Say what is in image files
    Info(Info),
    /// Make thumbnails
    Thumb(Thumb),
    /// Write the pixels of image files as NumPy arrays
    Extract(Extract),
    /// Make photographs to try things out with
    Sample(Sample),
    /// Describe, convert and slice 3D models
    #[command(subcommand)]
    Mesh(Mesh),
    /// Say who holds what in a server or any process that uses Pixelbank
    Ledger(Ledger),
    /// Watch who holds what in a server or any process that uses Pixelbank
    Top(Top),
    /// Measure on this machine, with your own files
    #[command(subcommand)]
    Bench(Bench),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands to a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Serve {
    /// The folder with pictures; subfolders belong to it
    #[arg(value_name = "PHOTOS")]
    pub root: PathBuf,
    /// Port to listen at; 0 takes any that is free
    #[arg(short, long, default_value_t = 8000)]
    pub port: u16,
    /// Address to listen at; any but this machine's own needs a token, which is made if none is given
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub address: IpAddr,
    /// What clients must bring
    #[arg(long, env = "PIXELBANK_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Follow links that lead out of the folder
    #[arg(long)]
    pub follow_links: bool,
    /// What the page calls the folder
    #[arg(long)]
    pub title: Option<String>,
    /// Host name by which a proxy before this server is reached; may be given several times
    #[arg(long = "allow-host", value_name = "NAME")]
    pub allowed_hosts: Vec<String>,
    /// Believe X-Forwarded-Host and X-Forwarded-Proto: only behind a proxy that sets them
    #[arg(long)]
    pub trust_forwarded: bool,
    /// Remember where reservations of this size and more are made, for `pixelbank ledger --stacks`
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub stacks_from: Option<u64>,
    /// Serve the web page from this folder rather than the one built in
    #[arg(long, value_name = "DIR")]
    pub web: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Info {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

/// Formats of thumbnails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThumbFormat {
    /// Small files for photographs
    Jpg,
    /// Without loss, with transparency
    Png,
    /// Smaller still, with transparency
    Webp,
}

impl ThumbFormat {
    /// The ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

#[derive(Debug, Args)]
pub struct Thumb {
    /// Image files, and folders whose pictures are taken with their subfolders
    #[arg(required = true, value_name = "SRC")]
    pub sources: Vec<PathBuf>,
    /// The longer side in pixels; smaller pictures keep their size
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub size: u32,
    /// Folder to write to; made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Format to write
    #[arg(short, long, value_enum, default_value = "jpg")]
    pub format: ThumbFormat,
    /// 1 to 100, for jpg and webp
    #[arg(short, long, default_value_t = 85, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// Threads [default: one for each processor]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Print one JSON object for each picture
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Extract {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// File to write to, ending in .npy; or folder, made if it is not there, for one FILE.SUBIMAGE.LEVEL.npy each.
    /// Arrays have the shape height, width, channels
    #[arg(short, long, value_name = "NPY|DIR")]
    pub out: PathBuf,
    /// Page, part or frame, from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub subimage: u32,
    /// Resolution, from 0, the finest; those that the file does not have are made
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub level: u32,
    /// Only these pixels of the level [default: all]
    #[arg(long, value_name = "X,Y,W,H", value_parser = rectangle)]
    pub region: Option<Rect>,
    /// Every subimage at every level that the file has
    #[arg(long, conflicts_with_all = ["subimage", "level", "region"])]
    pub all: bool,
    /// Print one JSON object for each array, and for each file that cannot be read
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Sample {
    /// Folder to write to; made if it is not there
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// How many pictures
    #[arg(short, long, default_value_t = 24)]
    pub count: u32,
    /// Size in megapixels, or a range such as 12-48
    #[arg(short, long, default_value = "12", value_name = "M", value_parser = megapixels)]
    pub megapixels: (f64, f64),
    /// Equal seeds make equal pictures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// JPEG files only
    #[arg(long)]
    pub jpeg: bool,
    /// Also write a tiled JPEG-compressed TIFF pyramid of this many pixels a side
    #[arg(long, value_name = "SIDE", value_parser = clap::value_parser!(u32).range(256..=65_536))]
    pub pyramid: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Times of looking up tiles and reading regions of one file; bytes that each of several files costs
    Cache(BenchCache),
    /// Times of making and dropping tensors that are reused, by one thread and by two; how often random shapes find one
    Pool(BenchPool),
    /// Send recorded requests through the cache and say how many it could answer from memory
    #[command(
        long_about = "Send recorded requests through the cache and say how many it could answer from memory.\n\n\
        The tiles are blank, but everything else is what reading a picture goes through: a cache, one tile at a time, over \
        a budget of --capacity, with the chosen policy deciding what goes."
    )]
    Replay(Replay),
}

#[derive(Debug, Args)]
pub struct BenchCache {
    /// An image file; or several, and folders with image files alone
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// A JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchPool {
    /// A JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Replay {
    /// The requests in their order: 32-bit little-endian numbers of tiles of 16 KiB each, or text with lines of `id,bytes`
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,
    /// Memory of the cache, for example 64M
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub capacity: u64,
    /// Which tiles go when the capacity is reached: adaptive, or lru
    #[arg(long, value_name = "POLICY", default_value_t)]
    pub policy: Policy,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn rectangle(text: &str) -> Result<Rect, String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[x, y, width, height]) if width > 0 && height > 0 => Ok(Rect::new(x, y, width, height)),
        _ => Err(format!(
            "'{text}' is no rectangle: write left, top, width and height in pixels, for example 0,0,640,480"
        )),
    }
}

fn megapixels(text: &str) -> Result<(f64, f64), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |part: &str| -> Result<f64, String> {
        match part.trim().parse::<f64>() {
            Ok(value) if (0.001..=1000.0).contains(&value) => Ok(value),
            _ => Err(format!(
                "'{text}' is no size in megapixels: write for example 12 or 12-48"
            )),
        }
    };
    let (least, most) = (number(least)?, number(most)?);
    if least <= most {
        Ok((least, most))
    } else {
        Err(format!("'{text}': the smaller size comes first"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_are_numbers_or_ranges() {
        assert_eq!(megapixels("12"), Ok((12.0, 12.0)));
        assert_eq!(megapixels("12-48"), Ok((12.0, 48.0)));
        for bad in ["", "a", "48-12", "-5", "0", "12-", "NaN"] {
            assert!(megapixels(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_are_four_numbers_with_pixels_in_between() {
        assert_eq!(rectangle("1,2,30,40"), Ok(Rect::new(1, 2, 30, 40)));
        for bad in ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "-1,2,3,4", "a,b,c,d"] {
            assert!(rectangle(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_budget_goes_before_or_behind_the_command() {
        for line in [
            ["pixelbank", "--memory", "64M", "info", "a.jpg"],
            ["pixelbank", "info", "a.jpg", "--memory", "64M"],
        ] {
            assert_eq!(Arguments::parse_from(line).budget.memory, Some(64 << 20));
        }
    }
}
