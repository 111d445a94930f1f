//! A ledger as a picture: what was held over time, and who holds what now.

use std::io;
use std::sync::OnceLock;

use pixelbank_memory::{Account, format_bytes};
use plotters::prelude::*;
use plotters::style::register_font;

use crate::{Table, View};

/// The size of the picture, in pixels.
pub const SIZE: (u32, u32) = (1280, 760);

const GRAPH_HEIGHT: i32 = 470;
const LEGEND_X: i32 = 106;
const N_BARS: usize = 10;
const FONT: &str = "pixelbank";
const INK: RGBColor = RGBColor(27, 29, 27);
const FAINT: RGBColor = RGBColor(104, 109, 102);
const PAPER: RGBColor = RGBColor(250, 250, 248);
const RESIDENT: RGBColor = RGBColor(43, 46, 43);
const LIMIT: RGBColor = RGBColor(180, 71, 42);

/// The colour of an account, as on the web page.
const fn colour(account: Account) -> RGBColor {
    match account {
        Account::Tiles => RGBColor(47, 132, 104),
        Account::Bitmaps => RGBColor(74, 116, 184),
        Account::Descriptors => RGBColor(189, 133, 38),
        Account::Catalog => RGBColor(130, 100, 180),
        Account::Pool => RGBColor(63, 147, 160),
        Account::Textures => RGBColor(192, 95, 72),
        Account::Video => RGBColor(168, 79, 130),
        Account::Meshes => RGBColor(119, 135, 58),
        Account::Encoded => RGBColor(47, 127, 176),
        _ => RGBColor(133, 126, 115),
    }
}

