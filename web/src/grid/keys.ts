// Which picture the arrow keys lead to.

import { boxes_of_row, item_near, row_at, row_of_item, type Layout } from './layout';

/**
 * The index a key moves to from `from`, or -1 when the key does not move.
 * `page_px` is the height that Page Up and Page Down move by.
 */
export function item_after_key(
  key: string,
  from: number,
  layout: Layout,
  aspects: Uint16Array,
  page_px: number,
): number {
  const last = layout.n_items - 1;
  if (last < 0) return -1;
  const row = row_of_item(layout, from);
  const vertically = (to_row: number): number => {
    const target = Math.min(layout.n_rows - 1, Math.max(0, to_row));
    if (target === row) return from;
    const box = boxes_of_row(layout, aspects, row)[from - layout.row_start[row]!]!;
    return item_near(layout, aspects, target, box.left_px + box.width_px / 2);
  };
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, from - 1);
    case 'ArrowRight':
      return Math.min(last, from + 1);
    case 'ArrowUp':
      return vertically(row - 1);
    case 'ArrowDown':
      return vertically(row + 1);
    case 'PageUp':
      return vertically(Math.min(row - 1, row_at(layout, layout.row_top_px[row]! - page_px)));
    case 'PageDown':
      return vertically(Math.max(row + 1, row_at(layout, layout.row_top_px[row]! + page_px)));
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return -1;
  }
}
