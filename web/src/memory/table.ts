// A sortable table that is filled anew every second: rows and cells are used
// again, so that selection, hover and focus stay where they are.

import { h, set_text } from '../dom';
import { sorted_rows } from './ledger';

export interface Column<T> {
  title: string;
  /** What the column sorts by; numbers stand to the right and sort largest first. */
  value: (row: T) => string | number;
  text: (row: T) => string;
  /** Width of the bar behind the figure, 0 to 1. */
  bar?: (row: T) => number;
  /** CSS variable of the key in front of the text. */
  key?: (row: T) => string;
}

export class SortableTable<T> {
  readonly element: HTMLElement;
  #body: HTMLElement;
  #heads: HTMLElement[] = [];
  #rows: T[] = [];
  #sorted: number;
  #descending = true;

  constructor(
    caption: string,
    private readonly columns: Column<T>[],
    sorted: number,
    private readonly empty_text: string,
  ) {
    this.#sorted = sorted;
    this.#body = h('tbody', {});
    const head_row = h('tr', {});
    columns.forEach((column, k) => {
      const button = h('button', { type: 'button', class: 'sort-head', onclick: () => this.#sort(k) }, column.title);
      const head = h('th', { scope: 'col' }, button);
      this.#heads.push(head);
      head_row.append(head);
    });
    this.element = h(
      'div',
      { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': caption },
      h('table', {}, h('caption', { class: 'visually-hidden' }, caption), h('thead', {}, head_row), this.#body),
    );
  }

  update(rows: T[]): void {
    this.#rows = rows;
    this.#fill();
  }

  #sort(column: number): void {
    if (this.#sorted === column) this.#descending = !this.#descending;
    else this.#descending = this.#is_number(column);
    this.#sorted = column;
    this.#fill();
  }

  #is_number(column: number): boolean {
    const first = this.#rows[0];
    return first !== undefined && typeof this.columns[column]!.value(first) === 'number';
  }

  #fill(): void {
    this.#heads.forEach((head, k) => {
      head.setAttribute('aria-sort', k !== this.#sorted ? 'none' : this.#descending ? 'descending' : 'ascending');
      head.classList.toggle('number', this.#is_number(k));
    });
    const rows = sorted_rows(this.#rows, this.columns[this.#sorted]!.value, this.#descending);
    while (this.#body.children.length > Math.max(rows.length, 1)) this.#body.lastElementChild?.remove();
    if (rows.length === 0) {
      this.#body.replaceChildren(
        h('tr', { class: 'empty' }, h('td', { colspan: this.columns.length }, this.empty_text)),
      );
      return;
    }
    if (this.#body.firstElementChild?.classList.contains('empty')) this.#body.replaceChildren();
    rows.forEach((row, r) => {
      let line = this.#body.children[r];
      if (!line) line = this.#body.appendChild(this.#new_line());
      this.columns.forEach((column, k) => this.#fill_cell(line.children[k] as HTMLElement, column, row));
    });
  }

  #new_line(): HTMLElement {
    const cells = this.columns.map((column, k) => {
      const content = [
        column.key ? h('span', { class: 'legend-key area' }) : null,
        h('span', { class: 'cell-text' }),
        column.bar ? h('span', { class: 'row-bar' }) : null,
      ];
      return k === 0 ? h('th', { scope: 'row' }, ...content) : h('td', {}, ...content);
    });
    return h('tr', {}, ...cells);
  }

  #fill_cell(cell: HTMLElement, column: Column<T>, row: T): void {
    cell.classList.toggle('number', typeof column.value(row) === 'number');
    const text = cell.querySelector('.cell-text');
    if (text) set_text(text, column.text(row));
    const key = column.key && cell.querySelector<HTMLElement>('.legend-key');
    if (key) key.style.setProperty('--key', `var(${column.key!(row)})`);
    const bar = column.bar && cell.querySelector<HTMLElement>('.row-bar');
    if (bar) bar.style.setProperty('--share', Math.min(1, Math.max(0, column.bar!(row))).toFixed(4));
  }
}
