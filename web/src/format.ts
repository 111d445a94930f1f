// Numbers, sizes, dates and places as text for people.

const integer = new Intl.NumberFormat('en-US');

export function count_text(n: number): string {
  return integer.format(n);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count_text(n)} ${n === 1 ? one : many}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in binary units with about three figures: `118 MiB`, `1.25 GiB`. */
export function bytes_text(bytes: number): string {
  const sign = bytes < 0 ? '\u2212' : '';
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${sign}${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** As `bytes_text`, with a sign: what grew or shrank. */
export function signed_bytes_text(bytes: number): string {
  return bytes > 0 ? `+${bytes_text(bytes)}` : bytes_text(bytes);
}

export function signed_count_text(n: number): string {
  return n > 0 ? `+${count_text(n)}` : count_text(n).replace('-', '\u2212');
}

/** A share of one as a percentage: `41%`, `0.3%`. */
export function share_text(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 0.05 ? '< 0.1%' : `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)}%`;
}

/** The time of day by the browser's clock. */
export function clock_text(time_ms: number): string {
  return new Date(time_ms).toLocaleTimeString('en-GB', { hour12: false });
}

/** The last part of a path. */
export function base_name(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Everything before the last part of a path; empty at the top. */
export function folder_of(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface DateParts {
  year: number;
  month: number;
  day: number;
  time: string;
}

/**
 * Reads the date as written. A camera's clock has no zone, so the text must
 * not go through `Date`, which would shift it to the browser's zone.
 */
export function date_parts(date: string | null): DateParts | null {
  const match = date && /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}))?/.exec(date);
  if (!match) return null;
  const [, year, month, day, time] = match;
  const index = Number(month);
  if (index < 1 || index > 12) return null;
  return { year: Number(year), month: index, day: Number(day), time: time ?? '' };
}

export function date_text(date: string | null): string {
  const parts = date_parts(date);
  if (!parts) return '';
  return `${parts.day} ${MONTHS[parts.month - 1]} ${parts.year}${parts.time ? `, ${parts.time}` : ''}`;
}

export function month_text(date: string | null): string {
  const parts = date_parts(date);
  return parts ? `${MONTHS[parts.month - 1]} ${parts.year}` : '';
}

export function megapixels_text(width: number, height: number): string {
  const mega = (width * height) / 1e6;
  return `${mega >= 9.95 ? Math.round(mega) : mega.toFixed(1)} MP`;
}

export function size_text(width: number | null, height: number | null): string {
  return width && height ? `${count_text(width)} × ${count_text(height)}` : '';
}

/** Degrees with hemisphere: `46.2044° N, 6.1432° E`. */
export function location_text(latitude: number, longitude: number): string {
  const part = (value: number, plus: string, minus: string) =>
    `${Math.abs(value).toFixed(4)}° ${value < 0 ? minus : plus}`;
  return `${part(latitude, 'N', 'S')}, ${part(longitude, 'E', 'W')}`;
}

/** Zoom as a percentage of one picture pixel per device pixel. */
export function percent_text(ratio: number): string {
  const percent = ratio * 100;
  return `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)}%`;
}

export function duration_text(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
