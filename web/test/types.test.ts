import { describe, expect, it } from 'vitest';
import { csv_text } from '../src/memory/csv';
import { event_text, lanes_of } from '../src/memory/events';
import type { LedgerEvent, TypeRow } from '../src/memory/ledger';
import { nested } from '../src/memory/types_panel';

function row(change: Partial<TypeRow>): TypeRow {
  return { account: 'tiles', resource: 'host', type: 'tile', owner: 'cache', count: 2, live_bytes: 100, peak_bytes: 150, ...change };
}

describe('types as text', () => {
  const lines = (rows: TypeRow[]) => csv_text(rows, () => 0.25).split('\n');

  it('have a line each, in plain numbers, after the names of the columns', () => {
    const [head, first, end] = lines([row({ wasted_bytes: 7, growth_bytes_per_minute: -3.5, since_mark: { count: 1, live_bytes: 50 } })]);
    expect(head).toBe(
      'account,type,owner,resource,count,live_bytes,average_bytes,share,peak_bytes,wasted_bytes,growth_bytes_per_minute,since_mark_count,since_mark_bytes',
    );
    expect(first).toBe('tiles,tile,cache,host,2,100,50,0.250000,150,7,-3.5,1,50');
    expect(end).toBe('');
  });

  it('leave empty what a server does not say', () => {
    const { resource, ...old } = row({ count: 0, growth_bytes_per_minute: null });
    expect(lines([old])[1]).toBe('tiles,tile,cache,host,0,100,,0.250000,150,,,,');
  });

  it('quote what would break the line, and let no spreadsheet take a name for a formula', () => {
    const names = [row({ owner: 'a, "b"\nc' }), row({ owner: '=HYPERLINK("x")' }), row({ owner: '-1' })];
    const text = csv_text(names, () => 0);
    expect(text).toContain('tile,"a, ""b""\nc",host,2');
    expect(text).toContain(`tile,"'=HYPERLINK(""x"")",host,2`);
    expect(text).toContain(`tile,'-1,host,2`);
  });
});

describe('nested types', () => {
  const rows = [
    row({ growth_bytes_per_minute: 5, wasted_bytes: 1 }),
    row({ owner: 'other', live_bytes: 60, growth_bytes_per_minute: null, wasted_bytes: 2 }),
    row({ type: 'encoded', owner: '', live_bytes: 40, growth_bytes_per_minute: 6 }),
    row({ account: 'scratch', type: 'rows', resource: 'disk' }),
    row({ account: 'scratch', type: 'rows' }),
  ];

  it('lie below their accounts, those of each resource apart, and owners below types', () => {
    const tree = nested(rows);
    expect(tree.map((line) => line.name)).toEqual(['tiles', 'scratch (disk)', 'scratch']);
    expect(tree[0]!.below.map((line) => line.name)).toEqual(['tile', 'encoded']);
    expect(tree[0]!.below[0]!.below.map((line) => line.name)).toEqual(['cache', 'other']);
    expect(tree[2]!.below.map((line) => line.name)).toEqual(['rows · cache']);
    const ids = tree.flatMap((line) => [line, ...line.below, ...line.below.flatMap((type) => type.below)]).map((line) => line.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are summed up, but for peaks, which lie at different times', () => {
    const [tiles] = nested(rows);
    expect(tiles).toMatchObject({ count: 6, live_bytes: 200, wasted_bytes: 3, growth_bytes_per_minute: 11, since_mark: null });
    expect(tiles!.peak_bytes).toBeNaN();
  });
});

describe('events', () => {
  const event = (change: Partial<LedgerEvent>): LedgerEvent => ({
    time_ms: 1000,
    until_ms: 1000,
    kind: 'reclaimed',
    resource: 'host',
    account: 'tiles',
    count: 1,
    amount: 2 * 1024 * 1024,
    ...change,
  });

  it('are told in words', () => {
    expect(event_text(event({}))).toBe('2.00 MiB taken back from tiles');
    expect(event_text(event({ count: 12, until_ms: 5000 }))).toBe('2.00 MiB taken back from tiles, 12 times within 4 s');
    expect(event_text(event({ kind: 'refused', resource: 'disk', account: 'scratch' }))).toBe('2.00 MiB refused to scratch (disk)');
    expect(event_text(event({ kind: 'refused', resource: 'files', account: null, amount: 1 }))).toBe('1 open file refused');
    expect(event_text(event({ kind: 'limit', account: null }))).toBe('the limit is now 2.00 MiB');
    expect(event_text(event({ kind: 'pressure', account: null, amount: 0 }))).toBe('the system is short of memory');
    expect(event_text(event({ kind: 'pressure', account: null, amount: 1024 }))).toBe('the system is short of memory: 1.00 KiB of idle memory given back');
    expect(event_text(event({ kind: 'marked', account: null, amount: 3 }))).toBe('mark 3 was set');
  });

  it('of a kind that this page does not know are shown all the same', () => {
    expect(event_text(event({ kind: 'spilled' }))).toBe('tiles 2.00 MiB');
    expect(lanes_of(['zoomed', 'marked', 'refused', 'marked'].map((kind) => event({ kind })))).toEqual(['refused', 'marked', 'zoomed']);
  });
});
