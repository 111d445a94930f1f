// The address after `#` says what is shown: which folder in which order, which
// picture, which 3D model, or the memory page. Parsing and writing are pure, so that a copied
// address always opens the same view.

import type { Scope, SortKey, SortOrder } from './api';

export const DEFAULT_SCOPE: Scope = { folder: '', sort: 'date', order: 'desc' };

export type Route =
  | { view: 'grid'; scope: Scope }
  | { view: 'image'; id: string; scope: Scope }
  | { view: 'memory' }
  /** The list of 3D models where the identifier is empty. */
  | { view: 'model'; id: string };

/** The order a person expects first: newest first for dates, A first for names. */
export function natural_order(sort: SortKey): SortOrder {
  return sort === 'date' ? 'desc' : 'asc';
}

export function same_scope(a: Scope, b: Scope): boolean {
  return a.folder === b.folder && a.sort === b.sort && a.order === b.order;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encode_path(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function scope_from(query: URLSearchParams, folder: string): Scope {
  const sort: SortKey = query.get('sort') === 'name' ? 'name' : 'date';
  const asked = query.get('order');
  const order: SortOrder = asked === 'asc' || asked === 'desc' ? asked : natural_order(sort);
  return { folder, sort, order };
}

/** Reads `location.hash`; whatever is not understood is the grid of everything. */
export function parse_route(hash: string): Route {
  const text = hash.replace(/^#/, '');
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1));
  if (path === '/memory') return { view: 'memory' };
  if (path === '/models') return { view: 'model', id: '' };
  if (path.startsWith('/model/')) return { view: 'model', id: path.slice('/model/'.length).replaceAll('/', '%2F') };
  if (path.startsWith('/image/') && path.length > '/image/'.length) {
    // The identifier stays encoded: it stands in addresses as it is.
    const id = path.slice('/image/'.length).replaceAll('/', '%2F');
    return { view: 'image', id, scope: scope_from(query, query.get('in') ?? '') };
  }
  if (path.startsWith('/folder/')) {
    const folder = decode(path.slice('/folder/'.length)).replace(/^\/+|\/+$/g, '');
    return { view: 'grid', scope: scope_from(query, folder) };
  }
  return { view: 'grid', scope: scope_from(query, '') };
}

function sort_query(scope: Scope, query = new URLSearchParams()): string {
  if (scope.sort !== 'date') query.set('sort', scope.sort);
  if (scope.order !== natural_order(scope.sort)) query.set('order', scope.order);
  const text = query.toString();
  return text ? `?${text}` : '';
}

/** The hash of a route, with `#`; defaults are left out to keep addresses short. */
export function format_route(route: Route): string {
  switch (route.view) {
    case 'memory':
      return '#/memory';
    case 'model':
      return route.id ? `#/model/${route.id}` : '#/models';
    case 'grid': {
      const base = route.scope.folder ? `#/folder/${encode_path(route.scope.folder)}` : '#/';
      return base + sort_query(route.scope);
    }
    case 'image': {
      const query = new URLSearchParams();
      if (route.scope.folder) query.set('in', route.scope.folder);
      return `#/image/${route.id}${sort_query(route.scope, query)}`;
    }
  }
}
