// One poll of /api/ledger for everybody who wants it: the small meter now and
// then, the memory page every second. A hidden tab asks nothing.

import { api, is_abort } from '../api';
import type { Ledger } from './ledger';

type Listener = (ledger: Ledger) => void;
/** Milliseconds until the next look, or what says so after each. */
type Interval = number | (() => number);

const SOON_MS = 1000;

/**
 * How soon a small meter looks again: soon after the first look and whenever the
 * figure has moved, twice as late each time that it has not.
 */
export class Pace {
  #last: number | null = null;
  #interval_ms = SOON_MS;

  constructor(private readonly longest_ms: number) {}

  get interval_ms(): number {
    return this.#interval_ms;
  }

  saw(bytes: number): void {
    const last = this.#last;
    this.#last = bytes;
    if (last === null) return;
    const moved = Math.abs(bytes - last) > 0.01 * Math.max(bytes, last);
    this.#interval_ms = moved ? SOON_MS : Math.min(this.longest_ms, this.#interval_ms * 2);
  }
}

export class LedgerFeed {
  #listeners = new Map<Listener, Interval>();
  #timer = 0;
  #control: AbortController | null = null;
  #history_wanted = false;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      // A gap in the series is filled from the server's own record.
      this.#history_wanted = true;
      this.look_now();
    });
  }

  /** Calls back with each snapshot; the shortest interval asked for by anybody counts. */
  subscribe(listener: Listener, interval: Interval, with_history: boolean): () => void {
    this.#listeners.set(listener, interval);
    if (with_history) this.#history_wanted = true;
    this.look_now();
    return () => {
      this.#listeners.delete(listener);
      this.look_now();
    };
  }

  /** Asks at once rather than when it is time. */
  look_now(): void {
    clearTimeout(this.#timer);
    this.#control?.abort();
    this.#control = null;
    if (document.hidden || this.#listeners.size === 0) return;
    void this.#look();
  }

  async #look(): Promise<void> {
    const control = new AbortController();
    this.#control = control;
    const with_history = this.#history_wanted;
    const started = performance.now();
    try {
      const ledger = await api.json<Ledger>(with_history ? '/api/ledger' : '/api/ledger?history=0', control.signal);
      if (with_history) this.#history_wanted = false;
      for (const listener of this.#listeners.keys()) listener(ledger);
    } catch (error) {
      if (is_abort(error)) return;
      // The banner tells that the server is gone; the next look may find it.
    }
    if (this.#control !== control) return;
    const intervals = [...this.#listeners.values()].map((one) => (typeof one === 'number' ? one : one()));
    const interval = Math.min(...intervals);
    const wait = Math.max(100, interval - (performance.now() - started));
    this.#timer = setTimeout(() => void this.#look(), wait) as unknown as number;
  }
}
