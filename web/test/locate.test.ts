import { describe, expect, it } from 'vitest';
import type { ImageRecord, Scope } from '../src/api';
import { compare, locate, type Lister } from '../src/list/locate';

function record(i: number, dated = true): ImageRecord {
  const day = new Date(Date.UTC(2000, 0, 1) + i * 3600e3).toISOString().slice(0, 19);
  const path = `p${String((i * 7919) % 100003).padStart(6, '0')}.jpg`;
  return { id: path, path, width: 3, height: 2, date: dated ? day : null, error: null };
}

function library(n: number, scope: Pick<Scope, 'sort' | 'order'>): ImageRecord[] {
  return Array.from({ length: n }, (_, i) => record(i, i % 50 !== 0)).sort((a, b) => compare(a, b, scope));
}

function lister(records: ImageRecord[]): Lister & { asked: number } {
  const it = {
    total: records.length,
    asked: 0,
    list: (offset: number, limit: number) => {
      it.asked += 1;
      return Promise.resolve(records.slice(offset, offset + limit));
    },
  };
  return it;
}

const orders: Pick<Scope, 'sort' | 'order'>[] = [
  { sort: 'date', order: 'desc' },
  { sort: 'date', order: 'asc' },
  { sort: 'name', order: 'asc' },
  { sort: 'name', order: 'desc' },
];

describe('finding a picture in a listing', () => {
  it.each(orders)('needs few requests in a listing by %j', async (scope) => {
    const records = library(20_000, scope);
    for (const index of [0, 1, 9_999, 19_500, 19_999]) {
      const source = lister(records);
      expect(await locate(source, records[index]!, scope)).toBe(index);
      expect(source.asked).toBeLessThan(14);
    }
  });

  it('tries the hint first', async () => {
    const scope = orders[0]!;
    const records = library(20_000, scope);
    const source = lister(records);
    expect(await locate(source, records[5_100]!, scope, 5_000)).toBe(5_100);
    expect(source.asked).toBe(1);
  });

  it('walks through everything when the server orders otherwise', async () => {
    const records = library(5_000, orders[0]!).reverse();
    expect(await locate(lister(records), records[4_321]!, orders[0]!)).toBe(4_321);
  });

  it('gives up on a picture that is not there', async () => {
    const scope = orders[0]!;
    const missing = { id: 'no', path: 'no', date: '2001-01-01T00:00:00' };
    expect(await locate(lister(library(3_000, scope)), missing, scope)).toBe(-1);
    expect(await locate(lister([]), missing, scope)).toBe(-1);
  });
});
