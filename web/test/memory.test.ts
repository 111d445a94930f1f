import { describe, expect, it } from 'vitest';
import { account_colour, ordered_accounts, Recorder, sorted_rows, stacked } from '../src/memory/ledger';
import { ledger } from './ledger';

function lengths(recorder: Recorder): number[] {
  return [...recorder.accounts.values(), recorder.resident_bytes, recorder.limit_bytes].map((list) => list.length);
}

describe('recorder', () => {
  it('keeps all series as long as the time axis, whenever accounts come and go', () => {
    const recorder = new Recorder();
    recorder.add(ledger(1, { tiles: 10 }));
    recorder.add(ledger(2, { tiles: 11, bitmaps: 5 }));
    recorder.add(ledger(3, { bitmaps: 6 }));
    expect(recorder.accounts.get('tiles')).toEqual([10, 11, 0]);
    expect(recorder.accounts.get('bitmaps')).toEqual([0, 5, 6]);
    expect(new Set(lengths(recorder))).toEqual(new Set([3]));
  });

  it('starts from the history of the server and goes on after it', () => {
    const recorder = new Recorder();
    const history = { interval_ms: 1000, times_ms: [10, 20], resident_bytes: [1, 2], accounts: { tiles: [7, 8], late: [9] } };
    recorder.add(ledger(20, { tiles: 8 }, { history }));
    recorder.add(ledger(30, { tiles: 9 }));
    expect(recorder.times_ms).toEqual([10, 20, 30]);
    expect(recorder.accounts.get('tiles')).toEqual([7, 8, 9]);
    expect(recorder.accounts.get('late')).toEqual([0, 9, 0]);
    expect(new Set(lengths(recorder))).toEqual(new Set([3]));
  });

  it('ignores snapshots that are not newer', () => {
    const recorder = new Recorder();
    recorder.add(ledger(5, { tiles: 1 }));
    recorder.add(ledger(5, { tiles: 2 }));
    recorder.add(ledger(4, { tiles: 3 }));
    expect(recorder.length).toBe(1);
  });

  it('holds six hundred points at most', () => {
    const recorder = new Recorder();
    for (let i = 1; i <= 700; i++) recorder.add(ledger(i, { tiles: i }));
    expect(recorder.times_ms[0]).toBe(101);
    expect(new Set(lengths(recorder))).toEqual(new Set([600]));
  });

  it('records devices by name', () => {
    const recorder = new Recorder();
    recorder.add(ledger(1, {}, { devices: [{ live_bytes: 4 }, { name: 'H200', live_bytes: 5 }] }));
    expect([...recorder.devices.entries()]).toEqual([['GPU 0', [4]], ['H200', [5]]]);
  });
});

describe('memory page', () => {
  it('stacks series from the bottom up', () => {
    expect(stacked([[1, 2], [10, 20], [100, 200]])).toEqual([[1, 2], [11, 22], [111, 222]]);
    expect(stacked([])).toEqual([]);
  });

  it('orders accounts the same way each time and colours them steadily', () => {
    expect(ordered_accounts(['zebra', 'scratch', 'alpha', 'tiles'])).toEqual(['tiles', 'scratch', 'alpha', 'zebra']);
    expect(account_colour('tiles')).not.toBe(account_colour('bitmaps'));
    expect(account_colour('something new')).toBe(account_colour('something new'));
  });

  it('sorts rows by a column and leaves ties alone', () => {
    const rows = [{ n: 1, s: 'a' }, { n: 3, s: 'b' }, { n: 1, s: 'c' }];
    expect(sorted_rows(rows, (row) => row.n, true).map((row) => row.s)).toEqual(['b', 'a', 'c']);
    expect(sorted_rows(rows, (row) => row.n, false).map((row) => row.s)).toEqual(['a', 'c', 'b']);
    expect(rows[0]!.s).toBe('a');
  });

  it('puts rows without a value last in both directions', () => {
    const rows = [null, 2, 1, null].map((n, i) => ({ n, i }));
    expect(sorted_rows(rows, (row) => row.n, true).map((row) => row.i)).toEqual([1, 2, 0, 3]);
    expect(sorted_rows(rows, (row) => row.n, false).map((row) => row.i)).toEqual([2, 1, 0, 3]);
  });
});
