// What /api/ledger says, and the recorder that turns its snapshots into series
// of equal length for the graph.

import { bytes_text, count_text } from '../format';

export interface AccountRow {
  account: string;
  floor_bytes: number;
  ceiling_bytes: number | null;
  live_bytes: number;
  peak_bytes: number;
  count: number;
}

export interface TypeRow {
  /** Empty for what is held beside the books. */
  account: string;
  /** `host`, `disk`, `files` (counted, not bytes), `device 0`; host where a server does not say. */
  resource?: string;
  type: string;
  owner: string;
  count: number;
  live_bytes: number;
  peak_bytes: number;
  wasted_bytes?: number;
  growth_bytes_per_minute?: number | null;
  since_mark?: { count: number; live_bytes: number } | null;
}

export interface LimitRow {
  limit_bytes: number;
  live_bytes: number;
  peak_bytes: number;
}

export interface DeviceRow {
  name?: string;
  device?: number;
  limit_bytes?: number | null;
  live_bytes: number;
  peak_bytes?: number;
  /** What the device says itself; the process's part only where it tells processes apart. */
  system?: { total_bytes: number; free_bytes: number; process_bytes?: number | null } | null;
  /** What says whoever hands out the device's memory within the process. */
  allocator?: { allocated_bytes: number; reserved_bytes: number } | null;
}

export interface ProcessRow {
  resident_bytes: number;
  peak_resident_bytes: number;
  unaccounted_bytes: number;
  /** Of what is not in the ledger: mapped files, what the allocator keeps unused (null where it does not say), and the rest. */
  file_bytes?: number | null;
  allocator_bytes?: number | null;
  unclassified_bytes?: number | null;
}

export interface LedgerEvent {
  time_ms: number;
  /** The last of several equal ones. */
  until_ms: number;
  kind: string;
  resource: string;
  account: string | null;
  count: number;
  /** Bytes (or files); for a new limit, that limit. */
  amount: number;
}

export interface Mark {
  generation: number;
  time_ms: number;
}

export interface LedgerHistory {
  interval_ms: number;
  times_ms: number[];
  resident_bytes: number[];
  accounts: Record<string, number[]>;
}

export interface Ledger {
  time_ms: number;
  uptime_ms: number;
  host: {
    limit_bytes: number;
    live_bytes: number;
    peak_bytes: number;
    idle_bytes: number;
    overdrawn_bytes: number;
  };
  disk: LimitRow;
  /** Counted; the names are those of the other limits. */
  files: LimitRow;
  devices: DeviceRow[];
  process: ProcessRow;
  accounts: AccountRow[];
  types: TypeRow[];
  /** Missing where the server knows no marks, null before the first. */
  mark?: Mark | null;
  /** Oldest first. */
  events?: LedgerEvent[];
  history?: LedgerHistory;
}

const MAX_POINTS = 600;

export function device_name(device: DeviceRow, index: number): string {
  return device.name || `GPU ${device.device ?? index}`;
}

export function resource_of(row: { resource?: string }): string {
  return row.resource ?? 'host';
}

/** A part of what is held beside the books. */
export interface Beside {
  resource: string;
  name: string;
  bytes: number;
}

/** What the system, devices and their allocators know of and the books do not: as far as a server tells it apart, and where it is anything. */
export function beside_the_books({ process, devices }: Ledger): Beside[] {
  const { unaccounted_bytes, file_bytes, allocator_bytes, unclassified_bytes } = process;
  const parts: [string, number | null | undefined][] =
    unclassified_bytes == null
      ? [['code, stacks, libraries, allocator', unaccounted_bytes]]
      : [
          ['mapped files', file_bytes],
          ["allocator's unused", allocator_bytes],
          ['unclassified', unclassified_bytes],
        ];
  const found = parts.map(([name, bytes]) => ({ resource: 'host', name, bytes: bytes ?? 0 }));
  devices.forEach((device, i) => {
    const resource = `device ${device.device ?? i}`;
    found.push(...beside_on(device).map(([name, bytes]) => ({ resource, name, bytes })));
  });
  return found.filter(({ bytes }) => bytes > 0);
}

/** The books hold what the allocator handed out, it has that and more from the device, the process that and what its driver needs. */
function beside_on({ live_bytes, allocator, system }: DeviceRow): [string, number][] {
  const ours = Math.max(live_bytes, allocator?.reserved_bytes ?? 0);
  const of_process = system?.process_bytes;
  const used = system ? system.total_bytes - system.free_bytes : 0;
  const parts: [string, number][] = [
    ["allocator's unused", allocator ? allocator.reserved_bytes - allocator.allocated_bytes : 0],
    ['unclassified', allocator ? allocator.allocated_bytes - live_bytes : 0],
  ];
  if (of_process == null) parts.push(['driver and other programs', used - ours]);
  else parts.push(['driver', of_process - ours], ['other programs', used - Math.max(ours, of_process)]);
  return parts;
}

