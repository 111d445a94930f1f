import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LedgerFeed, Pace } from '../src/memory/feed';
import { ledger } from './ledger';

describe('pace of the small meter', () => {
  it('looks again soon after the first look, and while the figure moves', () => {
    const pace = new Pace(8000);
    pace.saw(1751);
    expect(pace.interval_ms).toBe(1000);
    pace.saw(59_000_000);
    expect(pace.interval_ms).toBe(1000);
    for (const later of [2000, 4000, 8000, 8000]) {
      pace.saw(59_000_000);
      expect(pace.interval_ms).toBe(later);
    }
    pace.saw(40_000_000);
    expect(pace.interval_ms).toBe(1000);
  });

  it('does not count a tremble as movement', () => {
    const pace = new Pace(8000);
    pace.saw(1_000_000);
    pace.saw(1_004_000);
    expect(pace.interval_ms).toBe(2000);
  });
});

describe('feed', () => {
  const asked: string[] = [];
  let live_bytes = 0;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { hidden: false, addEventListener: () => undefined });
    vi.stubGlobal('fetch', (url: string) => {
      asked.push(url);
      const one = ledger(asked.length, {});
      return Promise.resolve(new Response(JSON.stringify({ ...one, host: { ...one.host, live_bytes } })));
    });
    asked.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('follows the shortest interval that is asked for, and history is asked for once', async () => {
    const feed = new LedgerFeed();
    const pace = new Pace(5000);
    feed.subscribe((one) => pace.saw(one.host.live_bytes), () => pace.interval_ms, false);
    await vi.advanceTimersByTimeAsync(60_000);
    // At 0, 1, 3, 7 and every five seconds from then on.
    expect(asked).toHaveLength(14);
    asked.length = 0;
    const leave = feed.subscribe(() => undefined, 1000, true);
    await vi.advanceTimersByTimeAsync(9500);
    expect(asked).toHaveLength(10);
    expect(asked.filter((url) => url === '/api/ledger')).toEqual([asked[0]]);
    asked.length = 0;
    leave();
    await vi.advanceTimersByTimeAsync(20_500);
    // At once, and every five seconds.
    expect(asked).toHaveLength(5);
    live_bytes = 1e6;
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(9000);
    // The figure moves between two looks: the next are one and two seconds later.
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  it('asks at once when told to', async () => {
    const feed = new LedgerFeed();
    feed.subscribe(() => undefined, 5000, false);
    await vi.advanceTimersByTimeAsync(100);
    feed.look_now();
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toHaveLength(2);
  });
});
