// The table of types as text for spreadsheets: the lines that the program and the
// Python package write as well.

import { resource_of, type TypeRow } from './ledger';

const HEAD = [
  'account',
  'type',
  'owner',
  'resource',
  'count',
  'live_bytes',
  'average_bytes',
  'share',
  'peak_bytes',
  'wasted_bytes',
  'growth_bytes_per_minute',
  'since_mark_count',
  'since_mark_bytes',
];

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  // Names come from files: a spreadsheet would take one like =HYPERLINK(…) for a formula and follow it.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** What a server does not say, and what makes no sense for memory beside the books, is empty. */
export function csv_text(rows: TypeRow[], share: (row: TypeRow) => number): string {
  const lines = rows.map((row) => [
    row.account,
    row.type,
    row.owner,
    resource_of(row),
    row.account ? row.count : null,
    row.live_bytes,
    row.count > 0 ? Math.floor(row.live_bytes / row.count) : null,
    // Halves are rounded up before they become text: languages differ in what they do with them.
    (Math.floor(share(row) * 1e6 + 0.5) / 1e6).toFixed(6),
    row.account ? row.peak_bytes : null,
    row.wasted_bytes,
    row.growth_bytes_per_minute,
    row.since_mark?.count,
    row.since_mark?.live_bytes,
  ]);
  return [HEAD, ...lines].map((line) => `${line.map(cell).join(',')}\n`).join('');
}

/** Puts text on the clipboard, also where the page did not come over HTTPS and the modern way is closed. */
export async function copy_text(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return copied;
  }
}
