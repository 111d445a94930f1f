// Finds where a picture stands in a listing when only its identifier is known,
// as after opening an address that someone sent. The server has no look-up by
// identifier, so the order itself is used: a bisection over single records, and
// only if the order turns out otherwise, a walk through all of them.

import type { ImageRecord, Scope } from '../api';

export interface Lister {
  total: number;
  /** Up to `limit` records from `offset` on. */
  list(offset: number, limit: number): Promise<ImageRecord[]>;
}

export interface Target {
  id: string;
  path: string;
  date: string | null;
}

/** Negative when `a` comes before `b`; undated pictures stand last in both orders. */
export function compare(a: Omit<Target, 'id'>, b: Omit<Target, 'id'>, scope: Pick<Scope, 'sort' | 'order'>): number {
  const by_path = a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
  const sign = scope.order === 'desc' ? -1 : 1;
  if (scope.sort === 'name') return sign * by_path;
  if (a.date === b.date) return by_path;
  if (a.date === null) return 1;
  if (b.date === null) return -1;
  return sign * (a.date < b.date ? -1 : 1);
}

const WINDOW = 400;
const STRIDE = 2000;

export async function locate(
  lister: Lister,
  target: Target,
  scope: Pick<Scope, 'sort' | 'order'>,
  hint = -1,
): Promise<number> {
  const look = async (middle: number, size: number): Promise<number> => {
    const offset = Math.max(0, middle - Math.floor(size / 2));
    const records = await lister.list(offset, size);
    const k = records.findIndex((record) => record.id === target.id);
    return k < 0 ? -1 : offset + k;
  };
  if (lister.total === 0) return -1;
  if (hint >= 0) {
    const found = await look(hint, WINDOW);
    if (found >= 0) return found;
  }
  let low = 0;
  let high = lister.total;
  while (high - low > WINDOW / 2) {
    const middle = (low + high) >> 1;
    const [record] = await lister.list(middle, 1);
    if (!record) break;
    if (record.id === target.id) return middle;
    if (compare(record, target, scope) < 0) low = middle + 1;
    else high = middle;
  }
  const found = await look((low + high) >> 1, WINDOW);
  if (found >= 0) return found;
  for (let offset = 0; offset < lister.total; offset += STRIDE) {
    const records = await lister.list(offset, STRIDE);
    const k = records.findIndex((record) => record.id === target.id);
    if (k >= 0) return offset + k;
    if (records.length === 0) break;
  }
  return -1;
}
