// One poll of /api/ledger for everybody who wants it: the small meter now and
// then, the memory page every second. A hidden tab asks nothing.

import { api, is_abort } from '../api';
import type { Ledger } from './ledger';

type Listener = (ledger: Ledger) => void;

export class LedgerFeed {
  #listeners = new Map<Listener, number>();
  #timer = 0;
  #control: AbortController | null = null;
  #history_wanted = false;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      // A gap in the series is filled from the server's own record.
      this.#history_wanted = true;
      this.#restart();
    });
  }

  /** Calls back with each snapshot; the shortest interval asked for by anybody counts. */
  subscribe(listener: Listener, interval_ms: number, with_history: boolean): () => void {
    this.#listeners.set(listener, interval_ms);
    if (with_history) this.#history_wanted = true;
    this.#restart();
    return () => {
      this.#listeners.delete(listener);
      this.#restart();
    };
  }

  #restart(): void {
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
    const interval = Math.min(...this.#listeners.values());
    const wait = Math.max(100, interval - (performance.now() - started));
    this.#timer = setTimeout(() => void this.#look(), wait) as unknown as number;
  }
}
