// Fetches thumbnails for what the grid shows. The grid states what it wants,
// best first; requests for anything else are aborted at once, so a long scroll
// never leaves a queue of pictures that nobody looks at. They come through
// `fetch` rather than an `<img>` address because only an aborted fetch is sure
// to close the request, and because it gives the server's reason on failure.

import { ApiError, is_abort, request, thumbnail_url } from '../api';

export interface Wish {
  id: string;
  /** Whether it is on screen now rather than in the margin around it. */
  visible: boolean;
}

/** A thumbnail to show: `url` is an object address owned by the store. */
export type ThumbResult = { url: string } | { error: string };

interface Held {
  url: string;
  bytes: number;
}

interface Flight {
  control: AbortController;
}

type Fetcher = (id: string, signal: AbortSignal, visible: boolean) => Promise<Blob>;

async function fetch_thumb(id: string, signal: AbortSignal, visible: boolean): Promise<Blob> {
  const init: RequestInit = { signal, priority: visible ? 'auto' : 'low' };
  const response = await request(thumbnail_url(id), init);
  return response.blob();
}

/** Requests at once: a browser opens six connections to a host, and one stays free for the records. */
const MAX_FLIGHTS = 5;
const MAX_HELD_BYTES = 32 * 1024 * 1024;
const MAX_BUSY_TRIES = 6;

export class ThumbStore {
  #held = new Map<string, Held>();
  #held_bytes = 0;
  #failed = new Map<string, string>();
  #flights = new Map<string, Flight>();
  #resting = new Map<string, number>();
  #tries = new Map<string, number>();
  #wishes: Wish[] = [];
  #paused = false;

  constructor(
    private readonly deliver: (id: string, result: ThumbResult) => void,
    private readonly fetcher: Fetcher = fetch_thumb,
    private readonly max_held_bytes = MAX_HELD_BYTES,
  ) {}

  /** Number of requests under way; for tests and the page's own checks. */
  get n_flights(): number {
    return this.#flights.size;
  }

  /** A thumbnail at hand, or the reason why there is none. */
  peek(id: string): ThumbResult | null {
    const held = this.#held.get(id);
    if (held) {
      // Touched: goes to the young end.
      this.#held.delete(id);
      this.#held.set(id, held);
      return { url: held.url };
    }
    const error = this.#failed.get(id);
    return error === undefined ? null : { error };
  }

  /** Replaces the list of wanted thumbnails, the most wanted first. */
  want(wishes: Wish[]): void {
    this.#wishes = wishes;
    const wanted = new Set<string>();
    for (const wish of wishes) wanted.add(wish.id);
    for (const [id, flight] of this.#flights) {
      if (!wanted.has(id)) {
        flight.control.abort();
        this.#flights.delete(id);
      }
    }
    this.#trim(wanted);
    this.#pump();
  }

  /** Stops or resumes fetching, as while a picture covers the grid. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) {
      for (const flight of this.#flights.values()) flight.control.abort();
      this.#flights.clear();
    } else {
      this.#pump();
    }
  }

  /** Forgets failures, to try again after the server came back or a file changed. */
  forget_failures(): void {
    this.#failed.clear();
    this.#tries.clear();
    this.#pump();
  }

  #pump(): void {
    if (this.#paused) return;
    for (const wish of this.#wishes) {
      if (this.#flights.size >= MAX_FLIGHTS) return;
      if (this.#held.has(wish.id) || this.#failed.has(wish.id)) continue;
      if (this.#flights.has(wish.id) || this.#resting.has(wish.id)) continue;
      void this.#fetch(wish);
    }
  }

  async #fetch(wish: Wish): Promise<void> {
    const flight: Flight = { control: new AbortController() };
    this.#flights.set(wish.id, flight);
    try {
      const blob = await this.fetcher(wish.id, flight.control.signal, wish.visible);
      if (this.#flights.get(wish.id) !== flight) return;
      this.#flights.delete(wish.id);
      const held = { url: URL.createObjectURL(blob), bytes: blob.size };
      this.#held.set(wish.id, held);
      this.#held_bytes += held.bytes;
      this.#tries.delete(wish.id);
      this.#trim(new Set(this.#wishes.map((other) => other.id)));
      this.deliver(wish.id, { url: held.url });
    } catch (error) {
      if (this.#flights.get(wish.id) !== flight) return;
      this.#flights.delete(wish.id);
      if (!is_abort(error)) this.#handle_failure(wish.id, error);
    }
    this.#pump();
  }

  #handle_failure(id: string, error: unknown): void {
    const failure = error instanceof ApiError ? error : null;
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    const passing = failure?.kind === 'busy' || failure?.kind === 'unreachable';
    if (passing && tries <= MAX_BUSY_TRIES) {
      const wait_ms = failure.retry_after_ms || 400 * 2 ** Math.min(tries, 4);
      const timer = setTimeout(() => {
        this.#resting.delete(id);
        this.#pump();
      }, wait_ms);
      this.#resting.set(id, timer as unknown as number);
      return;
    }
    const reason = failure?.message ?? 'The thumbnail could not be read.';
    this.#failed.set(id, reason);
    this.deliver(id, { error: reason });
  }

  /** Lets go of the thumbnails that were not wanted for longest, down to the limit. */
  #trim(wanted: Set<string>): void {
    if (this.#held_bytes <= this.max_held_bytes) return;
    for (const [id, held] of this.#held) {
      if (this.#held_bytes <= this.max_held_bytes) return;
      if (wanted.has(id)) continue;
      URL.revokeObjectURL(held.url);
      this.#held.delete(id);
      this.#held_bytes -= held.bytes;
    }
  }
}
