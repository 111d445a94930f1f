// The handle at the right edge: says the date (or letter) of what is on screen
// while scrolling, can be dragged through the whole listing, and shows where
// the years begin. Screen readers and the keyboard use the grid itself, so all
// of this is hidden from them.

import { h, set_text } from '../dom';
import { icon } from '../icons';
import { thin_marks, type YearMark } from './timeline';

const REST_MS = 1200;

export class Scrubber {
  readonly element: HTMLElement;
  #handle: HTMLElement;
  #label: HTMLElement;
  #marks: HTMLElement;
  #years: YearMark[] = [];
  #rest_timer = 0;
  #dragging = false;

  constructor(private readonly scroll_to_share: (share: number) => void) {
    this.#label = h('span', { class: 'scrubber-label' });
    this.#handle = h('div', { class: 'scrubber-handle' }, this.#label, h('span', { class: 'scrubber-grip' }, icon('grip')));
    this.#marks = h('div', { class: 'scrubber-marks' });
    this.element = h('div', { class: 'scrubber', 'aria-hidden': 'true' }, this.#marks, this.#handle);
    this.#handle.addEventListener('pointerdown', (event) => this.#start(event));
    this.#marks.addEventListener('click', (event) => {
      const share = (event.target as HTMLElement).dataset['share'];
      if (share) this.scroll_to_share(Number(share));
    });
  }

  /** Follows the grid; `share` is the scrolled part, 0 to 1. */
  follow(share: number, label: string, scrollable: boolean): void {
    this.element.classList.toggle('usable', scrollable);
    this.element.style.setProperty('--share', share.toFixed(5));
    set_text(this.#label, label);
    this.#label.hidden = !label;
  }

  /** Shows the handle for a moment. */
  wake(): void {
    this.element.classList.add('awake');
    clearTimeout(this.#rest_timer);
    this.#rest_timer = setTimeout(() => {
      if (this.#dragging) return;
      if (this.element.matches(':hover')) this.wake();
      else this.element.classList.remove('awake');
    }, REST_MS) as unknown as number;
  }

  set_years(years: YearMark[]): void {
    this.#years = years;
    const height = this.element.clientHeight || 600;
    this.#marks.replaceChildren(
      ...thin_marks(this.#years, 22 / height).map((mark) => {
        const button = h('span', { class: 'scrubber-year', 'data-share': mark.share.toFixed(5) }, String(mark.year));
        button.style.setProperty('--share', mark.share.toFixed(5));
        return button;
      }),
    );
  }

  #start(event: PointerEvent): void {
    event.preventDefault();
    this.#dragging = true;
    this.element.classList.add('dragging');
    this.#handle.setPointerCapture(event.pointerId);
    const track = this.element.getBoundingClientRect();
    const handle = this.#handle.getBoundingClientRect();
    const grip = event.clientY - handle.top;
    const room = Math.max(1, track.height - handle.height);
    const move = (moved: PointerEvent) => {
      const share = Math.min(1, Math.max(0, (moved.clientY - grip - track.top) / room));
      this.scroll_to_share(share);
    };
    const end = () => {
      this.#dragging = false;
      this.element.classList.remove('dragging');
      this.#handle.removeEventListener('pointermove', move);
      this.wake();
    };
    this.#handle.addEventListener('pointermove', move);
    this.#handle.addEventListener('pointerup', end, { once: true });
    this.#handle.addEventListener('pointercancel', end, { once: true });
  }
}
