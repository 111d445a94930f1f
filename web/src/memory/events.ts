// What happened: marks on the graph's time axis, a lane for each kind, and the
// same as a list to read.

import { h, set_attribute, set_hidden, set_text } from '../dom';
import { clock_text, duration_text, plural } from '../format';
import type { TimeAxis } from './graph';
import { amount_text, type LedgerEvent } from './ledger';

const KINDS: Record<string, { name: string; colour: string }> = {
  refused: { name: 'Refused', colour: '--warn' },
  overdrawn: { name: 'Overdrawn', colour: '--account-5' },
  pressure: { name: 'Pressure', colour: '--account-6' },
  reclaimed: { name: 'Reclaimed', colour: '--account-1' },
  trimmed: { name: 'Trimmed', colour: '--account-4' },
  limit: { name: 'Limit', colour: '--account-3' },
  marked: { name: 'Marked', colour: '--text-2' },
};
const SHORT_LIST = 8;
/** Behind this, positions in the strip would grow without end: it starts anew. */
const LONGEST_STRIP_PX = 100_000;

/** The kinds that occur, in the order of their lanes; kinds of a later server come last. */
export function lanes_of(events: LedgerEvent[]): string[] {
  const there = new Set(events.map((event) => event.kind));
  const known = Object.keys(KINDS);
  return [...known.filter((kind) => there.has(kind)), ...[...there].filter((kind) => !known.includes(kind)).sort()];
}

export function kind_name(kind: string): string {
  return KINDS[kind]?.name ?? kind;
}

/** What happened as a sentence without its time. */
export function event_text(event: LedgerEvent): string {
  const amount = event.resource === 'files' ? plural(event.amount, 'open file') : amount_text(event.resource, event.amount);
  const place = event.resource === 'host' || event.resource === 'files' ? '' : ` (${event.resource})`;
  const who = event.account ?? '';
  const often = event.count > 1 ? `, ${plural(event.count, 'time')}` : '';
  const longer = event.until_ms - event.time_ms >= 1500 ? ` within ${duration_text(event.until_ms - event.time_ms)}` : '';
  const what: Record<string, string> = {
    reclaimed: `${amount} taken back${who && ` from ${who}`}`,
    refused: `${amount} refused${who && ` to ${who}`}`,
    overdrawn: `${amount} beyond the limit${who && ` by ${who}`}`,
    trimmed: `${amount} of idle memory given back${who && ` by ${who}`}`,
    limit: `the limit${who && ` of ${who}`} is now ${amount}`,
    pressure: `the system is short of memory${event.amount > 0 ? `: ${amount} of idle memory given back` : ''}`,
    marked: `mark ${event.amount} was set`,
  };
  return `${what[event.kind] ?? [who, amount].filter(Boolean).join(' ')}${place}${often}${longer}`;
}

function id_of(event: LedgerEvent): string {
  return [event.time_ms, event.kind, event.resource, event.account].join('|');
}

interface Spot {
  event: LedgerEvent;
  element: HTMLElement;
  place: string;
}

export class EventLog {
  readonly element: HTMLElement;
  #lanes: HTMLElement;
  #list: HTMLElement;
  #more: HTMLButtonElement;
  #none: HTMLElement;
  #events: LedgerEvent[] = [];
  #axis: TimeAxis | null = null;
  #origin_ms = 0;
  #spots = new Map<string, Spot>();
  #items = new Map<string, HTMLElement>();
  #strips: HTMLElement[] = [];
  #plan = '';
  #all = false;