/** Who holds what, and what is held beside that: the program and the Python package have the same rows. */
export function rows_of(ledger: Ledger): TypeRow[] {
  const beside = beside_the_books(ledger).map(
    ({ resource, name, bytes }): TypeRow => ({ account: '', resource, type: name, owner: '', count: 0, live_bytes: bytes, peak_bytes: NaN }),
  );
  return [...ledger.types, ...beside];
}

/** Says of a row what part it is of what is resident, or of files, disk and devices: of all that is held there. */
export function shares_of(ledger: Ledger): (row: TypeRow) => number {
  const whole = new Map<string, number>();
  for (const row of rows_of(ledger)) whole.set(resource_of(row), (whole.get(resource_of(row)) ?? 0) + row.live_bytes);
  whole.set('host', ledger.process.resident_bytes);
  return (row) => row.live_bytes / Math.max(1, whole.get(resource_of(row)) ?? 0);
}

/** An amount of a resource: open files are counted, all else is bytes. */
export function amount_text(resource: string, amount: number): string {
  return resource === 'files' ? count_text(amount) : bytes_text(amount);
}

/** Series on one time axis; each has as many values as there are times. */
export class Recorder {
  times_ms: number[] = [];
  limit_bytes: number[] = [];
  resident_bytes: number[] = [];
  accounts = new Map<string, number[]>();
  devices = new Map<string, number[]>();

  get length(): number {
    return this.times_ms.length;
  }

  /** The newest time, or -Infinity before the first. */
  get last_ms(): number {
    return this.times_ms[this.times_ms.length - 1] ?? -Infinity;
  }

  add(ledger: Ledger): void {
    if (ledger.history) this.#take_history(ledger.history, ledger.host.limit_bytes);
    // Two looks within the same millisecond, or a clock set back, say nothing new.
    if (ledger.time_ms <= this.last_ms) return;
    this.times_ms.push(ledger.time_ms);
    this.limit_bytes.push(ledger.host.limit_bytes);
    this.resident_bytes.push(ledger.process.resident_bytes);
    this.#push(this.accounts, ledger.accounts.map((row) => [row.account, row.live_bytes]));
    this.#push(
      this.devices,
      ledger.devices.map((device, i) => [device_name(device, i), device.live_bytes]),
    );
    this.#trim();
  }

  #take_history(history: LedgerHistory, limit_bytes: number): void {
    const n = history.times_ms.length;
    const fitted = (values: number[] | undefined) => {
      const out = (values ?? []).slice(-n);
      while (out.length < n) out.unshift(0);
      return out;
    };
    this.times_ms = history.times_ms.slice();
    this.limit_bytes = new Array<number>(n).fill(limit_bytes);
    this.resident_bytes = fitted(history.resident_bytes);
    this.accounts = new Map(Object.entries(history.accounts).map(([name, values]) => [name, fitted(values)]));
    // The server keeps no history of devices: theirs begins with this page.
    this.devices = new Map([...this.devices.keys()].map((name) => [name, fitted([])]));
  }

  #push(series: Map<string, number[]>, values: [string, number][]): void {
    for (const [name, value] of values) {
      let list = series.get(name);
      if (!list) {
        list = new Array<number>(this.length - 1).fill(0);
        series.set(name, list);
      }
      list.push(value);
    }
    for (const list of series.values()) {
      if (list.length < this.length) list.push(0);
    }
  }

  #trim(): void {
    const extra = this.length - MAX_POINTS;
    if (extra <= 0) return;
    this.times_ms.splice(0, extra);
    this.limit_bytes.splice(0, extra);
    this.resident_bytes.splice(0, extra);
    for (const list of [...this.accounts.values(), ...this.devices.values()]) list.splice(0, extra);
  }
}

/** Running sums over the series, the first at the bottom: the upper edges of a stacked graph. */
export function stacked(series: number[][]): number[][] {
  const out: number[][] = [];
  let below: number[] | null = null;
  for (const values of series) {
    const edge: number[] = below ? values.map((value, i) => value + below![i]!) : values.slice();
    out.push(edge);
    below = edge;
  }
  return out;
}

// The order of the stack and of the colours; accounts not named here follow by name.
const KNOWN = ['tiles', 'bitmaps', 'descriptors', 'catalog', 'pool', 'textures', 'video', 'meshes', 'scratch', 'encoded'];

export function ordered_accounts(names: Iterable<string>): string[] {
  const place = (name: string) => {
    const k = KNOWN.indexOf(name);
    return k < 0 ? KNOWN.length : k;
  };
  return [...names].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

/** The CSS variable that holds an account's colour; the same account always has the same one. */
export function account_colour(name: string): string {
  const k = KNOWN.indexOf(name);
  if (k >= 0) return `--account-${k}`;
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return `--account-${hash % KNOWN.length}`;
}

/** Rows in the order of a column; equal rows keep the order they came in, those without a value come last. */
export function sorted_rows<T>(rows: T[], value: (row: T) => string | number | null, descending: boolean): T[] {
  return rows
    .map((row, i) => ({ row, i, value: value(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null) || a.i - b.i;
      const order = a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
      return (descending ? -order : order) || a.i - b.i;
    })
    .map((entry) => entry.row);
}
