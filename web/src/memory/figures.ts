// The large figures on top of the memory page, and the limits that are not host
// memory at its foot.

import { h, set_style, set_text } from '../dom';
import { bytes_text, count_text } from '../format';
import { device_name, type Ledger } from './ledger';

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

export class Figures {
  readonly element: HTMLElement;
  readonly others: HTMLElement;
  #tiles = {
    used: tile('In use', 'in-use', true),
    limit: tile('Limit', 'limit', false),
    resident: tile('Resident', 'resident', false),
    unseen: tile('Not in the ledger', 'unaccounted', false),
  };

  constructor() {
    this.element = h('div', { class: 'tiles' }, ...Object.values(this.#tiles).map((one) => one.element));
    this.others = h('dl', { class: 'other-limits' });
  }

  update(ledger: Ledger): void {
    this.#fill_tiles(ledger);
    this.#fill_others(ledger);
  }

  #fill_tiles({ host, process }: Ledger): void {
    const { used, limit, resident, unseen } = this.#tiles;
    const share = host.limit_bytes > 0 ? host.live_bytes / host.limit_bytes : 0;
    set_text(used.figure, bytes_text(host.live_bytes));
    set_text(used.note, `${Math.round(share * 100)}% of the limit · ${bytes_text(host.idle_bytes)} idle`);
    set_style(used.bar!, '--share', Math.min(1, share).toFixed(4));
    set_style(used.bar!, '--idle', Math.min(share, host.idle_bytes / Math.max(1, host.limit_bytes)).toFixed(4));
    used.element.classList.toggle('over', host.overdrawn_bytes > 0);
    set_text(limit.figure, bytes_text(host.limit_bytes));
    const over = host.overdrawn_bytes > 0;
    set_text(limit.note, over ? `overdrawn by ${bytes_text(host.overdrawn_bytes)}` : `peak in use ${bytes_text(host.peak_bytes)}`);
    set_text(resident.figure, bytes_text(process.resident_bytes));
    set_text(resident.note, `peak ${bytes_text(process.peak_resident_bytes)}`);
    set_text(unseen.figure, bytes_text(process.unaccounted_bytes));
    const { file_bytes, unclassified_bytes } = process;
    set_text(
      unseen.note,
      file_bytes == null || unclassified_bytes == null
        ? 'code, stacks, libraries, allocator'
        : `${bytes_text(file_bytes)} files · ${bytes_text(unclassified_bytes)} unclassified`,
    );
  }

  #fill_others({ disk, files, devices }: Ledger): void {
    const rows: [string, string][] = [];
    if (disk.limit_bytes > 0 || disk.live_bytes > 0) {
      rows.push(['Scratch on disk', `${bytes_text(disk.live_bytes)} of ${bytes_text(disk.limit_bytes)} · peak ${bytes_text(disk.peak_bytes)}`]);
    }
    rows.push(['Open files', `${count_text(files.live_bytes)} of ${count_text(files.limit_bytes)} · peak ${count_text(files.peak_bytes)}`]);
    devices.forEach((device, i) => {
      const of = device.limit_bytes ? ` of ${bytes_text(device.limit_bytes)}` : '';
      const { allocator, system } = device;
      const handed_out = allocator ? ` · allocator: ${bytes_text(allocator.allocated_bytes)} of ${bytes_text(allocator.reserved_bytes)}` : '';
      const free = system ? ` · ${bytes_text(system.free_bytes)} free of ${bytes_text(system.total_bytes)}` : '';
      rows.push([device_name(device, i), `${bytes_text(device.live_bytes)}${of}${handed_out}${free}`]);
    });
    while (this.others.children.length > rows.length) this.others.lastElementChild?.remove();
    rows.forEach(([name, value], i) => {
      const row = this.others.children[i] ?? this.others.appendChild(h('div', {}, h('dt', {}), h('dd', {})));
      set_text(row.children[0]!, name);
      set_text(row.children[1]!, value);
    });
  }
}
