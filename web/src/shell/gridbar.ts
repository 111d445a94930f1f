// The bar above the grid: where we are, how many, in which order.

import type { ScanStatus, Scope, SortKey, SortOrder } from '../api';
import { h, replace, set_text } from '../dom';
import { count_text, plural } from '../format';
import { icon } from '../icons';
import { format_route } from '../router';
import { crumbs_of } from './folders';

const ORDERS: [string, SortKey, SortOrder][] = [
  ['Newest first', 'date', 'desc'],
  ['Oldest first', 'date', 'asc'],
  ['Name, A to Z', 'name', 'asc'],
  ['Name, Z to A', 'name', 'desc'],
];

export interface GridBarHooks {
  toggle_sidebar(): void;
  set_order(sort: SortKey, order: SortOrder): void;
  next_row_size(): void;
}

export class GridBar {
  readonly element: HTMLElement;
  readonly sidebar_button: HTMLButtonElement;
  readonly live: HTMLElement;
  #crumbs: HTMLElement;
  #heading: HTMLElement;
  #count: HTMLElement;
  #select: HTMLSelectElement;
  #progress: HTMLElement;
  #scanning = false;
  #spoken_at_ms = 0;

  constructor(hooks: GridBarHooks) {
    this.sidebar_button = h(
      'button',
      { class: 'tool', type: 'button', title: 'Folders (s)', 'aria-label': 'Folders', onclick: () => hooks.toggle_sidebar() },
      icon('menu'),
    );
    this.#heading = h('h1', { class: 'visually-hidden' }, 'Photographs');
    this.#crumbs = h('nav', { class: 'crumbs', 'aria-label': 'Folder' });
    this.#count = h('span', { class: 'bar-count', 'data-count': '' });
    this.#select = h(
      'select',
      {
        class: 'order-select',
        'aria-label': 'Order',
        onchange: () => {
          const [, sort, order] = ORDERS[this.#select.selectedIndex]!;
          hooks.set_order(sort, order);
        },
      },
      ...ORDERS.map(([label]) => h('option', {}, label)),
    );
    this.#progress = h('div', { class: 'scan-progress', role: 'progressbar', 'aria-label': 'Reading the folder', hidden: true });
    this.live = h('p', { class: 'visually-hidden', 'aria-live': 'polite' });
    this.element = h(
      'header',
      { class: 'bar' },
      this.sidebar_button,
      this.#heading,
      this.#crumbs,
      this.#count,
      h(
        'div',
        { class: 'bar-tools' },
        h('label', { class: 'order' }, icon('sort'), this.#select),
        h(
          'button',
          { class: 'tool', type: 'button', title: 'Row height (+ and −)', 'aria-label': 'Row height', onclick: () => hooks.next_row_size() },
          icon('grid_size'),
        ),
      ),
      this.#progress,
      this.live,
    );
  }

  set_scope(scope: Scope, root_name: string): void {
    const link = (folder: string, name: string, last: boolean) =>
      h('a', { href: format_route({ view: 'grid', scope: { ...scope, folder } }), 'aria-current': last ? 'page' : null }, name);
    const crumbs = crumbs_of(scope.folder);
    const items = [link('', root_name, crumbs.length === 0), ...crumbs.map((c, i) => link(c.path, c.name, i === crumbs.length - 1))];
    set_text(this.#heading, crumbs[crumbs.length - 1]?.name ?? root_name);
    replace(this.#crumbs, h('ol', {}, ...items.map((item) => h('li', {}, item))));
    this.#select.selectedIndex = ORDERS.findIndex(([, sort, order]) => sort === scope.sort && order === scope.order);
  }

  set_status(scan: ScanStatus, total: number): void {
    const scanning = scan.state === 'scanning';
    this.#progress.hidden = !scanning;
    if (scanning) {
      const share = scan.found > 0 ? scan.indexed / scan.found : 0;
      set_text(this.#count, `${plural(total, 'picture')} · reading ${count_text(scan.indexed)} of ${count_text(scan.found)}`);
      this.#progress.style.setProperty('--share', share.toFixed(4));
      this.#progress.setAttribute('aria-valuenow', String(Math.round(share * 100)));
      this.#speak(`Reading the folder, ${Math.round(share * 100)} percent`);
    } else {
      set_text(this.#count, plural(total, 'picture'));
      if (this.#scanning) set_text(this.live, `Reading finished, ${plural(total, 'picture')}`);
    }
    this.#scanning = scanning;
  }

  /** Progress is spoken now and then; each second would drown everything else. */
  #speak(text: string): void {
    const now = performance.now();
    if (this.#spoken_at_ms && now - this.#spoken_at_ms < 10_000) return;
    this.#spoken_at_ms = now;
    set_text(this.live, text);
  }
}
