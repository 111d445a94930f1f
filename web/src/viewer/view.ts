// The viewer: one picture over the whole window, with its bar, its stage and
// the details beside it.

import { is_abort, thumbnail_url, type ImageRecord } from '../api';
import { h, reduced_motion, set_text } from '../dom';
import { base_name, count_text, date_text, megapixels_text, percent_text, size_text } from '../format';
import { icon, set_icon, type IconName } from '../icons';
import { prefs, save_prefs } from '../prefs';
import { DeepZoom } from './deepzoom';
import { DetailsPanel } from './details';

export interface ViewerHooks {
  step(by: number): void;
  close(): void;
  help(): void;
  /** A thumbnail the grid holds already, to show until the first tiles come. */
  thumb_at_hand(id: string): string | null;
}

/** What is shown; the record can be missing at first when an address was opened directly. */
export interface Shown {
  id: string;
  record: ImageRecord | null;
  index: number;
  total: number;
}

export class Viewer {
  readonly element: HTMLElement;
  #stage: HTMLElement;
  #canvas: HTMLElement;
  #poster: HTMLImageElement;
  #notice: HTMLElement;
  #title: HTMLElement;
  #subtitle: HTMLElement;
  #live: HTMLElement;
  #zoom_text: HTMLElement;
  #previous: HTMLButtonElement;
  #next: HTMLButtonElement;
  #fullscreen: HTMLButtonElement;
  #info: HTMLButtonElement;
  #details: DetailsPanel;
  #deep: Promise<DeepZoom> | null = null;
  #zoomer: DeepZoom | null = null;
  #control: AbortController | null = null;
  #shown: Shown | null = null;

