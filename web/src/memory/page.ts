// The memory page: what is in use, by whom, how it went and what happened, each
// second anew. Here the parts are put together; each brings itself up to date.

import { h, set_attribute, set_hidden, set_text } from '../dom';
import { bytes_text, count_text, duration_text } from '../format';
import { ComparePanel } from './compare';
import { EventLog } from './events';
import { LedgerFeed } from './feed';
import { Figures } from './figures';
import { Graph, type GraphMode } from './graph';
import { account_colour, Recorder, type AccountRow, type Ledger } from './ledger';
import { SortableTable } from './table';
import { TreemapPanel } from './treemap';
import { TypesPanel } from './types_panel';

const SPANS: [string, number][] = [
  ['1 min', 60_000],
  ['5 min', 300_000],
  ['10 min', 600_000],
];

export class MemoryPage {
  readonly element: HTMLElement;
  #recorder = new Recorder();
  #events = new EventLog();
  #graph = new Graph((axis) => this.#events.set_axis(axis));
  #mode: GraphMode = 'host';
  #figures = new Figures();
  #devices_button: HTMLButtonElement;
  #uptime: HTMLElement;
  #accounts: SortableTable<AccountRow>;
  #largest = 1;
  #types = new TypesPanel();
  #treemap = new TreemapPanel((account) => this.#types.choose(account));
  #compare: ComparePanel;
  #leave: (() => void) | null = null;
  #has_devices = false;

  constructor(
    private readonly feed: LedgerFeed,
    leave_page: HTMLElement,
  ) {
    this.#accounts = new SortableTable<AccountRow>({
      caption: 'Accounts',
      columns: [
        { title: 'Account', value: (r) => r.account, text: (r) => r.account, key: (r) => account_colour(r.account) },
        { title: 'In use', numeric: true, value: (r) => r.live_bytes, text: (r) => bytes_text(r.live_bytes), bar: (r) => r.live_bytes / this.#largest },
        { title: 'Peak', numeric: true, value: (r) => r.peak_bytes, text: (r) => bytes_text(r.peak_bytes) },
        { title: 'Count', numeric: true, value: (r) => r.count, text: (r) => count_text(r.count) },
        { title: 'Floor', numeric: true, value: (r) => r.floor_bytes, text: (r) => (r.floor_bytes ? bytes_text(r.floor_bytes) : '–') },
        {
          title: 'Ceiling',
          numeric: true,
          value: (r) => r.ceiling_bytes ?? Infinity,
          text: (r) => (r.ceiling_bytes === null ? '–' : bytes_text(r.ceiling_bytes)),
        },
      ],
      sorted: 1,
      empty_text: 'No account has been used yet.',
      id: (row) => row.account,
    });
    this.#compare = new ComparePanel(() => this.feed.look_now());
    this.#uptime = h('span', { class: 'bar-count' });
    this.#devices_button = h(
      'button',
      { class: 'chip', type: 'button', hidden: true, 'aria-pressed': 'false', onclick: () => this.toggle_devices() },
      'GPU',
    );
    const panel = (title: string, content: HTMLElement) =>
      h('div', { class: 'panel' }, h('header', { class: 'panel-head' }, h('h2', {}, title)), content);
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
          this.#figures.element,
          h(
            'section',
            { class: 'panel over-time', 'aria-label': 'Over time' },
            h(
              'header',
              { class: 'panel-head' },
              h('h2', {}, 'By account'),
              h('div', { class: 'chips' }, this.#devices_button, this.#span_choice()),
            ),
            this.#graph.element,
            this.#events.element,
          ),
          this.#treemap.element,
          this.#types.element,
          this.#compare.element,
          panel('Accounts', this.#accounts.element),
          this.#figures.others,
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
    set_hidden(this.#devices_button, !this.#has_devices);
    if (!this.#has_devices) this.#mode = 'host';
    // Read by tests and by people with scripts; the text is rounded.
    set_attribute(this.element, 'data-live-bytes', String(ledger.host.live_bytes));
    set_attribute(this.element, 'data-limit-bytes', String(ledger.host.limit_bytes));
    set_attribute(this.element, 'data-resident-bytes', String(ledger.process.resident_bytes));
    this.#figures.update(ledger);
    this.#largest = Math.max(1, ...ledger.accounts.map((row) => row.live_bytes));
    this.#accounts.update(ledger.accounts);
    this.#types.update(ledger);
    this.#treemap.update(ledger);
    this.#events.update(ledger.events);
    this.#compare.update(ledger);
    this.#graph.update(this.#recorder, this.#mode);
    set_text(this.#uptime, `up ${duration_text(ledger.uptime_ms)}`);
  }
}
