// A sortable table that is filled anew every second. Each row keeps its element
// for as long as its key is there, and only what changed is written, so that
// selection, hover and focus stay where they are and a quiet table costs nothing.

import { h } from '../dom';
import { sorted_rows } from './ledger';

export interface Column<T> {
  title: string;
  /** What the column sorts by; null stands last in both directions. */
  value: (row: T) => string | number | null;
  text: (row: T) => string;
  /** Numbers stand to the right and sort largest first. */
  numeric?: boolean;
  /** Its text may go on in a second line where the table has no room; elsewhere a text of one line makes the table wider. */
  wraps?: boolean;
  /** Width of the bar behind the figure, 0 to 1. */
  bar?: (row: T) => number;
  /** CSS variable of the key in front of the text. */
  key?: (row: T) => string | null;
  /** Whether the column is there at all, asked before each filling. */
  shown?: () => boolean;
}

export interface TableOptions<T> {
  caption: string;
  columns: Column<T>[];
  /** The column that is sorted by at first, largest first. */
  sorted: number;
  empty_text: string;
  /** What makes a row the same one a second later. */
  id: (row: T) => string;
  /** The rows below a row; a row that has some can be opened and closed. */
  children?: (row: T) => T[];
}

interface Cell {
  element: HTMLElement;
  text: Text;
  key: HTMLElement | null;
  bar: HTMLElement | null;
  shown: { text: string; key: string | null; bar: string };
}

interface Line {
  element: HTMLElement;
  cells: Cell[];
  toggle: HTMLButtonElement | null;
  depth: number;
  name: string;
  open: boolean | null;
}

interface Place<T> {
  row: T;
  id: string;
  depth: number;
  /** Null where there is nothing to open. */
  open: boolean | null;
}

export class SortableTable<T> {
  readonly element: HTMLElement;
  #head_row: HTMLElement;
  #body: HTMLElement;
  #empty: HTMLElement;
  #columns: Column<T>[] = [];
  #rows: T[] = [];
  #lines = new Map<string, Line>();
  /** Rows that are not as they are at first: the outermost open, all others closed. */
  #toggled = new Set<string>();
  #sorted: Column<T>;
  #descending = true;

  constructor(private readonly options: TableOptions<T>) {
    this.#sorted = options.columns[options.sorted]!;
    this.#body = h('tbody', {});
    this.#head_row = h('tr', {});
    this.#empty = h('tr', { class: 'empty' }, h('td', {}, options.empty_text));
    this.element = h(
      'div',
      { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': options.caption },
      h('table', {}, h('caption', { class: 'visually-hidden' }, options.caption), h('thead', {}, this.#head_row), this.#body),
    );
  }

  update(rows: T[]): void {
    this.#rows = rows;
    this.#fill();
  }

  /** The rows given last without those below them, in the order of the sorted column. */
  in_order(rows = this.#rows): T[] {
    return sorted_rows(rows, this.#sorted.value, this.#descending);
  }

  #sort(column: Column<T>): void {
    this.#descending = this.#sorted === column ? !this.#descending : column.numeric === true;
    this.#sorted = column;
    this.#show_order();
    this.#fill();
  }

  #show_order(): void {
    this.#columns.forEach((column, k) => {
      const order = column !== this.#sorted ? 'none' : this.#descending ? 'descending' : 'ascending';
      this.#head_row.children[k]!.setAttribute('aria-sort', order);
    });
  }

