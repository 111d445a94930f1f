// The memory page: what is in use, by whom, and how it went, each second anew.

import { h, set_text } from '../dom';
import { bytes_text, count_text, duration_text } from '../format';
import { LedgerFeed } from './feed';
import { Graph, type GraphMode } from './graph';
import { account_colour, Recorder, type AccountRow, type Ledger, type TypeRow } from './ledger';
import { SortableTable } from './table';

const SPANS: [string, number][] = [
  ['1 min', 60_000],
  ['5 min', 300_000],
  ['10 min', 600_000],
];

interface Tile {
  element: HTMLElement;
  figure: HTMLElement;
  note: HTMLElement;
  bar: HTMLElement | null;
}

function tile(title: string, name: string, with_bar: boolean): Tile {
  const figure = h('p', { class: 'tile-figure' }, '–');
  const note = h('p', { class: 'tile-note' }, '\u00a0');
  const bar = with_bar ? h('span', { class: 'meter-bar' }) : null;
  const element = h(
    'div',
    { class: 'tile', 'data-tile': name },
    h('h2', {}, title),
    figure,
    bar && h('span', { class: 'meter' }, bar),
    note,
  );
  return { element, figure, note, bar };
}

export class MemoryPage {
  readonly element: HTMLElement;
  #recorder = new Recorder();
  #graph = new Graph();
  #mode: GraphMode = 'host';
  #tiles = {
    used: tile('In use', 'in-use', true),
    limit: tile('Limit', 'limit', false),
    resident: tile('Resident', 'resident', false),
    unseen: tile('Not in the ledger', 'unaccounted', false),
  };
  #others: HTMLElement;
  #devices_button: HTMLButtonElement;
  #uptime: HTMLElement;
  #accounts: SortableTable<AccountRow>;
  #types: SortableTable<TypeRow>;
  #largest = 1;
  #largest_type = 1;
  #leave: (() => void) | null = null;
  #has_devices = false;

  constructor(
    private readonly feed: LedgerFeed,
    leave_page: HTMLElement,
  ) {
    this.#accounts = new SortableTable<AccountRow>(
      'Accounts',
      [
        { title: 'Account', value: (r) => r.account, text: (r) => r.account, key: (r) => account_colour(r.account) },
        { title: 'In use', value: (r) => r.live_bytes, text: (r) => bytes_text(r.live_bytes), bar: (r) => r.live_bytes / this.#largest },
        { title: 'Peak', value: (r) => r.peak_bytes, text: (r) => bytes_text(r.peak_bytes) },
        { title: 'Count', value: (r) => r.count, text: (r) => count_text(r.count) },
        { title: 'Floor', value: (r) => r.floor_bytes, text: (r) => (r.floor_bytes ? bytes_text(r.floor_bytes) : '–') },
        {
          title: 'Ceiling',
          value: (r) => r.ceiling_bytes ?? Infinity,
          text: (r) => (r.ceiling_bytes === null ? '–' : bytes_text(r.ceiling_bytes)),
        },
      ],
      1,
      'No account has been used yet.',
    );
    this.#types = new SortableTable<TypeRow>(
      'Types',
      [
        { title: 'Type', value: (r) => r.type, text: (r) => r.type, key: (r) => account_colour(r.account) },
        { title: 'Account', value: (r) => r.account, text: (r) => r.account },
        { title: 'Owner', value: (r) => r.owner, text: (r) => r.owner },
        { title: 'Count', value: (r) => r.count, text: (r) => count_text(r.count) },
        { title: 'Bytes', value: (r) => r.live_bytes, text: (r) => bytes_text(r.live_bytes), bar: (r) => r.live_bytes / this.#largest_type },
        { title: 'Peak', value: (r) => r.peak_bytes, text: (r) => bytes_text(r.peak_bytes) },
      ],
      4,
      'Nothing is held at the moment.',
    );
    this.#others = h('dl', { class: 'other-limits' });
    this.#uptime = h('span', { class: 'bar-count' });
    this.#devices_button = h(
      'button',
      { class: 'chip', type: 'button', hidden: true, 'aria-pressed': 'false', onclick: () => this.toggle_devices() },
      'GPU',
    );
    this.element = h(
      'section',
      { class: 'page memory-page', 'aria-label': 'Memory', hidden: true },
      h('header', { class: 'bar' }, leave_page, h('h1', { class: 'bar-title' }, 'Memory'), this.#uptime),
      h(
        'div',
        { class: 'memory-scroll', tabindex: -1 },
        h(
          'div',
          { class: 'memory-inner' },
          h('div', { class: 'tiles' }, ...Object.values(this.#tiles).map((t) => t.element)),
          h(
            'section',
            { class: 'panel', 'aria-label': 'Over time' },
            h(
              'header',
              { class: 'panel-head' },
              h('h2', {}, 'By account'),
              h('div', { class: 'chips' }, this.#devices_button, this.#span_choice()),
            ),
            this.#graph.element,
          ),
          h('div', { class: 'panel' }, h('header', { class: 'panel-head' }, h('h2', {}, 'Accounts')), this.#accounts.element),
          h('div', { class: 'panel' }, h('header', { class: 'panel-head' }, h('h2', {}, 'Types')), this.#types.element),
          this.#others,
        ),
      ),
    );
  }

  get is_open(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    if (this.is_open) return;
    this.element.hidden = false;
    this.#leave = this.feed.subscribe((ledger) => this.#take(ledger), 1000, true);
    this.element.querySelector<HTMLElement>('.memory-scroll')?.focus({ preventScroll: true });
  }

  close(): void {
    if (!this.is_open) return;
    this.element.hidden = true;
    this.#leave?.();
    this.#leave = null;
    this.#graph.destroy();
  }

  /** Switches the graph between host memory and devices, if there are any. */
  toggle_devices(): void {
    if (!this.#has_devices) return;
    this.#mode = this.#mode === 'host' ? 'devices' : 'host';
    this.#devices_button.setAttribute('aria-pressed', String(this.#mode === 'devices'));
    if (this.#recorder.length > 0) this.#graph.update(this.#recorder, this.#mode);
  }

  /** Draws again in the colours of another theme. */
  theme_changed(): void {
    if (this.is_open && this.#recorder.length > 0) this.#graph.update(this.#recorder, this.#mode);
  }

  #span_choice(): HTMLElement {
    const buttons = SPANS.map(([label, span_ms]) =>
      h(
        'button',
        {
          class: 'chip',
          type: 'button',
          'aria-pressed': String(span_ms === 300_000),
          onclick: (event: Event) => {
            for (const button of buttons) button.setAttribute('aria-pressed', String(button === event.currentTarget));
            this.#graph.set_span(span_ms);
          },
        },
        label,
      ),
    );
    this.#graph.set_span(300_000);
    return h('div', { class: 'segmented', role: 'group', 'aria-label': 'Time shown' }, ...buttons);
  }

  #take(ledger: Ledger): void {
    if (!this.is_open) return;
    this.#recorder.add(ledger);
    this.#has_devices = ledger.devices.length > 0;
    this.#devices_button.hidden = !this.#has_devices;
    if (!this.#has_devices) this.#mode = 'host';
    this.#fill_tiles(ledger);
    this.#largest = Math.max(1, ...ledger.accounts.map((row) => row.live_bytes));
    this.#largest_type = Math.max(1, ...ledger.types.map((row) => row.live_bytes));
    this.#accounts.update(ledger.accounts);
    this.#types.update(ledger.types);
    this.#fill_others(ledger);
    this.#graph.update(this.#recorder, this.#mode);
    set_text(this.#uptime, `up ${duration_text(ledger.uptime_ms)}`);
  }

  #fill_tiles(ledger: Ledger): void {
    const { host, process } = ledger;
    const { used, limit, resident, unseen } = this.#tiles;
    const share = host.limit_bytes > 0 ? host.live_bytes / host.limit_bytes : 0;
    // Read by tests and by people with scripts; the text is rounded.
    Object.assign(this.element.dataset, {
      liveBytes: String(host.live_bytes),
      limitBytes: String(host.limit_bytes),
      residentBytes: String(process.resident_bytes),
    });
    set_text(used.figure, bytes_text(host.live_bytes));
    set_text(used.note, `${Math.round(share * 100)}% of the limit · ${bytes_text(host.idle_bytes)} idle`);
    used.bar?.style.setProperty('--share', Math.min(1, share).toFixed(4));
    used.bar?.style.setProperty('--idle', Math.min(share, host.idle_bytes / Math.max(1, host.limit_bytes)).toFixed(4));
    used.element.classList.toggle('over', host.overdrawn_bytes > 0);
    set_text(limit.figure, bytes_text(host.limit_bytes));
    set_text(
      limit.note,
      host.overdrawn_bytes > 0 ? `overdrawn by ${bytes_text(host.overdrawn_bytes)}` : `peak in use ${bytes_text(host.peak_bytes)}`,
    );
    set_text(resident.figure, bytes_text(process.resident_bytes));
    set_text(resident.note, `peak ${bytes_text(process.peak_resident_bytes)}`);
    set_text(unseen.figure, bytes_text(process.unaccounted_bytes));
    set_text(unseen.note, 'code, stacks, libraries, allocator');
  }

  #fill_others(ledger: Ledger): void {
    const { disk, files, devices } = ledger;
    const rows: [string, string][] = [];
    if (disk.limit_bytes > 0 || disk.live_bytes > 0) {
      rows.push(['Scratch on disk', `${bytes_text(disk.live_bytes)} of ${bytes_text(disk.limit_bytes)} · peak ${bytes_text(disk.peak_bytes)}`]);
    }
    rows.push(['Open files', `${count_text(files.live)} of ${count_text(files.limit)} · peak ${count_text(files.peak)}`]);
    devices.forEach((device, i) => {
      const of = device.limit_bytes ? ` of ${bytes_text(device.limit_bytes)}` : '';
      rows.push([device.name || `GPU ${i}`, `${bytes_text(device.live_bytes)}${of}`]);
    });
    while (this.#others.children.length > rows.length) this.#others.lastElementChild?.remove();
    rows.forEach(([name, value], i) => {
      const row = this.#others.children[i] ?? this.#others.appendChild(h('div', {}, h('dt', {}), h('dd', {})));
      set_text(row.children[0]!, name);
      set_text(row.children[1]!, value);
    });
  }
}
