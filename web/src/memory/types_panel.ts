// The table of types: flat, or nested by account, type and owner; of one
// account or of all; as text for a spreadsheet.

import { h, set_text } from '../dom';
import { count_text, plural, share_text, signed_bytes_text, signed_count_text } from '../format';
import { copy_text, csv_text } from './csv';
import { amount_text, ordered_accounts, resource_of, rows_of, shares_of, type Ledger, type TypeRow } from './ledger';
import { SortableTable, type Column } from './table';
import { colour_of } from './treemap_layout';

const NO_BREAK = '\u00a0';

/** A row of the ledger, or a sum of several. */
export interface TypeLine extends TypeRow {
  id: string;
  name: string;
  below: TypeLine[];
}

function id_of(row: TypeRow): string {
  return JSON.stringify([row.account, resource_of(row), row.type, row.owner]);
}

function line_of(row: TypeRow, name = row.type): TypeLine {
  return { ...row, id: id_of(row), name, below: [] };
}

/** Adds figures up where all rows have them. Peaks lie at different times: their sum would be none. */
function sum_of(below: TypeLine[], id: string, name: string): TypeLine {
  const first = below[0]!;
  const all = (value: (row: TypeRow) => number | null | undefined): number | null => {
    let total: number | null = null;
    for (const row of below) {
      const figure = value(row);
      if (figure !== null && figure !== undefined) total = (total ?? 0) + figure;
    }
    return total;
  };
  const count = all((row) => row.count) ?? 0;
  const wasted = all((row) => row.wasted_bytes);
  const marked = below.some((row) => row.since_mark);
  return {
    id,
    name,
    below,
    account: first.account,
    resource: resource_of(first),
    type: '',
    owner: '',
    count,
    live_bytes: all((row) => row.live_bytes) ?? 0,
    peak_bytes: NaN,
    ...(wasted === null ? {} : { wasted_bytes: wasted }),
    growth_bytes_per_minute: all((row) => row.growth_bytes_per_minute),
    since_mark: marked
      ? { count: all((row) => row.since_mark?.count) ?? 0, live_bytes: all((row) => row.since_mark?.live_bytes) ?? 0 }
      : null,
  };
}

function grouped<T>(rows: T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const list = groups.get(key(row));
    if (list) list.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}

/** Accounts (apart for each resource), the types in them, the owners of those; a type of one owner is one row. */
export function nested(rows: TypeRow[]): TypeLine[] {
  return [...grouped(rows, (row) => JSON.stringify([row.account, resource_of(row)]))].map(([id, of_account]) => {
    const types = [...grouped(of_account, (row) => row.type)].map(([type, of_type]) => {
      if (of_type.length === 1) return line_of(of_type[0]!, of_type[0]!.owner ? `${type} · ${of_type[0]!.owner}` : type);
      const owners = of_type.map((row) => line_of(row, row.owner || 'no owner'));
      return sum_of(owners, `${id}${type}`, type);
    });
    const { account, resource = 'host' } = of_account[0]!;
    const name = account || 'Not in the ledger';
    return sum_of(types, id, resource === 'host' ? name : `${name} (${resource})`);
  });
}

export class TypesPanel {
  readonly element: HTMLElement;
  #table: SortableTable<TypeLine>;
  #account: HTMLSelectElement;
  #said: HTMLElement;
  #ledger: Ledger | null = null;
  #nested = false;
  #share: (row: TypeRow) => number = () => 0;
  #largest = new Map<string, number>();

