// Snapshots: counts and bytes by type at one moment, in the form that the
// program and the Python package keep too, and what is different between two.

import { resource_of, type Ledger, type TypeRow } from './ledger';

const FORM = 1;
/** A snapshot has a line a type: anything near this size is another file. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;

export interface Snapshot {
  time_s: number;
  types: Map<string, { count: number; bytes: number }>;
}

export interface DiffRow {
  name: string;
  count: number;
  bytes: number;
  /** Null where no time lies between the two. */
  bytes_per_minute: number | null;
}

export interface Diff {
  rows: DiffRow[];
  seconds: number;
}

/** `account/type of owner`, and the resource where it is not host memory. */
export function type_name(row: TypeRow): string {
  const resource = resource_of(row);
  return `${row.account}/${row.type} of ${row.owner}${resource === 'host' ? '' : ` (${resource})`}`;
}

/** The resource that a name tells of. */
export function resource_in(name: string): string {
  return /\((disk|files|device \d+)\)$/.exec(name)?.[1] ?? 'host';
}

export function snapshot_of(ledger: Ledger): Snapshot {
  const types: Snapshot['types'] = new Map();
  for (const row of ledger.types) {
    if (row.count === 0 && row.live_bytes === 0) continue;
    const name = type_name(row);
    const { count, bytes } = types.get(name) ?? { count: 0, bytes: 0 };
    types.set(name, { count: count + row.count, bytes: bytes + row.live_bytes });
  }
  return { time_s: ledger.time_ms / 1000, types };
}

export function snapshot_text(snapshot: Snapshot): string {
  const types = Object.fromEntries([...snapshot.types].map(([name, { count, bytes }]) => [name, [count, bytes]]));
  return JSON.stringify({ form: FORM, time_s: snapshot.time_s, types });
}

/** Reads a snapshot's text; throws an Error with a sentence for people where it is none. */
export function parse_snapshot(text: string): Snapshot {
  const none = new Error('This is no snapshot of Pixelbank.');
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw none;
  }
  if (!is_object(read) || !('form' in read)) throw none;
  const { form, time_s, types } = read;
  if (form !== FORM) {
    throw new Error(`This is a snapshot of form ${JSON.stringify(form)?.slice(0, 40)}; form ${FORM} is understood.`);
  }
  if (!is_number(time_s) || !is_object(types)) throw none;
  const out: Snapshot = { time_s, types: new Map() };
  for (const [name, figures] of Object.entries(types)) {
    if (!Array.isArray(figures) || figures.length !== 2) throw none;
    const [count, bytes] = figures as unknown[];
    if (!is_amount(count) || !is_amount(bytes)) throw none;
    out.types.set(name, { count, bytes });
  }
  return out;
}

function is_object(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function is_number(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function is_amount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 64;
}

/** What the later of two snapshots holds more and less, the largest growth first. */
export function diff(before: Snapshot, after: Snapshot): Diff {
  const nothing = { count: 0, bytes: 0 };
  const seconds = after.time_s - before.time_s;
  const rows: DiffRow[] = [];
  for (const name of new Set([...before.types.keys(), ...after.types.keys()])) {
    const then = before.types.get(name) ?? nothing;
    const now = after.types.get(name) ?? nothing;
    const count = now.count - then.count;
    const bytes = now.bytes - then.bytes;
    if (count === 0 && bytes === 0) continue;
    rows.push({ name, count, bytes, bytes_per_minute: seconds === 0 ? null : (bytes * 60) / seconds });
  }
  rows.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  return { rows, seconds };
}

/** Bytes of host memory: those of disks and devices are of another kind, and files are counted. */
export function host_bytes(rows: Iterable<{ name: string; bytes: number }>): number {
  let total = 0;
  for (const { name, bytes } of rows) if (resource_in(name) === 'host') total += bytes;
  return total;
}
