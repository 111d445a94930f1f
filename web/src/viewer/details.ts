// The panel beside the picture: what the file says about itself, by group.

import { api, is_abort, type ImageDetails, type MetadataEntry } from '../api';
import { h, replace } from '../dom';
import { bytes_text, date_text, folder_of, location_text, megapixels_text, size_text } from '../format';
import { icon } from '../icons';
import { histogram } from './histogram';

/** Entries by group, groups and entries in the order the server gave. */
export function by_group(entries: MetadataEntry[]): Map<string, MetadataEntry[]> {
  const groups = new Map<string, MetadataEntry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.group);
    if (group) group.push(entry);
    else groups.set(entry.group, [entry]);
  }
  return groups;
}

export class DetailsPanel {
  readonly element: HTMLElement;
  #body: HTMLElement;
  #id = '';
  #control: AbortController | null = null;

  constructor(close: () => void) {
    this.#body = h('div', { class: 'details-body', tabindex: 0, role: 'region', 'aria-label': 'Picture details' });
    this.element = h(
      'aside',
      { class: 'details', 'aria-label': 'Details', hidden: true },
      h(
        'header',
        { class: 'details-head' },
        h('h3', {}, 'Details'),
        h('button', { class: 'tool', type: 'button', 'aria-label': 'Close details', onclick: close }, icon('close')),
      ),
      this.#body,
    );
  }

  get is_open(): boolean {
    return !this.element.hidden;
  }

  /** Shows the details of a picture; nothing is fetched while the panel is closed. */
  show(id: string, open: boolean): void {
    this.element.hidden = !open;
    if (!open) {
      this.#control?.abort();
      this.#id = '';
      return;
    }
    if (id === this.#id) return;
    this.#id = id;
    this.#control?.abort();
    const control = new AbortController();
    this.#control = control;
    this.element.setAttribute('aria-busy', 'true');
    api.details(id, control.signal).then(
      (details) => {
        if (this.#id !== id) return;
        this.element.removeAttribute('aria-busy');
        this.#fill(details, control.signal);
      },
      (error: unknown) => {
        if (is_abort(error) || this.#id !== id) return;
        this.element.removeAttribute('aria-busy');
        this.#id = '';
        replace(this.#body, h('p', { class: 'details-failure' }, (error as Error).message));
      },
    );
  }

  #fill(details: ImageDetails, signal: AbortSignal): void {
    const { width, height } = details;
    const facts: [string, string][] = [
      ['Name', details.path.slice(details.path.lastIndexOf('/') + 1)],
      ['Folder', folder_of(details.path) || 'Top folder'],
      ['Taken', date_text(details.date)],
      ['Size', width && height ? `${size_text(width, height)} · ${megapixels_text(width, height)}` : ''],
      ['File', [details.format, bytes_text(details.bytes)].filter(Boolean).join(' · ')],
      ['Colour', [details.color, details.icc].filter(Boolean).join(' · ')],
      ['Changed', date_text(details.modified)],
    ];
    const sections: HTMLElement[] = [];
    if (details.error) {
      sections.push(h('p', { class: 'details-failure', role: 'note' }, icon('broken'), details.error));
    } else {
      sections.push(histogram(details.id, signal));
    }
    sections.push(this.#section('File', facts));
    for (const [group, entries] of by_group(details.metadata)) {
      sections.push(this.#section(group, entries.map((entry) => [entry.name, entry.value])));
    }
    if (details.location) {
      const { latitude, longitude } = details.location;
      sections.push(this.#section('Location', [['Position', location_text(latitude, longitude)]]));
    }
    if (details.levels.length > 0) {
      const tile = details.tile ? `${details.tile[0]} × ${details.tile[1]}` : '';
      sections.push(
        this.#section('Pyramid', [
          ['Levels', details.levels.map(([w, l]) => `${w} × ${l}`).join('\n')],
          ['Tiles', tile],
        ]),
      );
    }
    if (!details.error) {
      sections.push(
        h(
          'p',
          { class: 'details-links' },
          h('a', { href: `/iiif/3/${details.id}/info.json`, target: '_blank', rel: 'noopener' }, 'IIIF description'),
        ),
      );
    }
    replace(this.#body, ...sections);
    this.#body.scrollTop = 0;
  }

  #section(title: string, rows: [string, string][]): HTMLElement {
    const list = h('dl', {});
    for (const [name, value] of rows) {
      if (!value) continue;
      list.append(h('div', { class: 'fact' }, h('dt', {}, name), h('dd', {}, value)));
    }
    return h('section', { class: 'details-group' }, h('h4', {}, title), list);
  }
}