  constructor() {
    this.#table = new SortableTable<TypeLine>({
      caption: 'Types',
      columns: this.#columns(),
      sorted: 5,
      empty_text: 'Nothing is held at the moment.',
      id: (row) => row.id,
      children: (row) => row.below,
    });
    this.#account = h(
      'select',
      { class: 'select', 'aria-label': 'Account', onchange: () => this.#fill() },
      h('option', { value: '' }, 'All accounts'),
    );
    const nest = h(
      'button',
      {
        class: 'chip',
        type: 'button',
        'aria-pressed': 'false',
        onclick: () => {
          this.#nested = !this.#nested;
          nest.setAttribute('aria-pressed', String(this.#nested));
          this.#fill();
        },
      },
      'Nested',
    );
    const copy = h('button', { class: 'button small', type: 'button', onclick: () => void this.#copy() }, 'Copy as CSV');
    this.#said = h('span', { class: 'panel-said', role: 'status' });
    this.element = h(
      'div',
      { class: 'panel types-panel' },
      h(
        'header',
        { class: 'panel-head' },
        h('h2', {}, 'Types'),
        h('div', { class: 'chips' }, this.#said, this.#account, h('div', { class: 'segmented' }, nest), copy),
      ),
      this.#table.element,
    );
  }

  update(ledger: Ledger): void {
    this.#ledger = ledger;
    this.#share = shares_of(ledger);
    this.#offer(ordered_accounts(new Set(ledger.types.map((row) => row.account))));
    this.#fill();
  }

  /** Shows one account's rows alone, and brings the table into view. */
  choose(account: string): void {
    this.#account.value = account;
    if (this.#account.selectedIndex < 0) this.#account.value = '';
    this.#fill();
    this.element.scrollIntoView({ block: 'nearest' });
  }

  #columns(): Column<TypeLine>[] {
    const amount = (row: TypeLine, value: number | null | undefined) =>
      value === null || value === undefined || Number.isNaN(value) ? '–' : amount_text(resource_of(row), value);
    const average = (row: TypeLine) => (row.count > 0 ? row.live_bytes / row.count : null);
    const any = (has: (row: TypeRow) => boolean) => () => this.#ledger?.types.some(has) ?? false;
    const flat = () => !this.#nested;
    return [
      { title: 'Type', wraps: true, value: (r) => r.name, text: (r) => r.name, key: (r) => colour_of(r.account || null) },
      { title: 'Account', value: (r) => r.account, text: (r) => r.account, shown: flat },
      { title: 'Resource', value: resource_of, text: resource_of, shown: any((r) => r.resource !== undefined) },
      { title: 'Owner', wraps: true, value: (r) => r.owner, text: (r) => r.owner, shown: flat },
      {
        title: 'Count',
        numeric: true,
        value: (r) => (r.account ? r.count : null),
        text: (r) => (r.account ? count_text(r.count) : '–'),
      },
      {
        title: 'Bytes',
        numeric: true,
        value: (r) => r.live_bytes,
        text: (r) => amount(r, r.live_bytes),
        bar: (r) => r.live_bytes / (this.#largest.get(resource_of(r)) || 1),
      },
      { title: 'Average', numeric: true, value: average, text: (r) => amount(r, average(r) === null ? null : Math.round(average(r)!)) },
      { title: 'Share', numeric: true, value: (r) => this.#share(r), text: (r) => share_text(this.#share(r)) },
      {
        title: 'Peak',
        numeric: true,
        value: (r) => (Number.isNaN(r.peak_bytes) ? null : r.peak_bytes),
        text: (r) => amount(r, r.peak_bytes),
      },
      {
        title: 'Wasted',
        numeric: true,
        value: (r) => r.wasted_bytes ?? null,
        text: (r) => amount(r, r.wasted_bytes),
        shown: any((r) => r.wasted_bytes !== undefined),
      },
      {
        title: 'Growth/min',
        numeric: true,
        value: (r) => r.growth_bytes_per_minute ?? null,
        text: (r) => grown_text(r, r.growth_bytes_per_minute),
        shown: any((r) => r.growth_bytes_per_minute !== undefined),
      },
      {
        title: 'Since mark',
        numeric: true,
        wraps: true,
        value: (r) => r.since_mark?.live_bytes ?? null,
        text: (r) => since_text(r),
        shown: () => Boolean(this.#ledger?.mark),
      },
    ];
  }

  #rows(): TypeRow[] {
    const account = this.#account.value;
    const rows = this.#ledger ? rows_of(this.#ledger) : [];
    return account ? rows.filter((row) => row.account === account) : rows;
  }

  #fill(): void {
    const rows = this.#nested ? nested(this.#rows()) : this.#rows().map((row) => line_of(row));
    this.#largest.clear();
    for (const row of rows) {
      const resource = resource_of(row);
      this.#largest.set(resource, Math.max(this.#largest.get(resource) ?? 0, row.live_bytes));
    }
    this.#table.update(rows);
  }

  /** Accounts stay on offer once seen, so that a choice does not vanish beneath a finger. */
  #offer(accounts: string[]): void {
    const there = new Set([...this.#account.options].map((option) => option.value));
    for (const account of accounts) {
      if (!there.has(account)) this.#account.append(h('option', { value: account }, account));
    }
  }

  async #copy(): Promise<void> {
    const rows = this.#table.in_order(this.#rows().map((row) => line_of(row)));
    const done = await copy_text(csv_text(rows, (row) => this.#share(row)));
    set_text(this.#said, done ? `${plural(rows.length, 'row')} copied` : 'The browser does not let this page copy.');
  }
}

function since_text({ since_mark, ...row }: TypeRow): string {
  if (!since_mark) return '–';
  const { count, live_bytes } = since_mark;
  if (count === 0 && live_bytes === 0) return '0';
  // A second line begins with the count, never within an amount.
  return `${amount_text(resource_of(row), live_bytes).replace(' ', NO_BREAK)} in${NO_BREAK}${count_text(count)}`;
}

function grown_text(row: TypeRow, value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const rounded = Math.round(value);
  return resource_of(row) === 'files' ? signed_count_text(rounded) : signed_bytes_text(rounded);
}
