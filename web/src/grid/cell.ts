// One picture of the grid: a link with a thumbnail, or the notice that its file
// is broken. Cells are used again for other pictures, so everything that
// `show` sets, it sets for every state.

import type { ImageRecord } from '../api';
import { h, set_text } from '../dom';
import { base_name, date_text, size_text } from '../format';
import { icon } from '../icons';
import type { ThumbResult } from './thumbs';

/** A steady, quiet hue for the placeholder of a picture. */
export function hue_of(id: string): number {
  let hash = 7;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) | 0;
  return ((hash % 360) + 360) % 360;
}

export function cell_label(record: ImageRecord): string {
  const size = size_text(record.width, record.height);
  return [base_name(record.path), date_text(record.date), size].filter(Boolean).join(', ');
}

export class Cell {
  readonly element: HTMLElement;
  readonly link: HTMLAnchorElement;
  index = -1;
  id = '';
  #image: HTMLImageElement;
  #notice: HTMLElement | null = null;
  #url = '';
  #failure = '';

  constructor() {
    this.#image = h('img', { class: 'thumb', alt: '', decoding: 'async', draggable: 'false' });
    this.#image.addEventListener('load', () => this.#image.classList.add('shown'));
    this.link = h('a', { class: 'cell-link', tabindex: -1 }, this.#image);
    this.element = h('div', { class: 'cell', role: 'gridcell' }, this.link);
  }

  place(column: number, left_px: number, width_px: number): void {
    this.element.setAttribute('aria-colindex', String(column + 1));
    this.element.style.left = `${left_px}px`;
    this.element.style.width = `${width_px}px`;
  }

  /** Shows a picture's record, or a plain placeholder while it is not known. */
  show(index: number, record: ImageRecord | undefined, href: (record: ImageRecord) => string): void {
    this.index = index;
    this.link.dataset['index'] = String(index);
    if (!record) {
      if (this.id) this.#reset();
      this.element.style.setProperty('--hue', String((index * 47) % 360));
      this.link.removeAttribute('href');
      this.link.setAttribute('aria-label', `Picture ${index + 1}, loading`);
      delete this.link.dataset['name'];
      return;
    }
    if (record.id !== this.id) {
      this.#reset();
      this.id = record.id;
      this.element.style.setProperty('--hue', String(hue_of(record.id)));
    }
    this.link.href = href(record);
    this.link.dataset['id'] = record.id;
    this.link.dataset['name'] = base_name(record.path);
    this.link.setAttribute('aria-label', cell_label(record));
    this.#set_failure(record.error ?? this.#failure, record);
  }

  /** Takes the answer of the thumbnail store. */
  take(result: ThumbResult, record: ImageRecord | undefined): void {
    if ('url' in result) {
      if (this.#url === result.url) return;
      this.#url = result.url;
      this.#image.src = result.url;
      return;
    }
    this.#failure = result.error;
    if (record) this.#set_failure(result.error, record);
  }

  get has_thumb(): boolean {
    return this.#url !== '';
  }

  get is_broken(): boolean {
    return this.#notice !== null;
  }

  #reset(): void {
    this.id = '';
    this.#url = '';
    this.#failure = '';
    this.#image.classList.remove('shown');
    this.#image.removeAttribute('src');
    delete this.link.dataset['id'];
    this.link.removeAttribute('title');
    this.#notice?.remove();
    this.#notice = null;
    this.element.classList.remove('broken');
  }

  #set_failure(reason: string, record: ImageRecord): void {
    if (!reason) {
      this.link.removeAttribute('title');
      this.#notice?.remove();
      this.#notice = null;
      this.element.classList.remove('broken');
      return;
    }
    if (!this.#notice) {
      this.#notice = h(
        'span',
        { class: 'notice cell-notice' },
        icon('broken'),
        h('span', { class: 'cell-notice-name' }),
        h('span', { class: 'cell-notice-reason' }),
      );
      this.link.appendChild(this.#notice);
      this.element.classList.add('broken');
    }
    const [, name, text] = this.#notice.children;
    if (name) set_text(name, base_name(record.path));
    if (text) set_text(text, reason);
    this.link.title = reason;
    // The notice says it all; a label would hide it from screen readers.
    this.link.removeAttribute('aria-label');
  }
}
