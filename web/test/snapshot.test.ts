import { describe, expect, it } from 'vitest';
import type { TypeRow } from '../src/memory/ledger';
import { diff, host_bytes, parse_snapshot, resource_in, snapshot_of, snapshot_text, type Snapshot } from '../src/memory/snapshot';
import { ledger } from './ledger';

function row(account: string, type: string, owner: string, count: number, live_bytes: number, resource?: string): TypeRow {
  return { account, type, owner, count, live_bytes, peak_bytes: live_bytes, ...(resource ? { resource } : {}) };
}

function snapshot(time_s: number, types: Record<string, [number, number]>): Snapshot {
  return { time_s, types: new Map(Object.entries(types).map(([name, [count, bytes]]) => [name, { count, bytes }])) };
}

describe('snapshots', () => {
  it('name each type, with its resource where that is not host memory', () => {
    const types = [row('tiles', 'tile', 'cache', 2, 20, 'host'), row('scratch', 'rows', 'cache', 1, 7, 'disk'), row('pool', 'tensor', 'p', 1, 5, 'device 0')];
    expect(JSON.parse(snapshot_text(snapshot_of(ledger(1500, {}, { types }))))).toEqual({
      form: 1,
      time_s: 1.5,
      types: { 'tiles/tile of cache': [2, 20], 'scratch/rows of cache (disk)': [1, 7], 'pool/tensor of p (device 0)': [1, 5] },
    });
  });

  it('leave out what is not held any more, and add up what has one name', () => {
    const types = [row('tiles', 'tile', 'a', 0, 0), row('tiles', 'tile', 'b', 1, 2), row('tiles', 'tile', 'b', 2, 3)];
    expect([...snapshot_of(ledger(1, {}, { types })).types]).toEqual([['tiles/tile of b', { count: 3, bytes: 5 }]]);
  });

  it('come back from their text as they were', () => {
    const one = snapshot(1700000000.25, { 'tiles/tile of cache': [3, 4096] });
    one.types.set('__proto__', { count: 9, bytes: 8 });
    expect(parse_snapshot(snapshot_text(one))).toEqual(one);
  });

  it('of another form are told as such', () => {
    expect(() => parse_snapshot('{"form": 2, "time_s": 1, "types": {}}')).toThrow('form 2; form 1 is understood');
  });

  const nonsense = ['', 'x', '[]', 'null', '3', '{}', '{"form":1}', '{"form":1,"time_s":"1","types":{}}', '{"form":1,"time_s":1,"types":[]}'];
  const bad_figures = ['7', '[1]', '[1,2,3]', '[1,"2"]', '[1,null]', '[1e999,2]'];
  for (const text of [...nonsense, ...bad_figures.map((figures) => `{"form":1,"time_s":1,"types":{"a":${figures}}}`)]) {
    it(`refuse ${text || 'an empty file'}`, () => {
      expect(() => parse_snapshot(text)).toThrow('no snapshot');
    });
  }
});

describe('the difference', () => {
  const before = snapshot(100, { shrinks: [5, 500], stays: [1, 10], goes: [1, 50], 'x of y (files)': [2, 2] });
  const after = snapshot(130, { shrinks: [4, 300], stays: [1, 10], comes: [2, 90], 'x of y (files)': [4, 4] });

  it('has the largest growth first, and what did not change not at all', () => {
    const { rows, seconds } = diff(before, after);
    expect(seconds).toBe(30);
    expect(rows.map((one) => [one.name, one.count, one.bytes])).toEqual([
      ['comes', 2, 90],
      ['x of y (files)', 2, 2],
      ['goes', -1, -50],
      ['shrinks', -1, -200],
    ]);
  });

  it('tells bytes a minute, also back in time, and none where no time has passed', () => {
    expect(diff(before, after).rows[0]!.bytes_per_minute).toBe(180);
    expect(diff(after, before).rows.find((one) => one.name === 'comes')!.bytes_per_minute).toBe(180);
    expect(diff(before, { ...after, time_s: 100 }).rows[0]!.bytes_per_minute).toBeNull();
  });

  it('counts host memory apart from files, disks and devices', () => {
    expect(['a of b', 'a of b (disk)', 'a of b (device 12)', 'a of b (files)', 'a of (disk) b'].map(resource_in)).toEqual(['host', 'disk', 'device 12', 'files', 'host']);
    expect(host_bytes(diff(before, after).rows)).toBe(90 - 50 - 200);
  });
});
