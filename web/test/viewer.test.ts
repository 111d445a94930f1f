import { describe, expect, it } from 'vitest';
import { date_near, sample_indexes, thin_marks, year_marks } from '../src/grid/timeline';
import { crumbs_of, folder_tree } from '../src/shell/folders';
import { by_group } from '../src/viewer/details';
import { count_bins, scaled } from '../src/viewer/histogram';
import { fit_scale, is_sideways, scale_of_zoom, swipe_of, zoom_of_scale } from '../src/viewer/zoom';

describe('scales of the viewer', () => {
  const stage = { width: 1000, height: 500 };

  it('fits by the tighter side, also when turned', () => {
    expect(fit_scale({ width: 4000, height: 1000 }, stage, 0, 1)).toBe(0.25);
    expect(fit_scale({ width: 4000, height: 1000 }, stage, 90, 1)).toBe(0.125);
    expect(fit_scale({ width: 4000, height: 1000 }, stage, -180, 1)).toBe(0.25);
  });

  it('never blows a small picture up beyond its pixels', () => {
    expect(fit_scale({ width: 100, height: 80 }, stage, 0, 1)).toBe(1);
    expect(fit_scale({ width: 100, height: 80 }, stage, 0, 2)).toBe(0.5);
  });

  it('turns scale into zoom and back', () => {
    const zoom = zoom_of_scale(0.5, 6000, 1200);
    expect(zoom).toBe(2.5);
    expect(scale_of_zoom(zoom, 6000, 1200)).toBe(0.5);
  });

  it('knows which turns lie on the side', () => {
    expect([0, 90, 180, 270, -90, 450].map(is_sideways)).toEqual([false, true, false, true, true, true]);
  });

  it('reads swipes, and nothing into a wobble', () => {
    expect(swipe_of(-160, 20, stage)).toBe('next');
    expect(swipe_of(160, -20, stage)).toBe('previous');
    expect(swipe_of(10, 140, stage)).toBe('close');
    expect(swipe_of(0, -140, stage)).toBeNull();
    expect(swipe_of(-40, 10, stage)).toBeNull();
    expect(swipe_of(-120, 115, stage)).toBeNull();
  });
});

describe('details', () => {
  it('groups entries in the order they come', () => {
    const entry = (group: string, name: string) => ({ group, name, value: '' });
    const groups = by_group([entry('Camera', 'Make'), entry('Lens', 'Lens'), entry('Camera', 'Model')]);
    expect([...groups.keys()]).toEqual(['Camera', 'Lens']);
    expect(groups.get('Camera')!.map((one) => one.name)).toEqual(['Make', 'Model']);
  });

  it('counts pixels by channel and scales curves to one', () => {
    const bins = count_bins(Uint8ClampedArray.of(0, 128, 255, 255, 0, 130, 254, 255));
    expect([bins[0][0], bins[1][64], bins[1][65], bins[2][127]]).toEqual([2, 1, 1, 2]);
    expect(Math.max(...scaled(bins).flat())).toBe(1);
  });
});

describe('folders', () => {
  const folder = (path: string, count: number) => ({ path, name: path.slice(path.lastIndexOf('/') + 1), count });

  it('makes a tree, also where a folder between is missing', () => {
    const root = folder_tree([{ path: '', name: 'Photos', count: 9 }, folder('a', 5), folder('a/b', 2), folder('c/d/e', 4)]);
    expect(root).toMatchObject({ name: 'Photos', count: 9 });
    expect(root.children.map((node) => node.path)).toEqual(['a', 'c/d/e']);
    expect(root.children[0]!.children.map((node) => node.name)).toEqual(['b']);
  });

  it('names the way to a folder', () => {
    expect(crumbs_of('a/b c')).toEqual([{ path: 'a', name: 'a' }, { path: 'a/b c', name: 'b c' }]);
    expect(crumbs_of('')).toEqual([]);
  });
});

describe('dates along the listing', () => {
  const samples = [
    { index: 0, date: '2024-06-01' },
    { index: 50, date: '2024-01-01' },
    { index: 100, date: '2023-05-01' },
    { index: 150, date: '2021-05-01' },
    { index: 199, date: null },
  ];

  it('samples evenly with both ends, each index once', () => {
    expect(sample_indexes(101, 5)).toEqual([0, 25, 50, 75, 100]);
    expect(sample_indexes(3, 40)).toEqual([0, 1, 2]);
    expect(sample_indexes(0, 40)).toEqual([]);
    expect(sample_indexes(1, 40)).toEqual([0]);
  });

  it('marks where years begin and thins marks that crowd', () => {
    const marks = year_marks(samples, 201);
    expect(marks.map((mark) => mark.year)).toEqual([2024, 2023, 2021]);
    expect(marks[1]!.share).toBeCloseTo(75 / 200);
    expect(thin_marks(marks, 0.3).map((mark) => mark.year)).toEqual([2024, 2023]);
  });

  it('takes the nearest sample', () => {
    expect(date_near(samples, 60)).toBe('2024-01-01');
    expect(date_near(samples, 198)).toBeNull();
    expect(date_near([], 5)).toBeNull();
  });
});
