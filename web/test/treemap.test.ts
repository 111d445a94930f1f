import { describe, expect, it } from 'vitest';
import type { TypeRow } from '../src/memory/ledger';
import { fitted, HEAD_PX, holdings, Layout, neighbour, resources, type Rect } from '../src/memory/treemap_layout';
import { ledger } from './ledger';

function row(account: string, type: string, live_bytes: number, resource = 'host'): TypeRow {
  return { account, resource, type, owner: 'o', count: 1, live_bytes, peak_bytes: live_bytes };
}

const types = [row('catalog', 'listing', 100), row('tiles', 'tile', 600), row('tiles', 'encoded', 200), row('scratch', 'rows', 70, 'disk'), row('descriptors', 'open', 9, 'files')];
const process = { resident_bytes: 1, peak_resident_bytes: 1, unaccounted_bytes: 100 };
const split = { ...process, file_bytes: 60, allocator_bytes: null, unclassified_bytes: 40 };

describe('what is held', () => {
  it('is the accounts with their types, and what the ledger does not see in its parts', () => {
    const groups = holdings(ledger(1, {}, { types, process: split }), 'host');
    expect(groups.map((one) => [one.name, one.bytes, one.below.map((leaf) => leaf.name)])).toEqual([
      ['tiles', 800, ['tile · o', 'encoded · o']],
      ['catalog', 100, ['listing · o']],
      ['Not in the ledger', 100, ['mapped files', 'unclassified']],
    ]);
  });

  it('has one rest where a server does not split it', () => {
    const rest = holdings(ledger(1, {}, { types, process }), 'host').at(-1)!;
    expect(rest.below.map((leaf) => [leaf.name, leaf.bytes])).toEqual([['code, stacks, libraries, allocator', 100]]);
  });

  it('is of one resource at a time; files are not bytes', () => {
    const one = ledger(1, {}, { types, process: split });
    expect(resources(one)).toEqual(['host', 'disk']);
    expect(holdings(one, 'disk').map((group) => [group.name, group.bytes])).toEqual([['scratch', 70]]);
  });

  it('is on a device what its allocator and its driver tell of as well', () => {
    const texture = row('textures', 'texture', 500, 'device 3');
    const allocator = { allocated_bytes: 600, reserved_bytes: 800 };
    const device = { device: 3, live_bytes: 500, allocator, system: { total_bytes: 2000, free_bytes: 900, process_bytes: null } };
    const [textures, unseen] = holdings(ledger(1, {}, { types: [texture], process: split, devices: [device] }), 'device 3');
    expect([textures!.name, textures!.bytes]).toEqual(['textures', 500]);
    expect(unseen!.below.map((leaf) => [leaf.name, leaf.bytes])).toEqual([
      ["allocator's unused", 200],
      ['unclassified', 100],
      ['driver and other programs', 300],
    ]);
  });

  it('gathers the smallest types of an account that has many', () => {
    const many = Array.from({ length: 100 }, (_, i) => row('tiles', `t${i}`, 1000 - i));
    const [tiles] = holdings(ledger(1, {}, { types: many }), 'host');
    expect(tiles!.below).toHaveLength(24);
    expect(tiles!.below.at(-1)!.name).toBe('77 more types');
    expect(tiles!.below.reduce((sum, leaf) => sum + leaf.bytes, 0)).toBe(many.reduce((sum, one) => sum + one.live_bytes, 0));
  });
});

describe('the treemap', () => {
  const groups = holdings(ledger(1, {}, { types, process: split }), 'host');
  const leaves = (rects: Rect[]) => rects.filter((rect) => rect.is_leaf);
  const overlap = (a: Rect, b: Rect) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  it('gives each as much area as it holds, within the map, without overlap', () => {
    const rects = new Layout().rects(groups, 800, 400);
    const found = leaves(rects);
    for (const a of found) {
      expect(a.x >= 0 && a.y >= HEAD_PX && a.x + a.width <= 800 && a.y + a.height <= 400).toBe(true);
      for (const b of found) if (a !== b) expect(overlap(a, b)).toBe(false);
    }
    const area = (name: string) => found.filter((rect) => rect.name === name).reduce((sum, rect) => sum + rect.width * rect.height, 0);
    // Heads and gaps take their part.
    expect(area('tile · o') / area('encoded · o')).toBeGreaterThan(2.7);
    expect(area('tile · o') / area('encoded · o')).toBeLessThan(3.3);
    expect(rects.find((rect) => rect.name === 'encoded · o')!.group).toBe('tiles');
  });

  it('keeps the order of its rectangles while little moves, and divides anew when much has', () => {
    const layout = new Layout();
    const changed = (tile: number, encoded: number) =>
      holdings(ledger(1, {}, { types: [row('tiles', 'tile', tile), row('tiles', 'encoded', encoded), row('catalog', 'listing', 100)] }), 'host');
    const side = (rects: Rect[]) => {
      const of = (name: string) => rects.find((rect) => rect.name === name)!;
      return [of('tile · o'), of('encoded · o')].map((rect) => rect.x + rect.y);
    };
    const [tile, encoded] = side(layout.rects(changed(410, 390), 800, 400));
    expect(tile).toBeLessThan(encoded!);
    const [tile_later, encoded_later] = side(layout.rects(changed(390, 410), 800, 400));
    expect(tile_later).toBeLessThan(encoded_later!);
    const [tile_at_last, encoded_at_last] = side(layout.rects(changed(100, 700), 800, 400));
    expect(tile_at_last).toBeGreaterThan(encoded_at_last!);
  });

  it('is empty where nothing is held or there is no room', () => {
    expect(new Layout().rects([], 800, 400)).toEqual([]);
    expect(new Layout().rects(groups, 0, 400)).toEqual([]);
  });

  it('cuts labels to what fits', () => {
    const measure = (text: string) => text.length * 10;
    expect(fitted('encoded tile', 120, measure)).toBe('encoded tile');
    expect(fitted('encoded tile', 100, measure)).toBe('encoded t…');
    expect(fitted('encoded tile', 90, measure)).toBe('encoded…');
    expect(fitted('encoded tile', 30, measure)).toBe('');
  });

  it('is walked by arrow keys, to the nearest in that direction', () => {
    const box = (x: number, y: number) => ({ x, y, width: 10, height: 10 });
    const boxes = [box(0, 0), box(20, 0), box(0, 20), box(21, 22)];
    expect(neighbour(boxes, 0, 1, 0)).toBe(1);
    expect(neighbour(boxes, 0, 0, 1)).toBe(2);
    expect(neighbour(boxes, 3, -1, 0)).toBe(2);
    expect(neighbour(boxes, 3, 0, -1)).toBe(1);
    expect(neighbour(boxes, 0, -1, 0)).toBe(-1);
  });
});