/// Draws a view as PNG; without history, its graph is that of one moment.
///
/// # Errors
/// Where the picture cannot be drawn or encoded, which has no cause in what is drawn.
pub fn png(view: &View) -> io::Result<Vec<u8>> {
    static IS_REGISTERED: OnceLock<()> = OnceLock::new();
    IS_REGISTERED.get_or_init(|| {
        // The embedded font is one that the library reads.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    let (width, height) = SIZE;
    let mut pixels = vec![0; (width * height * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        root.fill(&PAPER).map_err(io::Error::other)?;
        let (above, below) = root.split_vertically(GRAPH_HEIGHT);
        graph(&above, view).map_err(io::Error::other)?;
        bars(&below, view).map_err(io::Error::other)?;
        root.present().map_err(io::Error::other)?;
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(out)
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn font(size: u32, colour: RGBColor) -> TextStyle<'static> {
    (FONT, size).into_font().color(&colour)
}

/// What was held at each moment, by account.
struct Series {
    times_ms: Vec<u64>,
    resident: Vec<u64>,
    accounts: Vec<(Account, Vec<u64>)>,
}

impl Series {
    /// The history and the moment of the ledger behind it.
    fn of(view: &View) -> Self {
        let ledger = &view.ledger;
        let history = view.history.as_ref().map(|timed| timed.history.clone());
        let mut history = history.unwrap_or_default();
        for row in &ledger.accounts {
            let is_listed = history
                .accounts
                .iter()
                .any(|(account, _)| *account == row.account);
            if !is_listed && row.live_bytes > 0 {
                history
                    .accounts
                    .push((row.account, vec![0; history.times_ms.len()]));
            }
        }
        let live = |account| {
            let mut rows = ledger.accounts.iter();
            rows.find(|row| row.account == account)
                .map_or(0, |row| row.live_bytes)
        };
        // An area needs two moments.
        let moments = if history.times_ms.is_empty() { 2 } else { 1 };
        for moment in (0..moments).rev() {
            history
                .times_ms
                .push(ledger.time_ms.saturating_sub(moment * 1000));
            history.resident_bytes.push(ledger.process.resident_bytes);
            for (account, bytes) in &mut history.accounts {
                bytes.push(live(*account));
            }
        }
        history.accounts.sort_by_key(|(account, _)| *account);
        Self {
            times_ms: history.times_ms,
            resident: history.resident_bytes,
            accounts: history.accounts,
        }
    }
}

fn graph(area: &Area<'_>, view: &View) -> Drawn {
    let ledger = &view.ledger;
    let series = Series::of(view);
    let last_ms = ledger.time_ms;
    let seconds = |ms: u64| -(last_ms.saturating_sub(ms) as f64) / 1000.0;
    let first = series
        .times_ms
        .first()
        .map_or(-1.0, |ms| seconds(*ms))
        .min(-1.0);
    let limit = ledger.host.limit_bytes;
    let most = series.resident.iter().copied().max().unwrap_or(0);
    let top = most.max(limit).max(1) as f64 * 1.06;
    // The axis counts in its own unit, so that its steps are round ones.
    let (unit, unit_name) = unit_of(top);
    let title = format!(
        "{} of {} held, {} resident",
        format_bytes(ledger.host.live_bytes),
        format_bytes(limit),
        format_bytes(ledger.process.resident_bytes)
    );
    let (title_width, _) = area
        .estimate_text_size(&title, &font(22, INK))
        .map_err(text)?;
    let title_x = (SIZE.0.saturating_sub(title_width) / 2) as i32;
    area.draw(&Text::new(title, (title_x, 18), font(22, INK)))
        .map_err(text)?;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(84)
        .margin_bottom(6)
        .x_label_area_size(34)
        .y_label_area_size(LEGEND_X as u32 - 20)
        .build_cartesian_2d(first..0.0, 0.0..top / unit)
        .map_err(text)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT.mix(0.2))
        .axis_style(FAINT.mix(0.5))
        .label_style(font(14, FAINT))
        .x_label_formatter(&|seconds| match seconds.abs() {
            0.0 => "now".to_owned(),
            s if s < 120.0 => format!("{s:.0} s ago"),
            s => format!("{:.0} min ago", s / 60.0),
        })
        .y_labels(6)
        .y_label_formatter(&|amount| format!("{amount} {unit_name}"))
        .draw()
        .map_err(text)?;
    // The highest of the stack is drawn first, and those below it over it.
    let mut edges = vec![0u64; series.times_ms.len()];
    let mut stack = Vec::new();
    for (account, bytes) in &series.accounts {
        for (edge, bytes) in edges.iter_mut().zip(bytes) {
            *edge += bytes;
        }
        stack.push((*account, edges.clone()));
    }
    for (account, edge) in stack.iter().rev() {
        let points = series.times_ms.iter().zip(edge);
        let points = points.map(|(ms, bytes)| (seconds(*ms), *bytes as f64 / unit));
        let fill = colour(*account);
        // Blended by hand: areas lie over one another, so none may be seen through.
        let light = |channel: u8| (f64::from(channel) * 0.72 + 250.0 * 0.28) as u8;
        let pale = RGBColor(light(fill.0), light(fill.1), light(fill.2));
        chart
            .draw_series(AreaSeries::new(points, 0.0, pale).border_style(fill))
            .map_err(text)?;
    }
    let resident = series.times_ms.iter().zip(&series.resident);
    let resident = resident.map(|(ms, bytes)| (seconds(*ms), *bytes as f64 / unit));
    chart
        .draw_series(LineSeries::new(resident, RESIDENT.stroke_width(2)))
        .map_err(text)?;
    let at_limit = [first, 0.0].map(|x| (x, limit as f64 / unit));
    chart
        .draw_series(DashedLineSeries::new(at_limit, 8, 6, LIMIT.stroke_width(2)))
        .map_err(text)?;
    let accounts = series
        .accounts
        .iter()
        .map(|(account, _)| (account.name(), colour(*account)));
    legend(
        area,
        accounts.chain([("resident", RESIDENT), ("limit", LIMIT)]),
    )
}

/// The largest unit of which the top of an axis is one at least.
fn unit_of(top: f64) -> (f64, &'static str) {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let units = units.map(|(unit, name)| (f64::from(unit), name));
    let found = units.into_iter().find(|(unit, _)| top >= *unit);
    found.unwrap_or((1.0, "B"))
}

/// What the colours stand for, in one line above the graph.
fn legend<'a>(area: &Area<'_>, entries: impl Iterator<Item = (&'a str, RGBColor)>) -> Drawn {
    const Y: i32 = 58;
    let mut x = LEGEND_X;
    for (name, fill) in entries {
        let mark = Rectangle::new([(x, Y), (x + 12, Y + 10)], fill.filled());
        area.draw(&mark).map_err(text)?;
        area.draw(&Text::new(name, (x + 18, Y - 1), font(14, INK)))
            .map_err(text)?;
        let (width, _) = area
            .estimate_text_size(name, &font(14, INK))
            .map_err(text)?;
        x += 18 + width as i32 + 20;
    }
    Ok(())
}

/// The largest rows of the table, as bars.
fn bars(area: &Area<'_>, view: &View) -> Drawn {
    const LEFT: i32 = 330;
    const RIGHT: i32 = 190;
    let table = Table::of(&view.ledger);
    let on_host: Vec<_> = table
        .rows
        .iter()
        .filter(|row| row.resource == "host")
        .take(N_BARS)
        .collect();
    let (width, height) = (area.dim_in_pixel().0 as i32, area.dim_in_pixel().1 as i32);
    let step = (height - 24) / N_BARS as i32;
    let most = on_host.first().map_or(1, |row| row.bytes.max(1));
    for (number, row) in on_host.into_iter().enumerate() {
        let y = number as i32 * step;
        let length = (width - LEFT - RIGHT) as u64 * row.bytes / most;
        let (name, fill) = match Account::from_name(row.account) {
            Some(account) => (format!("{account}/{}", row.kind), colour(account)),
            None => (row.kind.clone(), FAINT),
        };
        let whose = match row.owner.as_str() {
            "" => name,
            owner => format!("{name} of {owner}"),
        };
        let right = (LEFT + length as i32).max(LEFT + 1);
        let bar = Rectangle::new([(LEFT, y + 3), (right, y + step - 3)], fill.filled());
        area.draw(&bar).map_err(text)?;
        let label = Text::new(shortened(&whose), (24, y + step / 2 - 7), font(14, INK));
        area.draw(&label).map_err(text)?;
        let figure = format!("{} ({:.1} %)", format_bytes(row.bytes), row.share * 100.0);
        let figure = Text::new(figure, (right + 8, y + step / 2 - 7), font(14, FAINT));
        area.draw(&figure).map_err(text)?;
    }
    Ok(())
}

/// As much of a name as there is room for.
fn shortened(name: &str) -> String {
    const MOST: usize = 38;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;

    use super::*;

    fn pixels(png: &[u8]) -> Vec<u8> {
        let mut reader = png::Decoder::new(io::Cursor::new(png)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), SIZE);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    #[test]
    fn accounts_have_their_colours_by_their_shares() {
        let bank = Bank::builder().host_bytes(400 << 20).build().unwrap();
        let holder = bank.holder(
            Account::Tiles,
            "tile",
            "a name that is much too long for the room that it has",
        );
        let _tiles = holder.try_reserve(300 << 20).unwrap();
        let _bitmaps = bank
            .holder(Account::Bitmaps, "bitmap", "")
            .try_reserve(60 << 20)
            .unwrap();
        for view in [View::of(&bank, None), {
            bank.sample();
            View::of(&bank, Some(1000))
        }] {
            let picture = pixels(&png(&view).unwrap());
            let count = |account: Account| {
                let RGBColor(r, g, b) = colour(account);
                // Bars alone: the legend's marks are as large for every account.
                let above = SIZE.0 as usize * GRAPH_HEIGHT as usize;
                let bars = picture.chunks_exact(3).skip(above);
                bars.filter(|pixel| *pixel == [r, g, b]).count() as f64
            };
            let ratio = count(Account::Tiles) / count(Account::Bitmaps);
            assert!((3.5..6.5).contains(&ratio), "five to one, drawn {ratio}");
            assert_eq!(count(Account::Pool), 0.0);
        }
    }
}
