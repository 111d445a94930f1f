// The grid on screen: keeps the rows in view (and a margin) in the document,
// nothing else, and tells the listing and the thumbnail store what is wanted.

import type { ImageRecord } from '../api';
import { h } from '../dom';
import type { Listing } from '../list/listing';
import { Cell } from './cell';
import { item_after_key } from './keys';
import {
  anchor_at,
  boxes_of_row,
  lay_out,
  row_of_item,
  rows_between,
  scroll_of_anchor,
  type Anchor,
  type Layout,
} from './layout';
import { ThumbStore, type Wish } from './thumbs';

export interface GridHooks {
  /** The address that opens a picture. */
  href(record: ImageRecord): string;
  /** After every drawing: the first picture on screen and the scrolled share. */
  moved(first_index: number, share: number, by_scroll: boolean): void;
}

export interface GridStyle {
  row_height_px: number;
  gap_px: number;
  padding_px: number;
}

/** Share of the viewport's height kept ready above and below. */
const MARGIN = 0.75;
/** Faster than this, only placeholders are drawn: nobody can see more. */
const FAST_PX_PER_MS = 6;
const SETTLE_MS = 110;
const MAX_SPARE_CELLS = 160;

interface Row {
  element: HTMLElement;
  cells: Cell[];
}

export class GridView {
  readonly element: HTMLElement;
  #grid: HTMLElement;
  #listing: Listing | null = null;
  #layout: Layout | null = null;
  #rows = new Map<number, Row>();
  #spare: Cell[] = [];
  #thumbs = new ThumbStore((id, result) => {
    for (const row of this.#rows.values()) {
      for (const cell of row.cells) {
        if (cell.id === id) cell.take(result, this.#listing?.record(cell.index));
      }
    }
  });
  #style: GridStyle = { row_height_px: 220, gap_px: 6, padding_px: 16 };
  #active = 0;
  #frame = 0;
  #settle_timer = 0;
  #scrolled = false;
  #last_scroll_px = 0;
  #last_scroll_ms = 0;
  #fast = false;
  /** What was on top when somebody last scrolled; refreshes in between all go back to it. */
  #anchor: Anchor | null = null;
  /** The last scroll position set from here, to tell it from a person's scrolling. */
  #set_scroll_px = 0;

  constructor(private readonly hooks: GridHooks) {
    this.#grid = h('div', { class: 'grid', role: 'grid', 'aria-label': 'Photographs', 'aria-readonly': 'true' });
    this.element = h('div', { class: 'grid-scroller' }, this.#grid);
    this.element.addEventListener('scroll', () => this.#on_scroll(), { passive: true });
    this.#grid.addEventListener('keydown', (event) => this.#on_key(event));
    this.#grid.addEventListener('focusin', (event) => {
      const index = (event.target as HTMLElement).dataset['index'];
      if (index !== undefined) this.#set_active(Number(index));
    });
    let width = 0;
    let height = 0;
    new ResizeObserver(() => {
      const { clientWidth, clientHeight } = this.element;
      if (clientWidth === width && clientHeight === height) return;
      const wider = clientWidth !== width;
      width = clientWidth;
      height = clientHeight;
      if (wider) this.relayout();
      else this.#draw(false);
    }).observe(this.element);
  }

  get layout(): Layout | null {
    return this.#layout;
  }

  get active_index(): number {
    return this.#active;
  }

  /** Shows a listing from a scroll position (null: the top). */
  show(listing: Listing, anchor: Anchor | null): void {
    this.#listing = listing;
    this.#active = anchor?.item ?? 0;
    listing.on_records = (first, end) => this.#fill(first, end);
    this.#clear_rows();
    this.#compute_layout();
    this.#anchor = anchor;
    this.#scroll_to_anchor();
    this.#fast = false;
    this.#draw(false);
  }

  /** Lays out again for a changed listing, width or row height, keeping what is on screen in place. */
  relayout(style?: GridStyle, moved_to = -1): void {
    if (style) this.#style = style;
    if (!this.#listing) return;
    const focused = this.#grid.contains(document.activeElement);
    const active_id = this.#listing.record(this.#active)?.id ?? this.#shown_id(this.#active);
    const anchor = this.anchor();
    this.#clear_rows();
    this.#compute_layout();
    if (anchor && this.#layout) {
      this.#anchor = moved_to >= 0 ? { ...anchor, item: moved_to } : anchor;
      this.#scroll_to_anchor();
    }
    if (active_id) {
      const index = this.#listing.index_at_hand(active_id);
      if (index >= 0) this.#active = index;
    }
    this.#active = Math.max(0, Math.min(this.#active, this.#listing.total - 1));
    this.#draw(false);
    if (focused) this.focus_item(this.#active, false);
  }

  /** What is at the top of the screen; null at the very top, where new pictures may push in. */
  anchor(): Anchor | null {
    if (!this.#layout || this.#layout.n_rows === 0 || this.element.scrollTop < 8) return null;
    if (this.#anchor && Math.abs(this.element.scrollTop - this.#set_scroll_px) <= 1) return this.#anchor;
    return anchor_at(this.#layout, this.element.scrollTop - this.#style.padding_px);
  }

  #scroll_to_anchor(): void {
    const { padding_px } = this.#style;
    this.element.scrollTop = this.#anchor && this.#layout ? scroll_of_anchor(this.#layout, this.#anchor) + padding_px : 0;
    // Read back: the browser rounds, and stops at the ends.
    this.#set_scroll_px = this.element.scrollTop;
  }

  /** Scrolls to a share of the whole height. */
  scroll_to_share(share: number): void {
    const room = this.element.scrollHeight - this.element.clientHeight;
    this.element.scrollTop = Math.max(0, share * room);
  }

  /** Scrolls a picture into view if it is not, without more movement than needed. */
  reveal(index: number): void {
    if (!this.#layout || index < 0 || index >= this.#layout.n_items) return;
    const row = row_of_item(this.#layout, index);
    const top = this.#layout.row_top_px[row]!;
    const bottom = top + this.#layout.row_height_px[row]! + 2 * this.#style.padding_px;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight;
    this.#draw(false);
  }

  /** Gives a picture the keyboard focus, scrolling to it if asked. */
  focus_item(index: number, reveal = true): void {
    this.#set_active(index);
    if (reveal) this.reveal(index);
    else this.#draw(false);
    this.#cell(index)?.link.focus({ preventScroll: true });
  }

  pause(paused: boolean): void {
    this.#thumbs.pause(paused);
  }

  /** Tries again what failed before. */
  retry(): void {
    this.#thumbs.forget_failures();
    this.#draw(false);
  }

  /** The thumbnail of a picture if it is at hand. */
  thumb_at_hand(id: string): string | null {
    const result = this.#thumbs.peek(id);
    return result && 'url' in result ? result.url : null;
  }

  #compute_layout(): void {
    if (!this.#listing) return;
    const { padding_px, row_height_px, gap_px } = this.#style;
    const width = Math.max(120, this.element.clientWidth - 2 * padding_px);
    this.#layout = lay_out(this.#listing.aspects, { width_px: width, row_height_px, gap_px });
    this.#grid.style.height = `${this.#layout.total_height_px}px`;
    this.#grid.style.margin = `${padding_px}px`;
    this.#grid.setAttribute('aria-rowcount', String(this.#layout.n_rows));
    this.element.dataset['total'] = String(this.#listing.total);
  }

  #on_scroll(): void {
    const now = performance.now();
    const y = this.element.scrollTop;
    const elapsed = Math.max(1, now - this.#last_scroll_ms);
    // After a pause the first event covers an unknown time; that is not speed.
    const speed = elapsed < 200 ? Math.abs(y - this.#last_scroll_px) / elapsed : 0;
    const jumped = Math.abs(y - this.#last_scroll_px) > 4 * this.element.clientHeight;
    this.#fast = speed > FAST_PX_PER_MS || jumped;
    this.#last_scroll_px = y;
    this.#last_scroll_ms = now;
    this.#scrolled = true;
    if (!this.#frame) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw(this.#scrolled);
        this.#scrolled = false;
      });
    }
    clearTimeout(this.#settle_timer);
    this.#settle_timer = setTimeout(() => {
      this.#fast = false;
      this.#draw(true);
    }, SETTLE_MS) as unknown as number;
  }

  #draw(by_scroll: boolean): void {
    const layout = this.#layout;
    const listing = this.#listing;
    if (!layout || !listing) return;
    const view_height = this.element.clientHeight;
    const top = this.element.scrollTop - this.#style.padding_px;
    const margin = view_height * MARGIN;
    const seen = rows_between(layout, top, top + view_height);
    const kept = rows_between(layout, top - margin, top + view_height + margin);
    // The row that holds the focus stays, wherever the scroll position is:
    // removing it would throw the keyboard back to the start of the page.
    const focused = this.#grid.contains(document.activeElement) ? row_of_item(layout, this.#active) : -1;
    for (const [index, row] of this.#rows) {
      if ((index < kept.first || index >= kept.end) && index !== focused) this.#remove_row(index, row);
    }
    for (let index = kept.first; index < kept.end; index++) {
      if (!this.#rows.has(index)) this.#add_row(index);
    }
    const first_item = layout.row_start[kept.first] ?? 0;
    const end_item = layout.row_start[kept.end] ?? 0;
    if (!this.#fast) {
      listing.want(first_item, end_item);
      this.#wish(seen, kept);
    }
    this.#mark_active(seen);
    const room = this.element.scrollHeight - view_height;
    this.hooks.moved(layout.row_start[seen.first] ?? 0, room > 0 ? this.element.scrollTop / room : 0, by_scroll);
  }

  #wish(seen: { first: number; end: number }, kept: { first: number; end: number }): void {
    const wishes: Wish[] = [];
    const add = (index: number, visible: boolean) => {
      for (const cell of this.#rows.get(index)?.cells ?? []) {
        if (cell.id && !cell.is_broken) wishes.push({ id: cell.id, visible });
      }
    };
    for (let row = seen.first; row < seen.end; row++) add(row, true);
    for (let row = seen.end; row < kept.end; row++) add(row, false);
    for (let row = seen.first - 1; row >= kept.first; row--) add(row, false);
    this.#thumbs.want(wishes);
  }

  #add_row(index: number): void {
    const layout = this.#layout!;
    const listing = this.#listing!;
    const element = h('div', { class: 'grid-row', role: 'row', 'aria-rowindex': index + 1 });
    element.style.top = `${layout.row_top_px[index]}px`;
    element.style.height = `${layout.row_height_px[index]}px`;
    const start = layout.row_start[index]!;
    const cells = boxes_of_row(layout, listing.aspects, index).map((box, k) => {
      const record = listing.record(start + k);
      const cell = this.#take_cell(record?.id ?? '');
      cell.place(k, box.left_px, box.width_px);
      cell.show(start + k, record, this.hooks.href);
      this.#give_thumb(cell, record);
      element.appendChild(cell.element);
      return cell;
    });
    this.#rows.set(index, { element, cells });
    // Rows stand in the document in their order, for screen readers and Tab.
    const after = this.#row_element_after(index);
    this.#grid.insertBefore(element, after);
  }

  #row_element_after(index: number): HTMLElement | null {
    const next = this.#rows.get(index + 1);
    if (next) return next.element;
    let best: number | null = null;
    for (const other of this.#rows.keys()) {
      if (other > index && (best === null || other < best)) best = other;
    }
    return best === null ? null : this.#rows.get(best)!.element;
  }

  #give_thumb(cell: Cell, record: ImageRecord | undefined): void {
    if (!record || cell.has_thumb) return;
    const result = this.#thumbs.peek(record.id);
    if (result) cell.take(result, record);
  }

  #remove_row(index: number, row: Row): void {
    row.element.remove();
    this.#rows.delete(index);
    for (const cell of row.cells) {
      if (this.#spare.length < MAX_SPARE_CELLS) this.#spare.push(cell);
    }
  }

  #clear_rows(): void {
    for (const [index, row] of this.#rows) this.#remove_row(index, row);
  }

  /** A spare cell, best one that shows this picture already, so that it does not flash. */
  #take_cell(id: string): Cell {
    if (id) {
      const k = this.#spare.findIndex((cell) => cell.id === id);
      if (k >= 0) return this.#spare.splice(k, 1)[0]!;
    }
    return this.#spare.shift() ?? new Cell();
  }

  #fill(first: number, end: number): void {
    for (const row of this.#rows.values()) {
      for (const cell of row.cells) {
        if (cell.index < first || cell.index >= end) continue;
        const record = this.#listing?.record(cell.index);
        cell.show(cell.index, record, this.hooks.href);
        this.#give_thumb(cell, record);
      }
    }
    this.#draw(false);
  }

  #cell(index: number): Cell | undefined {
    if (!this.#layout) return undefined;
    const row = row_of_item(this.#layout, index);
    return this.#rows.get(row)?.cells[index - this.#layout.row_start[row]!];
  }

  #shown_id(index: number): string | undefined {
    return this.#cell(index)?.id || undefined;
  }

  #set_active(index: number): void {
    this.#cell(this.#active)?.link.setAttribute('tabindex', '-1');
    this.#active = index;
    this.#cell(index)?.link.setAttribute('tabindex', '0');
  }

  /** Exactly one cell takes part in Tab: the active one, or the first on screen when that is far away. */
  #mark_active(seen: { first: number; end: number }): void {
    const layout = this.#layout!;
    if (layout.n_items === 0) return;
    const row = row_of_item(layout, this.#active);
    const focused = this.#grid.contains(document.activeElement);
    if (!focused && (row < seen.first || row >= seen.end)) this.#active = layout.row_start[seen.first] ?? 0;
    for (const [, shown] of this.#rows) {
      for (const cell of shown.cells) {
        const wanted = cell.index === this.#active ? '0' : '-1';
        if (cell.link.getAttribute('tabindex') !== wanted) cell.link.setAttribute('tabindex', wanted);
      }
    }
  }

  #on_key(event: KeyboardEvent): void {
    if (!this.#layout || !this.#listing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === ' ') {
      // A link does not react to the space bar, but a picture is expected to open.
      event.preventDefault();
      this.#cell(this.#active)?.link.click();
      return;
    }
    const page = this.element.clientHeight * 0.85;
    const next = item_after_key(event.key, this.#active, this.#layout, this.#listing.aspects, page);
    if (next < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.focus_item(next);
  }
}
