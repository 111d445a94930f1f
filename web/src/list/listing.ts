// One listing (a folder in an order): how many pictures, their shapes, and
// their records, which come page by page for what is in view. A refresh swaps
// shapes and visible records in one go, so that the grid never shows the
// records of one revision in the shapes of another.

import { api, is_abort, type AspectList, type ImagePage, type ImageRecord, type ScanStatus, type Scope } from '../api';

const PAGE_SIZE = 200;
/** Pages kept at most; the oldest of those out of view go first. */
const MAX_PAGES = 80;

export interface RefreshResult {
  /** Where the picture that was to stay in place stands now; -1 when not found. */
  kept_index: number;
}

export function aspects_array(list: AspectList): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(list.aspects_permille.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = Math.min(65535, Math.max(0, Math.round(list.aspects_permille[i]!)));
  }
  return out;
}

export class Listing {
  aspects = new Uint16Array(0);
  total = 0;
  revision = -1;
  scan: ScanStatus = { state: 'done', found: 0, indexed: 0 };
  loaded = false;
  /** Called when records of a page arrived, with the range they cover. */
  on_records: (first: number, end: number) => void = () => {};
  /** Called when a page could not be fetched (never for an abort). */
  on_failure: (error: unknown) => void = () => {};

  #pages = new Map<number, ImageRecord[]>();
  #fetching = new Map<number, AbortController>();
  /** Pages asked for by `fetch_record`; a held arrow key asks for the same one many times. */
  #single = new Map<number, Promise<void>>();
  #wanted: [number, number] = [0, -1];
  #closed = new AbortController();

  constructor(readonly scope: Scope) {}

  /** Fetches the shapes of all and the first records. */
  async load(): Promise<void> {
    const signal = this.#closed.signal;
    const [list, page] = await Promise.all([
      api.aspects(this.scope, signal),
      api.images(this.scope, 0, PAGE_SIZE, signal),
    ]);
    this.#take(list, [page]);
    this.loaded = true;
  }

  record(index: number): ImageRecord | undefined {
    return this.#pages.get(Math.floor(index / PAGE_SIZE))?.[index % PAGE_SIZE];
  }

  /** Says which pictures are in view: missing pages are fetched, others' fetches aborted. */
  want(first: number, end: number): void {
    const from = Math.floor(Math.max(0, first) / PAGE_SIZE);
    const to = Math.floor((Math.min(this.total, end) - 1) / PAGE_SIZE);
    this.#wanted = [from, to];
    for (const [page, control] of this.#fetching) {
      if (page < from || page > to) control.abort();
    }
    for (let page = from; page <= to; page++) {
      if (!this.#pages.has(page) && !this.#fetching.has(page)) void this.#fetch(page);
    }
  }

  /** One record, fetched if it is not at hand. */
  async fetch_record(index: number): Promise<ImageRecord | undefined> {
    const known = this.record(index);
    if (known || index < 0 || index >= this.total) return known;
    const page = Math.floor(index / PAGE_SIZE);
    let request = this.#single.get(page);
    if (!request) {
      request = api
        .images(this.scope, page * PAGE_SIZE, PAGE_SIZE, this.#closed.signal)
        .then((answer) => this.#keep(page, answer.images))
        .finally(() => this.#single.delete(page));
      this.#single.set(page, request);
    }
    await request;
    return this.record(index);
  }

  /** The index of a picture among the pages at hand, or -1. */
  index_at_hand(id: string): number {
    for (const [page, records] of this.#pages) {
      const k = records.findIndex((record) => record.id === id);
      if (k >= 0) return page * PAGE_SIZE + k;
    }
    return -1;
  }

  /**
   * Takes over the server's present state: shapes and the records in view
   * together. `keep` names a picture near `near` whose new index is wanted.
   */
  async refresh(keep: { id: string; near: number } | null): Promise<RefreshResult> {
    const signal = this.#closed.signal;
    const [from, to] = this.#wanted;
    const requests: Promise<ImagePage>[] = [];
    for (let page = from; page <= to; page++) {
      requests.push(api.images(this.scope, page * PAGE_SIZE, PAGE_SIZE, signal));
    }
    // What was in view may have moved; the largest page the server gives, around
    // its old place, finds it in nearly every case.
    const search_from = keep ? Math.max(0, keep.near - 1000) : 0;
    const search = keep ? api.images(this.scope, search_from, 2000, signal) : null;
    const [list, pages, around] = await Promise.all([
      api.aspects(this.scope, signal),
      Promise.all(requests),
      search,
    ]);
    this.#take(list, pages);
    let kept_index = -1;
    if (keep && around) {
      const k = around.images.findIndex((record) => record.id === keep.id);
      if (k >= 0) kept_index = around.offset + k;
      // Whole pages of that answer are at hand now; no need to ask again.
      const first_page = Math.ceil(around.offset / PAGE_SIZE);
      for (let page = first_page; ; page++) {
        const start = page * PAGE_SIZE - around.offset;
        const records = around.images.slice(start, start + PAGE_SIZE);
        const whole = records.length === PAGE_SIZE || around.offset + around.images.length >= list.total;
        if (records.length === 0 || !whole) break;
        this.#keep(page, records);
      }
    }
    return { kept_index };
  }

  close(): void {
    this.#closed.abort();
    for (const control of this.#fetching.values()) control.abort();
    this.#fetching.clear();
    this.#pages.clear();
  }

  #take(list: AspectList, pages: ImagePage[]): void {
    this.aspects = aspects_array(list);
    this.total = this.aspects.length;
    this.revision = list.revision;
    for (const control of this.#fetching.values()) control.abort();
    this.#fetching.clear();
    this.#pages.clear();
    for (const page of pages) {
      this.scan = page.scan;
      this.#keep(page.offset / PAGE_SIZE, page.images);
    }
  }

  #keep(page: number, records: ImageRecord[]): void {
    this.#pages.delete(page);
    this.#pages.set(page, records);
    if (this.#pages.size <= MAX_PAGES) return;
    for (const old of this.#pages.keys()) {
      if (old >= this.#wanted[0] && old <= this.#wanted[1]) continue;
      this.#pages.delete(old);
      if (this.#pages.size <= MAX_PAGES) return;
    }
  }

  async #fetch(page: number): Promise<void> {
    const control = new AbortController();
    this.#fetching.set(page, control);
    try {
      const answer = await api.images(this.scope, page * PAGE_SIZE, PAGE_SIZE, control.signal);
      if (this.#fetching.get(page) !== control) return;
      this.#keep(page, answer.images);
      this.scan = answer.scan;
      this.#fetching.delete(page);
      this.on_records(page * PAGE_SIZE, page * PAGE_SIZE + answer.images.length);
    } catch (error) {
      if (this.#fetching.get(page) === control) this.#fetching.delete(page);
      if (!is_abort(error)) this.on_failure(error);
    }
  }
}
