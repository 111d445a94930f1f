// What is shown when the server cannot be reached or does not let us in, and
// the waiting for it to come back.

import { api, ApiError, on_contact } from '../api';
import { h, set_text } from '../dom';
import { icon } from '../icons';

const FIRST_WAIT_MS = 1500;
const LONGEST_WAIT_MS = 12_000;

export class Contact {
  readonly banner: HTMLElement;
  readonly gate: HTMLElement;
  #text: HTMLElement;
  #timer = 0;
  #wait_ms = FIRST_WAIT_MS;
  #gone = false;

  constructor(private readonly on_return: () => void) {
    this.#text = h('span', {}, 'The Pixelbank server does not answer.');
    this.banner = h(
      'div',
      { class: 'banner', role: 'alert', hidden: true },
      icon('offline'),
      this.#text,
      h('button', { class: 'button', type: 'button', onclick: () => this.#try() }, 'Try again'),
    );
    this.gate = h(
      'div',
      { class: 'gate', role: 'alert', hidden: true },
      icon('lock'),
      h('h2', {}, 'This Pixelbank asks for a token'),
      h(
        'p',
        {},
        'Open the address that the program printed when it started; it ends in ',
        h('code', {}, '/?token=…'),
        '. After a restart without a fixed token the old address no longer works.',
      ),
      h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Load again'),
    );
    on_contact((error) => this.#heard(error));
  }

  #heard(error: ApiError | null): void {
    if (error === null) {
      if (this.#gone) this.#back();
      return;
    }
    if (error.kind === 'unauthorized') {
      this.gate.hidden = false;
      return;
    }
    if (error.kind !== 'unreachable' || this.#gone) return;
    this.#gone = true;
    this.banner.hidden = false;
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(), this.#wait_ms) as unknown as number;
    this.#wait_ms = Math.min(LONGEST_WAIT_MS, this.#wait_ms * 1.6);
  }

  #try(): void {
    clearTimeout(this.#timer);
    set_text(this.#text, 'Trying again …');
    api.health().catch(() => {
      set_text(this.#text, 'The Pixelbank server does not answer.');
      if (this.#gone) this.#schedule();
    });
  }

  #back(): void {
    this.#gone = false;
    this.#wait_ms = FIRST_WAIT_MS;
    clearTimeout(this.#timer);
    set_text(this.#text, 'The Pixelbank server does not answer.');
    this.banner.hidden = true;
    this.on_return();
  }
}