  constructor() {
    this.#lanes = h('div', { class: 'event-lanes', role: 'img', 'aria-label': 'Events over time' });
    this.#list = h('ol', { class: 'event-list', 'aria-label': 'Events, the newest first' });
    this.#none = h('p', { class: 'event-none' }, 'Nothing was refused, reclaimed or trimmed so far.');
    this.#more = h(
      'button',
      { class: 'button small', type: 'button', hidden: true, onclick: () => this.#toggle_all() },
      'Show all',
    );
    this.element = h('div', { class: 'events' }, this.#lanes, h('h3', {}, 'Events'), this.#none, this.#list, this.#more);
  }

  /** Takes the events, the oldest first; undefined from a server that has none to tell. */
  update(events: LedgerEvent[] | undefined): void {
    set_hidden(this.element, events === undefined);
    this.#events = events ?? [];
    set_hidden(this.#none, this.#events.length > 0);
    this.#fill_lanes();
    this.#fill_list();
  }

  /** Moves the marks to where the graph has its times. */
  set_axis(axis: TimeAxis): void {
    const old = this.#axis;
    this.#axis = axis;
    if (!old || old.left_px !== axis.left_px || old.width_px !== axis.width_px) {
      this.#lanes.style.setProperty('--axis-left', `${axis.left_px}px`);
      this.#lanes.style.setProperty('--axis-width', `${axis.width_px}px`);
    }
    this.#shift();
  }

  #scale(): number {
    const axis = this.#axis!;
    return axis.width_px / Math.max(1, axis.max_ms - axis.min_ms);
  }

  /** One movement for all marks of a lane: they keep their places in the strip. */
  #shift(): void {
    const axis = this.#axis;
    if (!axis) return;
    if (this.#origin_ms === 0 || Math.abs(axis.min_ms - this.#origin_ms) * this.#scale() > LONGEST_STRIP_PX) this.#origin_ms = axis.min_ms;
    for (const spot of this.#spots.values()) this.#place(spot);
    const shift = `translateX(${((this.#origin_ms - axis.min_ms) * this.#scale()).toFixed(1)}px)`;
    for (const strip of this.#strips) if (strip.style.transform !== shift) strip.style.transform = shift;
  }

  #place(spot: Spot): void {
    if (!this.#axis) return;
    const { time_ms, until_ms } = spot.event;
    const left = ((time_ms - this.#origin_ms) * this.#scale()).toFixed(1);
    const width = Math.max(5, (until_ms - time_ms) * this.#scale()).toFixed(1);
    const place = `left:${left}px;width:${width}px`;
    if (spot.place !== place) spot.element.style.cssText = spot.place = place;
  }

  #fill_lanes(): void {
    const kinds = lanes_of(this.#events);
    set_hidden(this.#lanes, kinds.length === 0);
    const plan = kinds.join('\n');
    if (plan !== this.#plan) {
      this.#plan = plan;
      this.#spots.clear();
      this.#strips = kinds.map(() => h('div', { class: 'event-strip' }));
      this.#lanes.replaceChildren(
        ...kinds.map((kind, k) => {
          const lane = h('div', { class: 'event-lane' }, h('span', { class: 'event-kind' }, kind_name(kind)), h('div', { class: 'event-track' }, this.#strips[k]!));
          lane.style.setProperty('--key', `var(${KINDS[kind]?.colour ?? '--text-3'})`);
          return lane;
        }),
      );
    }
    const seen = new Set<string>();
    for (const event of this.#events) {
      const id = id_of(event);
      seen.add(id);
      let spot = this.#spots.get(id);
      if (!spot) {
        spot = { event, element: h('span', { class: 'event-spot' }), place: '' };
        this.#spots.set(id, spot);
        this.#strips[kinds.indexOf(event.kind)]!.append(spot.element);
      }
      spot.event = event;
      set_attribute(spot.element, 'title', `${clock_text(event.time_ms)} ${event_text(event)}`);
    }
    for (const [id, spot] of this.#spots) {
      if (seen.has(id)) continue;
      spot.element.remove();
      this.#spots.delete(id);
    }
    const counts = kinds.map((kind) => `${kind_name(kind)} ${this.#events.filter((event) => event.kind === kind).length}`);
    set_attribute(this.#lanes, 'aria-label', `Events over time: ${counts.join(', ')}. The list below has them.`);
    this.#shift();
  }

  #fill_list(): void {
    const newest = this.#events.slice(this.#all ? 0 : -SHORT_LIST).reverse();
    const seen = new Set<string>();
    let at = this.#list.firstElementChild;
    for (const event of newest) {
      const id = id_of(event);
      seen.add(id);
      let item = this.#items.get(id);
      if (!item) {
        const time = h('time', { datetime: new Date(event.time_ms).toISOString() }, clock_text(event.time_ms));
        const kind = h('span', { class: 'event-kind' }, kind_name(event.kind));
        kind.style.setProperty('--key', `var(${KINDS[event.kind]?.colour ?? '--text-3'})`);
        item = h('li', {}, time, kind, h('span', { class: 'event-what' }));
        this.#items.set(id, item);
      }
      set_text(item.lastElementChild!, event_text(event));
      if (item === at) at = at.nextElementSibling;
      else this.#list.insertBefore(item, at);
    }
    for (const [id, item] of this.#items) {
      if (seen.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    set_hidden(this.#more, this.#events.length <= SHORT_LIST);
    set_text(this.#more, this.#all ? 'Show the newest alone' : `Show all ${this.#events.length}`);
  }

  #toggle_all(): void {
    this.#all = !this.#all;
    this.#fill_list();
  }
}
