import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../src/api';
import { ThumbStore, type ThumbResult, type Wish } from '../src/grid/thumbs';

interface Call {
  id: string;
  signal: AbortSignal;
  answer: (bytes: number) => Promise<void>;
  fail: (error: unknown) => Promise<void>;
}

let calls: Call[];
let delivered: [string, ThumbResult][];
const settled = () => new Promise<void>((resolve) => queueMicrotask(() => setTimeout(resolve, 0)));

/** A fetch whose answers the test gives; an abort rejects it as the browser does. */
function fetcher(id: string, signal: AbortSignal): Promise<Blob> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    calls.push({
      id,
      signal,
      answer: (bytes) => (resolve(new Blob([new Uint8Array(bytes)])), settled()),
      fail: (error) => (reject(error as Error), settled()),
    });
  });
}

const wish = (...ids: string[]): Wish[] => ids.map((id) => ({ id, visible: true }));
const call = (id: string) => calls.find((one) => one.id === id)!;

beforeEach(() => {
  calls = [];
  delivered = [];
  let n = 0;
  vi.stubGlobal('URL', { createObjectURL: () => `blob:${n++}`, revokeObjectURL: vi.fn() });
});

function store(max_bytes = 1000): ThumbStore {
  return new ThumbStore((id, result) => delivered.push([id, result]), fetcher, max_bytes);
}

describe('thumbnail store', () => {
  it('asks in the order of the wishes, five at once, then the next', async () => {
    const thumbs = store();
    thumbs.want(wish('a', 'b', 'c', 'd', 'e', 'f', 'g'));
    expect(calls.map((one) => one.id)).toEqual(['a', 'b', 'c', 'd', 'e']);
    await call('c').answer(10);
    expect(calls.map((one) => one.id)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(delivered).toEqual([['c', { url: 'blob:0' }]]);
  });

  it('aborts what is no longer wanted, and only that', () => {
    const thumbs = store();
    thumbs.want(wish('a', 'b', 'c'));
    thumbs.want(wish('b', 'x'));
    expect(call('a').signal.aborted).toBe(true);
    expect(call('b').signal.aborted).toBe(false);
    expect(call('c').signal.aborted).toBe(true);
    expect(calls.map((one) => one.id)).toEqual(['a', 'b', 'c', 'x']);
    expect(thumbs.n_flights).toBe(2);
  });

  it('asks again for what was aborted and is wanted again', async () => {
    const thumbs = store();
    thumbs.want(wish('a'));
    thumbs.want([]);
    await settled();
    thumbs.want(wish('a'));
    expect(calls).toHaveLength(2);
    await calls[1]!.answer(5);
    expect(delivered).toEqual([['a', { url: 'blob:0' }]]);
  });

  it('keeps thumbnails within its bytes, letting go of the longest unused', async () => {
    const thumbs = store(250);
    for (const id of ['a', 'b']) {
      thumbs.want(wish(id));
      await call(id).answer(100);
    }
    thumbs.peek('a');
    thumbs.want(wish('c'));
    await call('c').answer(100);
    expect(thumbs.peek('b')).toBeNull();
    expect(thumbs.peek('a')).not.toBeNull();
    expect(thumbs.peek('c')).not.toBeNull();
    expect(URL.revokeObjectURL).toHaveBeenCalledTimes(1);
    expect(URL.revokeObjectURL).toHaveBeenCalledWith('blob:1');
  });

  it('never lets go of what is on screen', async () => {
    const thumbs = store(150);
    thumbs.want(wish('a', 'b', 'c'));
    for (const id of ['a', 'b', 'c']) await call(id).answer(100);
    for (const id of ['a', 'b', 'c']) expect(thumbs.peek(id)).not.toBeNull();
  });

  it('hands on the reason of a failure once and does not ask again', async () => {
    const thumbs = store();
    thumbs.want(wish('a'));
    await call('a').fail(new ApiError('broken', 'The file ends early.', 422));
    thumbs.want(wish('a'));
    expect(calls).toHaveLength(1);
    expect(delivered).toEqual([['a', { error: 'The file ends early.' }]]);
    expect(thumbs.peek('a')).toEqual({ error: 'The file ends early.' });
  });

  it('waits as long as a busy server asks, then tries again', async () => {
    vi.useFakeTimers();
    try {
      const thumbs = store();
      thumbs.want(wish('a'));
      const failed = call('a').fail(new ApiError('busy', 'Later.', 503, 3000));
      await vi.advanceTimersByTimeAsync(2900);
      await failed;
      expect(calls).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(200);
      expect(calls).toHaveLength(2);
      expect(delivered).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('stops while it is paused and goes on afterwards', () => {
    const thumbs = store();
    thumbs.want(wish('a', 'b'));
    thumbs.pause(true);
    expect(calls.every((one) => one.signal.aborted)).toBe(true);
    thumbs.want(wish('c'));
    expect(calls).toHaveLength(2);
    thumbs.pause(false);
    expect(calls.map((one) => one.id)).toEqual(['a', 'b', 'c']);
  });
});
