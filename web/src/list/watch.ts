// Asks the server now and then how far it has got, and says when the listing
// has changed. Quick while it scans, slow afterwards, silent in a hidden tab.

import { api, is_abort, type ScanStatus, type Scope } from '../api';

const SCANNING_MS = 1000;
const IDLE_MS = 12_000;
/** A refresh may take a tenth of the time at most, however long the list. */
const REST_FACTOR = 9;

export interface WatchHooks {
  scope(): Scope | null;
  revision(): number;
  status(scan: ScanStatus, total: number): void;
  /** Takes over the new state; the next look waits until it has. */
  changed(): Promise<void>;
}

export class Watch {
  #timer = 0;
  #control: AbortController | null = null;
  #rest_until_ms = 0;
  #scanning = false;

  constructor(private readonly hooks: WatchHooks) {
    document.addEventListener('visibilitychange', () => (document.hidden ? this.stop() : this.now()));
  }

  /** Looks at once and goes on from there. */
  now(): void {
    this.stop();
    void this.#look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#control?.abort();
    this.#control = null;
  }

  async #look(): Promise<void> {
    const scope = this.hooks.scope();
    const control = new AbortController();
    this.#control = control;
    try {
      if (scope) {
        const page = await api.images(scope, 0, 1, control.signal);
        this.#scanning = page.scan.state === 'scanning';
        this.hooks.status(page.scan, page.total);
        const now = performance.now();
        if (page.revision !== this.hooks.revision() && now >= this.#rest_until_ms) {
          await this.hooks.changed();
          const took = performance.now() - now;
          this.#rest_until_ms = performance.now() + took * REST_FACTOR;
        }
      }
    } catch (error) {
      if (is_abort(error)) return;
    }
    if (this.#control !== control) return;
    this.#timer = setTimeout(() => void this.#look(), this.#scanning ? SCANNING_MS : IDLE_MS) as unknown as number;
  }
}