  #fill(): void {
    const columns = this.options.columns.filter((column) => column.shown?.() ?? true);
    if (columns.length !== this.#columns.length || columns.some((column, k) => column !== this.#columns[k])) {
      this.#columns = columns;
      this.#make_head();
    }
    const places = this.#places(this.#rows, 0);
    const focused = document.activeElement;
    let at = this.#body.firstElementChild;
    const seen = new Set<string>();
    for (const place of places) {
      seen.add(place.id);
      const line = this.#line(place);
      if (line.element === at) at = at.nextElementSibling;
      else this.#body.insertBefore(line.element, at);
      this.#columns.forEach((column, k) => this.#fill_cell(line.cells[k]!, column, place.row));
      this.#fill_toggle(line, place);
    }
    for (const [id, line] of this.#lines) {
      if (seen.has(id)) continue;
      line.element.remove();
      this.#lines.delete(id);
    }
    if (places.length > 0) this.#empty.remove();
    else if (!this.#empty.isConnected) this.#body.append(this.#empty);
    // A row that was moved has lost the focus on its way.
    if (focused !== document.activeElement && focused instanceof HTMLElement && this.#body.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }

  #places(rows: T[], depth: number): Place<T>[] {
    const out: Place<T>[] = [];
    for (const row of this.in_order(rows)) {
      const id = this.options.id(row);
      const below = this.options.children?.(row) ?? [];
      const open = below.length > 0 ? (depth === 0) !== this.#toggled.has(id) : null;
      out.push({ row, id, depth, open });
      if (open) out.push(...this.#places(below, depth + 1));
    }
    return out;
  }

  #make_head(): void {
    // Each column has its own cells: the lines are made anew.
    for (const line of this.#lines.values()) line.element.remove();
    this.#lines.clear();
    if (!this.#columns.includes(this.#sorted)) this.#sorted = this.#columns[0]!;
    this.#head_row.replaceChildren(
      ...this.#columns.map((column) =>
        h(
          'th',
          { scope: 'col', class: column.numeric ? 'number' : null },
          h('button', { type: 'button', class: 'sort-head', onclick: () => this.#sort(column) }, column.title),
        ),
      ),
    );
    (this.#empty.firstElementChild as HTMLTableCellElement).colSpan = this.#columns.length;
    this.#show_order();
  }

  #line(place: Place<T>): Line {
    const old = this.#lines.get(place.id);
    if (old && old.depth === place.depth && (old.open === null) === (place.open === null)) return old;
    old?.element.remove();
    const toggle =
      place.open === null
        ? null
        : h('button', { type: 'button', class: 'row-toggle', 'aria-expanded': 'false', onclick: () => this.#toggle(place.id) });
    const cells = this.#columns.map((column, k): Cell => {
      const key = column.key ? h('span', { class: 'legend-key area' }) : null;
      const text = document.createTextNode('');
      const bar = column.bar ? h('span', { class: 'row-bar' }) : null;
      const content = [k === 0 && toggle, key, h('span', { class: 'cell-text' }, text), bar];
      const css = { class: [column.numeric && 'number', column.wraps && 'wraps'].filter(Boolean).join(' ') || null };
      const element = k === 0 ? h('th', { scope: 'row', ...css }, ...content) : h('td', css, ...content);
      return { element, text, key, bar, shown: { text: '', key: '', bar: '' } };
    });
    const element = h('tr', {}, ...cells.map((cell) => cell.element));
    if (this.options.children) element.style.setProperty('--depth', String(place.depth));
    const line = { element, cells, toggle, depth: place.depth, name: '', open: place.open === null ? null : false };
    this.#lines.set(place.id, line);
    return line;
  }

  #toggle(id: string): void {
    if (!this.#toggled.delete(id)) this.#toggled.add(id);
    this.#fill();
  }

  #fill_cell(cell: Cell, column: Column<T>, row: T): void {
    const { shown } = cell;
    const text = column.text(row);
    if (shown.text !== text) cell.text.data = shown.text = text;
    if (cell.key) {
      const key = column.key!(row);
      if (shown.key !== key) {
        shown.key = key;
        cell.key.hidden = key === null;
        if (key !== null) cell.key.style.setProperty('--key', `var(${key})`);
      }
    }
    if (cell.bar) {
      const bar = Math.min(1, Math.max(0, column.bar!(row))).toFixed(4);
      if (shown.bar !== bar) cell.bar.style.setProperty('--share', (shown.bar = bar));
    }
  }

  #fill_toggle(line: Line, place: Place<T>): void {
    if (!line.toggle) return;
    const name = line.cells[0]!.shown.text;
    if (line.name !== name) line.toggle.setAttribute('aria-label', `What ${(line.name = name)} is made of`);
    if (line.open !== place.open) line.toggle.setAttribute('aria-expanded', String((line.open = place.open)));
  }
}
