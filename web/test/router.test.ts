import { describe, expect, it } from 'vitest';
import { DEFAULT_SCOPE, format_route, parse_route, same_scope, type Route } from '../src/router';

const routes: Route[] = [
  { view: 'grid', scope: DEFAULT_SCOPE },
  { view: 'memory' },
  { view: 'model', id: '' },
  { view: 'model', id: 'parts%2Fa%20b%25.stl' },
  { view: 'grid', scope: { folder: '2024/May trip', sort: 'date', order: 'desc' } },
  { view: 'grid', scope: { folder: '50% off?/#1 & more', sort: 'name', order: 'asc' } },
  { view: 'grid', scope: { folder: '', sort: 'name', order: 'desc' } },
  { view: 'grid', scope: { folder: 'a', sort: 'date', order: 'asc' } },
  { view: 'image', id: '2024%2Fa%20b%25.jpg', scope: { folder: '2024', sort: 'name', order: 'desc' } },
  { view: 'image', id: 'x.jpg', scope: DEFAULT_SCOPE },
  { view: 'image', id: 'bad%FFbyte.jpg', scope: { folder: 'ü/🦊', sort: 'date', order: 'desc' } },
];

describe('addresses', () => {
  it.each(routes)('reads back what it wrote: %j', (route) => {
    expect(parse_route(format_route(route))).toEqual(route);
  });

  it('leaves defaults out', () => {
    expect(format_route({ view: 'grid', scope: DEFAULT_SCOPE })).toBe('#/');
    expect(format_route({ view: 'image', id: 'a%2Fb.jpg', scope: DEFAULT_SCOPE })).toBe('#/image/a%2Fb.jpg');
    expect(format_route({ view: 'grid', scope: { folder: '2024/05', sort: 'name', order: 'asc' } })).toBe(
      '#/folder/2024/05?sort=name',
    );
  });

  it('takes identifiers as they are, and mends a slash that somebody decoded', () => {
    expect(parse_route('#/image/a%2Fb%25.jpg')).toMatchObject({ id: 'a%2Fb%25.jpg' });
    expect(parse_route('#/image/a/b.jpg')).toMatchObject({ id: 'a%2Fb.jpg' });
  });

  it.each(['', '#', '#/', '#/nothing', '#/image/', '#/folder/'])('shows the whole grid for %j', (hash) => {
    expect(parse_route(hash)).toEqual({ view: 'grid', scope: DEFAULT_SCOPE });
  });

  it('survives broken percent signs and unknown orders', () => {
    expect(parse_route('#/folder/100%')).toMatchObject({ scope: { folder: '100%' } });
    expect(parse_route('#/?sort=size&order=up')).toEqual({ view: 'grid', scope: DEFAULT_SCOPE });
  });

  it('compares scopes by content', () => {
    expect(same_scope(DEFAULT_SCOPE, { ...DEFAULT_SCOPE })).toBe(true);
    expect(same_scope(DEFAULT_SCOPE, { ...DEFAULT_SCOPE, order: 'asc' })).toBe(false);
  });
});
