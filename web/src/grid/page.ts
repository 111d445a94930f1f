// The grid page: bar, grid, scrubber, and what stands there instead of pictures
// while they load or when there are none.

import type { ScanStatus, Scope } from '../api';
import { h, replace } from '../dom';
import { base_name, month_text } from '../format';
import { icon } from '../icons';
import { DateSamples } from '../list/dates';
import type { Listing } from '../list/listing';
import { prefs, save_prefs, type RowSize } from '../prefs';
import { format_route } from '../router';
import { GridBar, type GridBarHooks } from '../shell/gridbar';
import type { Anchor } from './layout';
import { Scrubber } from './scrubber';
import { date_near, year_marks } from './timeline';
import { GridView, type GridStyle } from './view';

const ROW_SIZES: RowSize[] = ['small', 'medium', 'large'];
const WIDE_ROWS: Record<RowSize, number> = { small: 150, medium: 216, large: 310 };
const NARROW_ROWS: Record<RowSize, number> = { small: 78, medium: 118, large: 210 };
const narrow = matchMedia('(max-width: 720px)');

function grid_style(): GridStyle {
  return narrow.matches
    ? { row_height_px: NARROW_ROWS[prefs.row_size], gap_px: 2, padding_px: 2 }
    : { row_height_px: WIDE_ROWS[prefs.row_size], gap_px: 6, padding_px: 16 };
}

export class GridPage {
  readonly element: HTMLElement;
  readonly bar: GridBar;
  readonly view: GridView;
  #scrubber: Scrubber;
  #state: HTMLElement;
  #listing: Listing | null = null;
  #dates: DateSamples | null = null;
  #save_timer = 0;

  constructor(
    hooks: Omit<GridBarHooks, 'next_row_size'>,
    /** Called when the scroll position has come to rest. */
    private readonly rested: (anchor: Anchor | null) => void,
  ) {
    this.bar = new GridBar({ ...hooks, next_row_size: () => this.change_row_size(1, true) });
    this.#scrubber = new Scrubber((share) => this.view.scroll_to_share(share));
    this.view = new GridView({
      href: (record) => format_route({ view: 'image', id: record.id, scope: this.#listing!.scope }),
      moved: (first, share, by_scroll) => this.#moved(first, share, by_scroll),
    });
    this.view.relayout(grid_style());
    narrow.addEventListener('change', () => this.view.relayout(grid_style()));
    this.#state = h('div', { class: 'notice state', role: 'status', hidden: true });
    this.element = h(
      'section',
      { class: 'page grid-page', 'aria-label': 'Pictures' },
      this.bar.element,
      h('div', { class: 'grid-area' }, this.view.element, this.#scrubber.element, this.#state),
    );
  }

  /** While a listing loads: nothing for a moment, then a word. */
  show_loading(): void {
    this.#show_state(h('span', { class: 'spinner' }), h('p', { class: 'late' }, 'Loading …'));
  }

  show_failure(message: string): void {
    this.#show_state(icon('broken'), h('h2', {}, 'The pictures could not be listed'), h('p', {}, message), h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Try again'));
  }

  show(listing: Listing, anchor: Anchor | null): void {
    this.#listing = listing;
    this.view.show(listing, anchor);
    this.#new_dates();
    this.update_state(listing.scan, listing.scope);
  }

  /** After a refresh of the listing; `kept_index` is the new place of what was at the top. */
  relisted(kept_index: number): void {
    this.view.relayout(undefined, kept_index);
    // A file that failed may have been replaced; while all are still being read it is too early to ask.
    if (this.#listing?.scan.state === 'done') this.view.retry();
    this.#new_dates();
    if (this.#listing) this.update_state(this.#listing.scan, this.#listing.scope);
  }

  update_state(scan: ScanStatus, scope: Scope): void {
    const listing = this.#listing;
    if (!listing) return;
    this.bar.set_status(scan, listing.total);
    if (listing.total > 0) {
      this.#state.hidden = true;
      return;
    }
    if (scan.state === 'scanning') {
      this.#show_state(h('span', { class: 'spinner' }), h('h2', {}, 'Looking for pictures'), h('p', {}, 'They appear here as they are found.'));
    } else if (scope.folder) {
      this.#show_state(icon('folder'), h('h2', {}, 'No pictures in this folder'), h('p', {}, scope.folder));
    } else {
      this.#show_state(
        icon('photos'),
        h('h2', {}, 'No pictures here'),
        h('p', {}, 'The served folder holds no file that Pixelbank can show.'),
      );
    }
  }

  change_row_size(by: number, round = false): void {
    const k = ROW_SIZES.indexOf(prefs.row_size) + by;
    const next = round ? ROW_SIZES[(k + ROW_SIZES.length) % ROW_SIZES.length] : ROW_SIZES[k];
    if (!next) return;
    save_prefs({ row_size: next });
    this.view.relayout(grid_style());
  }

  #new_dates(): void {
    this.#dates?.stop();
    this.#scrubber.set_years([]);
    const listing = this.#listing;
    if (!listing) return;
    this.#dates = new DateSamples(listing.scope, listing.total, (samples) =>
      this.#scrubber.set_years(year_marks(samples, listing.total)),
    );
  }

  #moved(first: number, share: number, by_scroll: boolean): void {
    const listing = this.#listing;
    if (!listing) return;
    const { scrollHeight, clientHeight } = this.view.element;
    const record = listing.record(first);
    const label =
      listing.scope.sort === 'date'
        ? month_text(record ? record.date : date_near(this.#dates?.samples ?? [], first))
        : record
          ? base_name(record.path)
          : '';
    this.#scrubber.follow(share, label, scrollHeight > clientHeight * 2.5);
    if (!by_scroll) return;
    this.#dates?.start();
    this.#scrubber.wake();
    clearTimeout(this.#save_timer);
    this.#save_timer = setTimeout(() => this.rested(this.view.anchor()), 250) as unknown as number;
  }

  #show_state(...content: (Node | string)[]): void {
    replace(this.#state, ...content);
    this.#state.hidden = false;
  }
}
