// Who holds what, as a tree, and where its rectangles lie.

import { hierarchy, treemap, treemapResquarify, type HierarchyNode, type HierarchyRectangularNode } from 'd3-hierarchy';
import { account_colour, beside_the_books, ordered_accounts, resource_of, type Ledger } from './ledger';

export interface Holding {
  id: string;
  name: string;
  bytes: number;
  /** Whose colour it has; null for what no account holds. */
  account: string | null;
  below: Holding[];
}

export interface Rect {
  id: string;
  name: string;
  /** The group it lies in; empty for the groups themselves. */
  group: string;
  bytes: number;
  account: string | null;
  is_leaf: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Rectangles of an account at most; the smallest share one beyond that. */
const MOST_LEAVES = 24;
export const HEAD_PX = 19;
const GAP_PX = 2;

/** What of a resource is held by which account and type, and what is held beside the books. */
export function holdings(ledger: Ledger, resource: string): Holding[] {
  const rows = ledger.types.filter((row) => resource_of(row) === resource && row.live_bytes > 0);
  const groups = ordered_accounts(new Set(rows.map((row) => row.account))).map((account): Holding => {
    const leaves = rows
      .filter((row) => row.account === account)
      .map((row): Holding => {
        const name = row.owner ? `${row.type} · ${row.owner}` : row.type;
        return { id: JSON.stringify([account, row.type, row.owner]), name, bytes: row.live_bytes, account, below: [] };
      })
      .sort((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1));
    const rest = leaves.length > MOST_LEAVES ? leaves.splice(MOST_LEAVES - 1) : [];
    if (rest.length > 0) leaves.push({ ...group(JSON.stringify([account]), `${rest.length} more types`, account, rest), below: [] });
    return group(account, account, account, leaves);
  });
  const unseen = beside_the_books(ledger)
    .filter((part) => part.resource === resource)
    .map(({ name, bytes }): Holding => ({ id: `/${name}`, name, bytes, account: null, below: [] }));
  return unseen.length > 0 ? [...groups, group('/', 'Not in the ledger', null, unseen)] : groups;
}

function group(id: string, name: string, account: string | null, below: Holding[]): Holding {
  return { id, name, account, below, bytes: below.reduce((sum, one) => sum + one.bytes, 0) };
}

/** Resources of which something is held, and which have bytes. */
export function resources(ledger: Ledger): string[] {
  const held = ledger.types.filter((row) => row.live_bytes > 0).map(resource_of);
  return [...new Set(['host', ...held.sort()])].filter((resource) => resource !== 'files');
}

export function colour_of(account: string | null): string {
  return account === null ? '--text-3' : account_colour(account);
}

/** Moves little from one second to the next: rows stay as they were divided until too much has changed. */
export class Layout {
  #root: HierarchyNode<Holding> | null = null;
  #plan = '';
  #shares = new Map<string, number>();

  rects(groups: Holding[], width: number, height: number): Rect[] {
    const root: Holding = group('', '', null, groups);
    if (root.bytes === 0 || width <= 0 || height <= 0) return [];
    const leaves = groups.flatMap((one) => one.below);
    const plan = [width, height, ...leaves.map((leaf) => leaf.id)].sort().join('\n');
    if (!this.#root || plan !== this.#plan || this.#moved(leaves, root.bytes) > 0.1) {
      this.#plan = plan;
      this.#shares = new Map(leaves.map((leaf) => [leaf.id, leaf.bytes / root.bytes]));
      this.#root = hierarchy(root, (node) => node.below);
      this.#root.sum((node) => (node.below.length > 0 ? 0 : node.bytes)).sort((a, b) => b.value! - a.value!);
    } else {
      const now = new Map(leaves.map((leaf) => [leaf.id, leaf.bytes]));
      this.#root.sum((node) => (node.below.length > 0 ? 0 : now.get(node.id)!));
    }
    const place = treemap<Holding>()
      .tile(treemapResquarify)
      .size([width, height])
      .round(true)
      .paddingInner(GAP_PX)
      .paddingTop((node) => (node.depth === 1 ? HEAD_PX : 0));
    const out: Rect[] = [];
    for (const node of place(this.#root).descendants()) if (node.depth > 0) out.push(rect_of(node));
    return out;
  }

  /** How much of the whole has changed hands since it was divided. */
  #moved(leaves: Holding[], total: number): number {
    let moved = 0;
    for (const leaf of leaves) moved += Math.abs(leaf.bytes / total - (this.#shares.get(leaf.id) ?? 0));
    return moved / 2;
  }
}

function rect_of(node: HierarchyRectangularNode<Holding>): Rect {
  const { id, name, account, below } = node.data;
  return {
    id,
    name,
    group: node.depth > 1 ? (node.parent?.data.name ?? '') : '',
    bytes: node.value ?? 0,
    account,
    is_leaf: below.length === 0,
    x: node.x0,
    y: node.y0,
    width: Math.max(0, node.x1 - node.x0),
    height: Math.max(0, node.y1 - node.y0),
  };
}

/** As much of a text as fits, with an ellipsis where it is cut; nothing where that would be less than three letters. */
export function fitted(text: string, room_px: number, measure: (text: string) => number): string {
  if (measure(text) <= room_px) return text;
  let fits = 0;
  let too_long = text.length;
  while (too_long - fits > 1) {
    const middle = (fits + too_long) >> 1;
    if (measure(`${text.slice(0, middle)}…`) <= room_px) fits = middle;
    else too_long = middle;
  }
  return fits < 3 ? '' : `${text.slice(0, fits).trimEnd()}…`;
}

type Box = Pick<Rect, 'x' | 'y' | 'width' | 'height'>;

/** The nearest box in the direction of an arrow key, by the middles; -1 where there is none. */
export function neighbour(boxes: Box[], from: number, dx: number, dy: number): number {
  const middle = (box: Box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  const start = middle(boxes[from]!);
  let best = -1;
  let least = Infinity;
  boxes.forEach((box, i) => {
    const { x, y } = middle(box);
    const ahead = (x - start.x) * dx + (y - start.y) * dy;
    if (i === from || ahead <= 0) return;
    // What lies aside counts double: an arrow should lead along its row or column.
    const cost = ahead + 2 * Math.abs((x - start.x) * dy + (y - start.y) * dx);
    if (cost < least) [best, least] = [i, cost];
  });
  return best;
}
