import { describe, expect, it } from 'vitest';
import { item_after_key } from '../src/grid/keys';
import {
  anchor_at,
  boxes_of_row,
  grid_permille,
  lay_out,
  row_at,
  row_of_item,
  rows_between,
  scroll_of_anchor,
} from '../src/grid/layout';

const options = { width_px: 1200, row_height_px: 200, gap_px: 6 };

/** Shapes as a camera makes them, the same each time. */
function shapes(n: number): Uint16Array {
  const common = [1500, 1333, 667, 750, 1778, 1000, 3000, 0];
  return Uint16Array.from({ length: n }, (_, i) => common[(i * 7 + (i >> 3)) % common.length]!);
}

describe('layout of the grid', () => {
  it('puts every picture into exactly one row, in order', () => {
    const layout = lay_out(shapes(5000), options);
    expect(layout.row_start[0]).toBe(0);
    expect(layout.row_start[layout.n_rows]).toBe(5000);
    for (let row = 0; row < layout.n_rows; row++) {
      expect(layout.row_start[row + 1]).toBeGreaterThan(layout.row_start[row]!);
    }
  });

  it('fills the width of every row but the last to the pixel', () => {
    const aspects = shapes(3000);
    const layout = lay_out(aspects, options);
    for (let row = 0; row < layout.n_rows - 1; row++) {
      const boxes = boxes_of_row(layout, aspects, row);
      const last = boxes[boxes.length - 1]!;
      expect(boxes[0]!.left_px).toBe(0);
      expect(last.left_px + last.width_px).toBe(1200);
    }
  });

  it('leaves the gap between neighbours', () => {
    const aspects = shapes(400);
    const layout = lay_out(aspects, options);
    for (let row = 0; row < layout.n_rows; row++) {
      const boxes = boxes_of_row(layout, aspects, row);
      for (let k = 1; k < boxes.length; k++) {
        const gap = boxes[k]!.left_px - boxes[k - 1]!.left_px - boxes[k - 1]!.width_px;
        expect(Math.abs(gap - 6)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('keeps row heights near the height aimed at', () => {
    const layout = lay_out(shapes(5000), options);
    for (let row = 0; row < layout.n_rows - 1; row++) {
      expect(layout.row_height_px[row]).toBeGreaterThan(120);
      expect(layout.row_height_px[row]).toBeLessThan(340);
    }
  });

  it('does not distort pictures by more than rounding', () => {
    const aspects = shapes(3000);
    const layout = lay_out(aspects, options);
    for (let row = 0; row < layout.n_rows - 1; row++) {
      boxes_of_row(layout, aspects, row).forEach((box, k) => {
        const wanted = (grid_permille(aspects[layout.row_start[row]! + k]!) / 1000) * layout.row_height_px[row]!;
        expect(Math.abs(box.width_px - wanted)).toBeLessThan(wanted * 0.03 + 2);
      });
    }
  });

  it('does not stretch a last row that has few pictures', () => {
    const aspects = Uint16Array.of(1500, 1500);
    const layout = lay_out(aspects, options);
    expect(layout.n_rows).toBe(1);
    expect(layout.row_height_px[0]).toBe(200);
    expect(boxes_of_row(layout, aspects, 0)[1]!.width_px).toBe(300);
  });

  it('gives an empty listing no rows and no height', () => {
    const layout = lay_out(new Uint16Array(0), options);
    expect(layout.n_rows).toBe(0);
    expect(layout.total_height_px).toBe(0);
    expect(rows_between(layout, 0, 900)).toEqual({ first: 0, end: 0 });
    expect(anchor_at(layout, 0)).toEqual({ item: 0, fraction: 0 });
  });

  it('gives one very wide picture a row, cropped to the widest shape', () => {
    const layout = lay_out(Uint16Array.of(20000, 20000, 20000), { ...options, width_px: 300 });
    expect(layout.n_rows).toBe(3);
    expect(layout.row_height_px[0]).toBe(Math.round(300 / 3.2));
  });

  it('stays below the height browsers can scroll, for a million pictures on a narrow screen', () => {
    const layout = lay_out(shapes(1_000_000), { width_px: 380, row_height_px: 210, gap_px: 2 });
    expect(layout.total_height_px).toBeLessThan(16_000_000);
    expect(layout.row_start[layout.n_rows]).toBe(1_000_000);
  });

  it('finds rows by height and by picture', () => {
    const layout = lay_out(shapes(2000), options);
    for (const row of [0, 1, 57, layout.n_rows - 1]) {
      expect(row_at(layout, layout.row_top_px[row]!)).toBe(row);
      expect(row_at(layout, layout.row_top_px[row]! + layout.row_height_px[row]! - 1)).toBe(row);
      expect(row_of_item(layout, layout.row_start[row]!)).toBe(row);
      expect(row_of_item(layout, layout.row_start[row + 1]! - 1)).toBe(row);
    }
    expect(row_at(layout, -500)).toBe(0);
    expect(row_at(layout, 1e9)).toBe(layout.n_rows - 1);
  });

  it('names just the rows that touch the viewport', () => {
    const layout = lay_out(shapes(2000), options);
    const { first, end } = rows_between(layout, 10_000, 10_800);
    expect(layout.row_top_px[first]).toBeLessThanOrEqual(10_000);
    expect(layout.row_top_px[first + 1]).toBeGreaterThan(10_000);
    expect(layout.row_top_px[end - 1]).toBeLessThanOrEqual(10_800);
    expect(end - first).toBeLessThan(9);
  });

  it('keeps the picture on top in place when the width changes', () => {
    const aspects = shapes(20_000);
    const wide = lay_out(aspects, options);
    const narrow = lay_out(aspects, { ...options, width_px: 700 });
    const anchor = anchor_at(wide, 123_456);
    const there = anchor_at(narrow, scroll_of_anchor(narrow, anchor));
    expect(row_of_item(narrow, anchor.item)).toBe(row_of_item(narrow, there.item));
    expect(scroll_of_anchor(wide, anchor)).toBeCloseTo(123_456, 3);
  });
});

describe('keys in the grid', () => {
  const aspects = shapes(3000);
  const layout = lay_out(aspects, options);
  const after = (key: string, from: number) => item_after_key(key, from, layout, aspects, 700);

  it('moves sideways and stops at the ends', () => {
    expect(after('ArrowRight', 5)).toBe(6);
    expect(after('ArrowLeft', 0)).toBe(0);
    expect(after('ArrowRight', 2999)).toBe(2999);
    expect(after('Home', 1000)).toBe(0);
    expect(after('End', 0)).toBe(2999);
  });

  it('moves down to the picture underneath, in the next row', () => {
    for (const from of [0, 10, 777]) {
      const to = after('ArrowDown', from);
      const row = row_of_item(layout, from);
      expect(row_of_item(layout, to)).toBe(row + 1);
      const from_box = boxes_of_row(layout, aspects, row)[from - layout.row_start[row]!]!;
      const to_box = boxes_of_row(layout, aspects, row + 1)[to - layout.row_start[row + 1]!]!;
      const middle = from_box.left_px + from_box.width_px / 2;
      for (const other of boxes_of_row(layout, aspects, row + 1)) {
        const distance = Math.abs(other.left_px + other.width_px / 2 - middle);
        expect(distance).toBeGreaterThanOrEqual(Math.abs(to_box.left_px + to_box.width_px / 2 - middle));
      }
    }
  });

  it('moves by a screen, at least one row, and not past the ends', () => {
    const row = row_of_item(layout, 500);
    expect(row_of_item(layout, after('PageDown', 500))).toBeGreaterThan(row + 1);
    expect(row_of_item(layout, after('PageUp', 500))).toBeLessThan(row - 1);
    expect(row_of_item(layout, after('PageUp', 0))).toBe(0);
    expect(item_after_key('PageDown', 500, layout, aspects, 10)).not.toBe(500);
  });

  it('leaves other keys alone', () => {
    expect(after('x', 5)).toBe(-1);
  });
});
