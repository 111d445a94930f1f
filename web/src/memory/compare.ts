// Snapshots that are kept in the page, saved and opened as files, and compared;
// marks, from which on the server tells what is new.

import { api, ApiError } from '../api';
import { h, set_hidden, set_text } from '../dom';
import { bytes_text, clock_text, count_text, duration_text, plural, signed_bytes_text, signed_count_text } from '../format';
import type { Ledger } from './ledger';
import {
  diff,
  host_bytes,
  MAX_FILE_BYTES,
  parse_snapshot,
  resource_in,
  snapshot_of,
  snapshot_text,
  type DiffRow,
  type Snapshot,
} from './snapshot';
import { SortableTable } from './table';

const NOW = 'now';
const MOST_KEPT = 50;

interface Kept {
  id: string;
  name: string;
  snapshot: Snapshot;
}

/** `2026-11-22T09-47-05`: sorts by time and is a file name everywhere. */
function stamp(time_s: number): string {
  return new Date(time_s * 1000).toISOString().slice(0, 19).replaceAll(':', '-');
}

function save_file(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  h('a', { href: url, download: name }).click();
  // The browser has begun by then to read what it saves.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export class ComparePanel {
  readonly element: HTMLElement;
  #ledger: Ledger | null = null;
  #kept: Kept[] = [];
  #taken = 0;
  #compared: { before: string; after: string } | null = null;
  #mark: HTMLButtonElement;
  #said: HTMLElement;
  #list: HTMLElement;
  #form: HTMLElement;
  #before: HTMLSelectElement;
  #after: HTMLSelectElement;
  #result: HTMLElement;
  #summary: HTMLElement;
  #table: SortableTable<DiffRow>;

  constructor(private readonly look_again: () => void) {
    const file = h('input', { type: 'file', accept: '.json,application/json', hidden: true, 'aria-label': 'Snapshot file' });
    file.addEventListener('change', () => {
      const chosen = file.files?.[0];
      if (chosen) void this.#open(chosen);
      // The same file may be chosen again.
      file.value = '';
    });
    const button = (text: string, title: string, onclick: () => void) =>
      h('button', { class: 'button small', type: 'button', title, onclick }, text);
    this.#mark = button('Mark', 'From here on, the table of types shows what is new', () => void this.#set_mark());
    this.#mark.hidden = true;
    this.#said = h('p', { class: 'compare-said', role: 'status' });
    this.#list = h('ul', { class: 'kept', 'aria-label': 'Snapshots that are kept' });
    const choice = (label: string) => h('select', { class: 'select', 'aria-label': label });
    this.#before = choice('Compare from');
    this.#after = choice('Compare to');
    this.#form = h(
      'div',
      { class: 'compare-form', hidden: true },
      this.#before,
      h('span', { 'aria-hidden': 'true' }, '→'),
      this.#after,
      button('Compare', 'What grew and what shrank between the two', () => this.#compare()),
    );
    const amount = (row: DiffRow, value: number) =>
      resource_in(row.name) === 'files' ? signed_count_text(Math.round(value)) : signed_bytes_text(Math.round(value));
    this.#table = new SortableTable<DiffRow>({
      caption: 'What grew and shrank',
      columns: [
        { title: 'Type', value: (r) => r.name, text: (r) => r.name },
        { title: 'Count', numeric: true, value: (r) => r.count, text: (r) => signed_count_text(r.count) },
        { title: 'Bytes', numeric: true, value: (r) => r.bytes, text: (r) => amount(r, r.bytes) },
        {
          title: 'Bytes a minute',
          numeric: true,
          value: (r) => r.bytes_per_minute,
          text: (r) => (r.bytes_per_minute === null ? '–' : amount(r, r.bytes_per_minute)),
        },
      ],
      sorted: 2,
      empty_text: 'Nothing grew, nothing shrank.',
      id: (row) => row.name,
    });
    this.#summary = h('p', { class: 'compare-summary' });
    this.#result = h('div', { class: 'compare-result', hidden: true }, this.#summary, this.#table.element);
    this.element = h(
      'section',
      { class: 'panel compare-panel', 'aria-label': 'Snapshots' },
      h(
        'header',
        { class: 'panel-head' },
        h('h2', {}, 'Snapshots'),
        h(
          'div',
          { class: 'chips' },
          button('Snapshot', 'Keeps counts and bytes by type as they are now', () => this.#take()),
          this.#mark,
          button('Open a file…', 'Opens a snapshot that was saved', () => file.click()),
        ),
        file,
      ),
      this.#said,
      this.#list,
      this.#form,
      this.#result,
    );
    this.#offer();
  }

  update(ledger: Ledger): void {
    this.#ledger = ledger;
    set_hidden(this.#mark, ledger.mark === undefined);
    if (this.#compared && (this.#compared.before === NOW || this.#compared.after === NOW)) this.#show_difference();
  }

  #take(): void {
    if (!this.#ledger) return;
    this.#taken += 1;
    const snapshot = snapshot_of(this.#ledger);
    this.#keep(`Snapshot ${this.#taken}, ${clock_text(this.#ledger.time_ms)}`, snapshot);
  }

  #keep(name: string, snapshot: Snapshot): void {
    const id = `kept-${this.#taken}-${performance.now()}`;
    const kept = { id, name, snapshot };
    this.#kept.push(kept);
    const host = host_bytes([...snapshot.types].map(([type, { bytes }]) => ({ name: type, bytes })));
    const figures = `${plural(snapshot.types.size, 'type')}, ${bytes_text(host)} of memory`;
    const item: HTMLElement = h(
      'li',
      {},
      h('span', { class: 'kept-name' }, name),
      h('span', { class: 'kept-figures' }, figures),
      h(
        'button',
        {
          class: 'button small',
          type: 'button',
          'aria-label': `Save ${name}`,
          onclick: () => save_file(`pixelbank-memory-${stamp(snapshot.time_s)}.json`, snapshot_text(snapshot)),
        },
        'Save',
      ),
      h(
        'button',
        { class: 'button small', type: 'button', 'aria-label': `Remove ${name}`, onclick: () => this.#remove(kept, item) },
        'Remove',
      ),
    );
    this.#list.append(item);
    if (this.#kept.length > MOST_KEPT) this.#remove(this.#kept[0]!, this.#list.firstElementChild!);
    this.#offer();
    set_text(this.#said, `${name} is kept in this page: ${figures}.`);
  }

  #remove(kept: Kept, item: Element): void {
    this.#kept.splice(this.#kept.indexOf(kept), 1);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const had_focus = item.contains(document.activeElement);
    item.remove();
    if (had_focus) (next ?? this.element).querySelector<HTMLElement>('button')?.focus();
    if (this.#compared && (this.#compared.before === kept.id || this.#compared.after === kept.id)) {
      this.#compared = null;
      this.#result.hidden = true;
    }
    this.#offer();
    set_text(this.#said, `${kept.name} is removed.`);
  }

  async #open(file: File): Promise<void> {
    try {
      if (file.size > MAX_FILE_BYTES) throw new Error(`This file has ${bytes_text(file.size)}: a snapshot is far smaller.`);
      this.#keep(file.name, parse_snapshot(await file.text()));
    } catch (error) {
      set_text(this.#said, `${file.name} was not opened. ${(error as Error).message}`);
    }
  }

  /** Brings both choices up to date; what was chosen stays. */
  #offer(): void {
    const fill = (select: HTMLSelectElement, otherwise: string) => {
      const chosen = select.value;
      select.replaceChildren(
        ...this.#kept.map((kept) => h('option', { value: kept.id }, kept.name)),
        h('option', { value: NOW }, 'Now'),
      );
      select.value = chosen && chosen !== NOW && this.#kept.some((kept) => kept.id === chosen) ? chosen : otherwise;
    };
    fill(this.#before, this.#kept[0]?.id ?? NOW);
    fill(this.#after, NOW);
    this.#form.hidden = this.#kept.length === 0;
  }

  #found(id: string): Snapshot | null {
    if (id === NOW) return this.#ledger && snapshot_of(this.#ledger);
    return this.#kept.find((kept) => kept.id === id)?.snapshot ?? null;
  }

  #compare(): void {
    this.#compared = { before: this.#before.value, after: this.#after.value };
    this.#result.hidden = false;
    this.#show_difference();
    const name = (select: HTMLSelectElement) => select.selectedOptions[0]?.text ?? '';
    set_text(this.#said, `Compared: ${name(this.#before)} with ${name(this.#after).replace('Now', 'now')}.`);
  }

  #show_difference(): void {
    const before = this.#compared && this.#found(this.#compared.before);
    const after = this.#compared && this.#found(this.#compared.after);
    if (!before || !after) return;
    const { rows, seconds } = diff(before, after);
    const bytes = host_bytes(rows);
    const rate = seconds === 0 ? '' : `, ${signed_bytes_text(Math.round((bytes * 60) / seconds))} a minute`;
    const back = seconds < 0 ? ' back in time' : '';
    set_text(
      this.#summary,
      `${signed_bytes_text(bytes)} of memory${rate}; ${count_text(rows.length)} of the types changed in ${duration_text(Math.abs(seconds) * 1000)}${back}.`,
    );
    this.#table.update(rows);
  }

  async #set_mark(): Promise<void> {
    try {
      const mark = await api.mark();
      set_text(this.#said, `Marked at ${clock_text(mark.time_ms)}: the table of types shows what is taken from here on.`);
      this.look_again();
    } catch (error) {
      const message = error instanceof ApiError ? error.message : 'The server gave an answer that is none.';
      set_text(this.#said, `No mark was set. ${message}`);
    }
  }
}
