// Justified rows for the whole listing, worked out once in O(n) from the
// aspect ratios alone. Only the rows are kept (start, top, height); where the
// pictures of a row stand is worked out again when the row is drawn.

export interface LayoutOptions {
  /** Inner width of the grid. */
  width_px: number;
  /** Row height aimed at; rows differ a little so that they fill the width. */
  row_height_px: number;
  gap_px: number;
}

export interface Layout {
  n_items: number;
  n_rows: number;
  /** First picture of each row; one more entry holds `n_items`. */
  row_start: Uint32Array;
  /** Upper edge of each row; one more entry holds `total_height_px`. */
  row_top_px: Float64Array;
  row_height_px: Float32Array;
  total_height_px: number;
  options: LayoutOptions;
}

export interface Box {
  left_px: number;
  width_px: number;
}

/** Shape given to a picture whose size is not known yet, and to broken files. */
const UNKNOWN_PERMILLE = 1333;
// Panoramas and tall scans are cropped in the grid: uncropped, one of them
// would make a row of its own, a few pixels high or several screens tall.
const NARROWEST_PERMILLE = 450;
const WIDEST_PERMILLE = 3200;
// Browsers stop at about 17 million pixels of scroll height, and compositors
// place with single precision well before that.
const TALLEST_GRID_PX = 8_000_000;

/** The aspect ratio a picture gets in the grid. */
export function grid_permille(permille: number): number {
  if (!permille) return UNKNOWN_PERMILLE;
  return Math.min(WIDEST_PERMILLE, Math.max(NARROWEST_PERMILLE, permille));
}

/**
 * The row height to aim at so that the grid stays scrollable: rows get smaller
 * when the listing is too long, because the total falls with the square.
 */
export function fitting_row_height(aspects: Uint16Array, options: LayoutOptions): number {
  let sum = 0;
  for (let i = 0; i < aspects.length; i++) sum += grid_permille(aspects[i]!) / 1000;
  const { row_height_px: row, width_px: width, gap_px: gap } = options;
  const total = (sum * row * (row + gap)) / Math.max(1, width);
  return total <= TALLEST_GRID_PX ? row : Math.max(24, row * Math.sqrt(TALLEST_GRID_PX / total));
}

export function lay_out(aspects: Uint16Array, options: LayoutOptions): Layout {
  const n = aspects.length;
  const { width_px: width, gap_px: gap } = options;
  const target = fitting_row_height(aspects, options);
  // A row holds at least one picture, so n bounds the number of rows.
  const starts = new Uint32Array(n + 1);
  const tops = new Float64Array(n + 1);
  const heights = new Float32Array(n);
  let rows = 0;
  let top = 0;
  let start = 0;
  while (start < n) {
    let end = start;
    let sum = 0;
    let height = Infinity;
    while (end < n) {
      const wider = sum + grid_permille(aspects[end]!) / 1000;
      const tighter = (width - gap * (end - start)) / wider;
      if (tighter <= target) {
        // The picture that closes the row: in or out, whichever is nearer.
        if (end === start || target - tighter <= height - target) {
          end += 1;
          height = tighter;
        }
        break;
      }
      sum = wider;
      height = tighter;
      end += 1;
    }
    // A last row that does not fill the width keeps the height aimed at.
    if (end === n && height > target) height = target;
    height = Math.max(1, Math.round(height));
    starts[rows] = start;
    tops[rows] = top;
    heights[rows] = height;
    rows += 1;
    top += height + gap;
    start = end;
  }
  const total = rows > 0 ? top - gap : 0;
  starts[rows] = n;
  tops[rows] = total;
  return {
    n_items: n,
    n_rows: rows,
    row_start: starts.slice(0, rows + 1),
    row_top_px: tops.slice(0, rows + 1),
    row_height_px: heights.slice(0, rows),
    total_height_px: total,
    options,
  };
}

/** The last index whose value is not above `value`; the array ascends. */
function last_not_above(values: ArrayLike<number>, n: number, value: number): number {
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (values[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The row at a height; positions outside are clamped. */
export function row_at(layout: Layout, y_px: number): number {
  return layout.n_rows === 0 ? 0 : last_not_above(layout.row_top_px, layout.n_rows, y_px);
}

export function row_of_item(layout: Layout, item: number): number {
  return layout.n_rows === 0 ? 0 : last_not_above(layout.row_start, layout.n_rows, item);
}

/** The rows from `first` up to, but not including, `end` that touch a span of heights. */
export function rows_between(layout: Layout, top_px: number, bottom_px: number): { first: number; end: number } {
  if (layout.n_rows === 0) return { first: 0, end: 0 };
  return { first: row_at(layout, top_px), end: row_at(layout, bottom_px) + 1 };
}

/** Where the pictures of a row stand; whole pixels, the last one ends at the edge. */
export function boxes_of_row(layout: Layout, aspects: Uint16Array, row: number): Box[] {
  const start = layout.row_start[row]!;
  const end = layout.row_start[row + 1]!;
  const height = layout.row_height_px[row]!;
  const { width_px: width, gap_px: gap } = layout.options;
  let sum = 0;
  for (let i = start; i < end; i++) sum += grid_permille(aspects[i]!) / 1000;
  const room = width - gap * (end - start - 1);
  // Heights are whole pixels, so a full row misses the edge by a little: spread that.
  const natural = sum * height;
  const fills = end < layout.n_items || natural > room || room - natural < (end - start) * 2;
  const scale = fills ? room / natural : 1;
  const boxes: Box[] = [];
  let x = 0;
  for (let i = start; i < end; i++) {
    const left = Math.round(x);
    x += (grid_permille(aspects[i]!) / 1000) * height * scale;
    boxes.push({ left_px: left, width_px: Math.max(1, Math.round(x) - left) });
    x += gap;
  }
  return boxes;
}

/** The picture of a row whose middle is nearest to `x_px`. */
export function item_near(layout: Layout, aspects: Uint16Array, row: number, x_px: number): number {
  const start = layout.row_start[row]!;
  let best = start;
  let distance = Infinity;
  boxes_of_row(layout, aspects, row).forEach((box, k) => {
    const away = Math.abs(box.left_px + box.width_px / 2 - x_px);
    if (away < distance) {
      distance = away;
      best = start + k;
    }
  });
  return best;
}

/** A scroll position that survives another width or a changed listing: a picture and how far down it. */
export interface Anchor {
  item: number;
  /** Share of the row's height that is above the viewport; negative when the row starts below its top. */
  fraction: number;
}

export function anchor_at(layout: Layout, scroll_px: number): Anchor {
  const row = row_at(layout, scroll_px);
  const height = layout.row_height_px[row] ?? 1;
  return {
    item: layout.row_start[row] ?? 0,
    fraction: (scroll_px - (layout.row_top_px[row] ?? 0)) / height,
  };
}

export function scroll_of_anchor(layout: Layout, anchor: Anchor): number {
  if (layout.n_rows === 0) return 0;
  const row = row_of_item(layout, Math.min(anchor.item, layout.n_items - 1));
  return layout.row_top_px[row]! + anchor.fraction * layout.row_height_px[row]!;
}
