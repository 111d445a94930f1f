// The table of types as text for spreadsheets.

import { resource_of, type TypeRow } from './ledger';

const HEAD = [
  'account',
  'resource',
  'type',
  'owner',
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

/** Lines end as RFC 4180 has them; what a server does not say is empty. */
export function csv_text(rows: TypeRow[], share: (row: TypeRow) => number): string {
  const lines = rows.map((row) => [
    row.account,
    resource_of(row),
    row.type,
    row.owner,
    row.count,
    row.live_bytes,
    row.count > 0 ? Math.round(row.live_bytes / row.count) : null,
    Number(share(row).toFixed(6)),
    row.peak_bytes,
    row.wasted_bytes,
    row.growth_bytes_per_minute,
    row.since_mark?.count,
    row.since_mark?.live_bytes,
  ]);
  return [HEAD, ...lines].map((line) => `${line.map(cell).join(',')}\r\n`).join('');
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
