// The small memory meter in the side bar, a link to the memory page.

import { h, set_style, set_text } from '../dom';
import { bytes_text } from '../format';
import { icon } from '../icons';
import type { Ledger } from '../memory/ledger';

export class Meter {
  readonly element: HTMLAnchorElement;
  #figure: HTMLElement;
  #bar: HTMLElement;

  constructor() {
    this.#figure = h('span', { class: 'meter-figure' }, '–');
    this.#bar = h('span', { class: 'meter-bar' });
    this.element = h(
      'a',
      { class: 'memory-link', href: '#/memory', title: 'Memory (m)' },
      h('span', { class: 'memory-link-head' }, icon('memory'), h('span', {}, 'Memory'), this.#figure),
      h('span', { class: 'meter' }, this.#bar),
    );
  }

  show(ledger: Ledger): void {
    const { live_bytes, limit_bytes, idle_bytes } = ledger.host;
    const share = limit_bytes > 0 ? Math.min(1, live_bytes / limit_bytes) : 0;
    set_text(this.#figure, `${bytes_text(live_bytes)} / ${bytes_text(limit_bytes)}`);
    set_style(this.#bar, '--share', share.toFixed(4));
    set_style(this.#bar, '--idle', Math.min(share, idle_bytes / Math.max(1, limit_bytes)).toFixed(4));
  }
}
