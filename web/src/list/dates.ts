// Loads the date samples of a listing, once, when somebody starts to scroll.

import { api, type Scope } from '../api';
import { sample_indexes, type Sample } from '../grid/timeline';

const N_SAMPLES = 40;
const AT_ONCE = 3;
/** Below this the records in view say enough. */
const LEAST_PICTURES = 400;

export class DateSamples {
  samples: Sample[] = [];
  #control = new AbortController();
  #started = false;

  constructor(
    private readonly scope: Scope,
    private readonly total: number,
    private readonly done: (samples: Sample[]) => void,
  ) {}

  start(): void {
    if (this.#started || this.scope.sort !== 'date' || this.total < LEAST_PICTURES) return;
    this.#started = true;
    const queue = sample_indexes(this.total, N_SAMPLES);
    const work = async () => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const page = await api.images(this.scope, index, 1, this.#control.signal);
        this.samples.push({ index, date: page.images[0]?.date ?? null });
      }
    };
    Promise.all(Array.from({ length: AT_ONCE }, work)).then(
      () => {
        this.samples.sort((a, b) => a.index - b.index);
        this.done(this.samples);
      },
      // Without samples the label follows the records alone.
      () => undefined,
    );
  }

  stop(): void {
    this.#control.abort();
  }
}
