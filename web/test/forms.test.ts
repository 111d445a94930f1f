// What a ledger becomes in other forms is the same wherever it is made:
// tests/data/ledger is held against the program and the Python package too.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { csv_text } from '../src/memory/csv';
import { rows_of, shares_of, sorted_rows, type Ledger } from '../src/memory/ledger';
import { parse_snapshot, snapshot_of, snapshot_text } from '../src/memory/snapshot';

const text_of = (name: string) => readFileSync(new URL(`../../tests/data/ledger/${name}`, import.meta.url), 'utf8');
const ledger = JSON.parse(text_of('ledger.json')) as Ledger;

describe('a ledger of the program', () => {
  it('makes the snapshot that the program and Python make of it', () => {
    const snapshot = snapshot_of(ledger);
    expect(JSON.parse(snapshot_text(snapshot))).toEqual(JSON.parse(text_of('snapshot.json')));
    expect(parse_snapshot(text_of('snapshot.json'))).toEqual(snapshot);
  });

  it('makes the lines that the program and Python make of it', () => {
    const rows = sorted_rows(rows_of(ledger), (row) => row.live_bytes, true);
    expect(csv_text(rows, shares_of(ledger))).toBe(text_of('ledger.csv'));
  });
});

describe('what is no snapshot elsewhere', () => {
  for (const text of JSON.parse(text_of('refused.json')) as string[]) {
    it(`is none here: ${text}`, () => {
      expect(() => parse_snapshot(text)).toThrow('snapshot');
    });
  }
});