  constructor(private readonly hooks: ViewerHooks) {
    this.#details = new DetailsPanel(() => this.toggle_details());
    this.#title = h('h2', { class: 'viewer-title' });
    this.#subtitle = h('p', { class: 'viewer-subtitle' });
    this.#live = h('p', { class: 'visually-hidden', 'aria-live': 'polite' });
    this.#zoom_text = h('span', {}, '');
    this.#poster = h('img', { class: 'viewer-poster', alt: '', decoding: 'async' });
    this.#canvas = h('div', { class: 'viewer-canvas' });
    this.#notice = h('div', { class: 'notice viewer-notice', role: 'alert', hidden: true });
    this.#previous = this.#button('back', 'Previous picture (←)', () => hooks.step(-1), 'viewer-step previous');
    this.#next = this.#button('forward', 'Next picture (→)', () => hooks.step(1), 'viewer-step next');
    this.#stage = h(
      'div',
      { class: 'viewer-stage', tabindex: 0, role: 'img' },
      this.#poster,
      this.#canvas,
      this.#notice,
    );
    this.#fullscreen = this.#button('fullscreen', 'Full screen (f)', () => this.toggle_fullscreen(), 'tool wide-only');
    this.#fullscreen.hidden = !document.fullscreenEnabled;
    this.#info = this.#button('info', 'Details (i)', () => this.toggle_details());
    const percent = h(
      'button',
      { class: 'tool zoom-text', type: 'button', title: 'Fit or 1:1 (space)', onclick: () => this.#zoomer?.toggle_fit() },
      this.#zoom_text,
    );
    this.element = h(
      'section',
      { class: 'viewer', role: 'dialog', 'aria-modal': 'true', 'data-theme': 'dark', hidden: true },
      h(
        'header',
        { class: 'viewer-bar' },
        this.#button('back', 'Back to the grid (Esc)', () => hooks.close()),
        h('div', { class: 'viewer-heading' }, this.#title, this.#subtitle),
        h(
          'div',
          { class: 'viewer-tools', role: 'toolbar', 'aria-label': 'Picture' },
          this.#button('zoom_out', 'Zoom out (−)', () => this.#zoomer?.zoom_by(1 / 1.6), 'tool wide-only'),
          percent,
          this.#button('zoom_in', 'Zoom in (+)', () => this.#zoomer?.zoom_by(1.6), 'tool wide-only'),
          h('span', { class: 'tool-gap wide-only' }),
          this.#button('fit', 'Fit to window (0)', () => this.#zoomer?.fit(), 'tool wide-only'),
          this.#button('rotate_left', 'Rotate left (l)', () => this.#rotate(-1)),
          this.#button('rotate_right', 'Rotate right (r)', () => this.#rotate(1)),
          h('span', { class: 'tool-gap wide-only' }),
          this.#fullscreen,
          this.#info,
          this.#button('help', 'Keys (?)', () => hooks.help(), 'tool wide-only'),
        ),
      ),
      h(
        'div',
        { class: 'viewer-body' },
        h('div', { class: 'viewer-frame' }, this.#stage, this.#previous, this.#next),
        this.#details.element,
      ),
      this.#live,
    );
    document.addEventListener('fullscreenchange', () => {
      const full = document.fullscreenElement !== null;
      set_icon(this.#fullscreen, full ? 'fullscreen_exit' : 'fullscreen');
      this.#fullscreen.setAttribute('aria-pressed', String(full));
    });
  }

  get is_open(): boolean {
    return !this.element.hidden;
  }

  get shown(): Shown | null {
    return this.#shown;
  }

  /** Shows a picture, or updates what is known of the one shown. */
  show(shown: Shown): void {
    const first = this.element.hidden;
    const same = !first && this.#shown?.id === shown.id && !(shown.record?.error && !this.#shown.record?.error);
    this.#shown = shown;
    this.element.hidden = false;
    this.#label(shown);
    if (!same) this.#open(shown);
    this.#details.show(shown.id, prefs.details_open);
    this.#info.setAttribute('aria-pressed', String(prefs.details_open));
    if (first) this.#stage.focus({ preventScroll: true });
  }

  /** Opens the picture again if it failed for a reason that may have passed. */
  retry(): void {
    if (this.#shown && this.element.dataset['state'] === 'failed') this.#open(this.#shown);
  }

  close(): void {
    if (this.element.hidden) return;
    this.#control?.abort();
    if (document.fullscreenElement) void document.exitFullscreen();
    this.element.hidden = true;
    this.element.classList.remove('bare');
    this.#details.show('', false);
    this.#shown = null;
    // Its tiles are of no use to the grid: give the memory back.
    this.#zoomer?.destroy();
    this.#zoomer = null;
    this.#deep = null;
    this.#poster.removeAttribute('src');
    for (const name of ['imageId', 'level0Tiles', 'tiles', 'zoom', 'rotation', 'state']) {
      delete this.element.dataset[name];
    }
  }

  toggle_details(): void {
    save_prefs({ details_open: !prefs.details_open });
    if (!this.#shown) return;
    const had_focus = this.#details.element.contains(document.activeElement);
    this.#details.show(this.#shown.id, prefs.details_open);
    this.#info.setAttribute('aria-pressed', String(prefs.details_open));
    if (had_focus && !prefs.details_open) this.#info.focus();
  }

  toggle_fullscreen(): void {
    if (!document.fullscreenEnabled) return;
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.element.requestFullscreen().catch(() => undefined);
  }

  /** Handles a key; returns whether it meant something here. */
  on_key(event: KeyboardEvent): boolean {
    const zoomer = this.#zoomer;
    const in_details = this.#details.element.contains(event.target as Node);
    const on_button = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
    this.element.classList.toggle('tabbed', event.key === 'Tab');
    if (event.shiftKey && event.key.startsWith('Arrow')) {
      const step = 0.2;
      if (event.key === 'ArrowLeft') zoomer?.pan(-step, 0);
      if (event.key === 'ArrowRight') zoomer?.pan(step, 0);
      if (event.key === 'ArrowUp') zoomer?.pan(0, -step);
      if (event.key === 'ArrowDown') zoomer?.pan(0, step);
      return true;
    }
    switch (event.key) {
      case 'ArrowLeft':
        this.hooks.step(-1);
        return true;
      case 'ArrowRight':
        this.hooks.step(1);
        return true;
      case 'ArrowUp':
      case 'ArrowDown':
        if (in_details) return false;
        zoomer?.pan(0, event.key === 'ArrowUp' ? -0.15 : 0.15);
        return true;
      case 'Home':
      case 'End':
        if (in_details) return false;
        this.hooks.step(event.key === 'Home' ? -Infinity : Infinity);
        return true;
      case 'Escape':
        this.hooks.close();
        return true;
      case '+':
      case '=':
        zoomer?.zoom_by(1.6);
        return true;
      case '-':
        zoomer?.zoom_by(1 / 1.6);
        return true;
      case '0':
        zoomer?.fit();
        return true;
      case '1':
        zoomer?.one_to_one();
        return true;
      case ' ':
        if (on_button || in_details) return false;
        zoomer?.toggle_fit();
        return true;
      case 'r':
        this.#rotate(1);
        return true;
      case 'l':
        this.#rotate(-1);
        return true;
      case 'f':
        this.toggle_fullscreen();
        return true;
      case 'i':
        this.toggle_details();
        return true;
      default:
        return false;
    }
  }

  /** Asks for the small pictures of the neighbours, so that a step shows something at once. */
  preload(ids: string[]): void {
    for (const id of ids) {
      if (!this.hooks.thumb_at_hand(id)) new Image().src = thumbnail_url(id);
    }
  }

  #rotate(turns: number): void {
    if (!this.#zoomer) return;
    this.#zoomer.rotate(turns);
    this.element.dataset['rotation'] = String(this.#zoomer.degrees);
    this.#poster.classList.add('gone');
  }

  #label(shown: Shown): void {
    const { record, index, total } = shown;
    const name = record ? base_name(record.path) : 'Picture';
    const place = index >= 0 ? `${count_text(index + 1)} of ${count_text(total)}` : '';
    const size = record?.width && record.height ? megapixels_text(record.width, record.height) : '';
    set_text(this.#title, name);
    this.#title.title = record?.path ?? '';
    set_text(this.#subtitle, [place, date_text(record?.date ?? null), size].filter(Boolean).join('  ·  '));
    this.element.setAttribute('aria-label', name);
    const label = [name, size_text(record?.width ?? null, record?.height ?? null)].filter(Boolean).join(', ');
    this.#stage.setAttribute('aria-label', label);
    this.element.dataset['imageId'] = shown.id;
    this.element.dataset['index'] = String(index);
    // A button that disappears under the focus would drop the keyboard out of the viewer.
    this.#previous.disabled = index === 0;
    this.#next.disabled = index >= 0 && index === total - 1;
    if (document.activeElement === document.body && this.is_open) this.#stage.focus({ preventScroll: true });
    set_text(this.#live, [name, place].filter(Boolean).join(', '));
  }

  #open(shown: Shown): void {
    this.#control?.abort();
    const control = new AbortController();
    this.#control = control;
    const data = this.element.dataset;
    data['state'] = 'loading';
    this.element.classList.add('busy');
    data['level0Tiles'] = '0';
    data['tiles'] = '0';
    data['rotation'] = '0';
    set_text(this.#zoom_text, '–');
    this.#notice.hidden = true;
    this.#canvas.hidden = false;
    if (shown.record?.error) {
      this.#zoomer?.close();
      this.#show_failure(shown.record.error);
      return;
    }
    this.#show_poster(shown);
    this.#deep ??= DeepZoom.make(this.#canvas, {
      zoomed: (ratio, is_fit) => {
        set_text(this.#zoom_text, percent_text(ratio));
        data['zoom'] = ratio.toFixed(4);
        this.element.classList.toggle('zoomed', !is_fit);
        if (!is_fit) this.#poster.classList.add('gone');
      },
      drawn: (n_tiles, n_level0_tiles) => {
        data['tiles'] = String(n_tiles);
        data['level0Tiles'] = String(n_level0_tiles);
        if (n_tiles > 0) {
          data['state'] = 'shown';
          this.#poster.classList.add('gone');
        }
      },
      failed: (reason) => this.#show_failure(reason),
      busy: (busy) => this.element.classList.toggle('busy', busy),
      swiped: (swipe) => (swipe === 'close' ? this.hooks.close() : this.hooks.step(swipe === 'next' ? 1 : -1)),
      tapped: () => this.element.classList.toggle('bare'),
    });
    this.#deep
      .then(async (deep) => {
        if (control.signal.aborted) {
          // Closed while the code was on its way: nobody else will end it.
          if (this.element.hidden) deep.destroy();
          return;
        }
        this.#zoomer = deep;
        await deep.open(shown.id, control.signal);
      })
      .catch((error: unknown) => {
        if (!is_abort(error) && !control.signal.aborted) this.#show_failure((error as Error).message);
      });
  }

  #show_poster(shown: Shown): void {
    const { record } = shown;
    this.#poster.classList.remove('gone');
    this.#poster.classList.toggle('still', reduced_motion());
    this.#poster.src = this.hooks.thumb_at_hand(shown.id) ?? thumbnail_url(shown.id);
    // A picture smaller than the window is not blown up, so its stand-in must not be either.
    this.#poster.style.maxWidth = record?.width ? `${record.width / devicePixelRatio}px` : '';
    this.#poster.style.maxHeight = record?.height ? `${record.height / devicePixelRatio}px` : '';
  }

  #show_failure(reason: string): void {
    this.element.dataset['state'] = 'failed';
    this.element.classList.remove('busy');
    this.#poster.removeAttribute('src');
    this.#canvas.hidden = true;
    set_text(this.#zoom_text, '–');
    this.#notice.replaceChildren(
      icon('broken'),
      h('h3', {}, 'This picture cannot be shown'),
      h('p', { class: 'viewer-notice-reason' }, reason),
      this.#shown?.record ? h('p', { class: 'viewer-notice-path' }, this.#shown.record.path) : '',
    );
    this.#notice.hidden = false;
  }

  #button(name: IconName, label: string, action: () => void, css = 'tool'): HTMLButtonElement {
    const button = h('button', { class: css, type: 'button', title: label, onclick: action }, icon(name));
    button.setAttribute('aria-label', label.replace(/ \(.*\)$/, ''));
    return button;
  }
}
