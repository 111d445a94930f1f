import { describe, expect, it } from 'vitest';
import { kind_of_status, reason_in, retry_after_ms } from '../src/api';
import {
  base_name,
  bytes_text,
  date_parts,
  date_text,
  duration_text,
  folder_of,
  location_text,
  megapixels_text,
  month_text,
  percent_text,
  plural,
} from '../src/format';
import { parse_prefs } from '../src/prefs';

describe('text for people', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1024 * 1024 - 1, '1.00 MiB'],
    [134217728, '128 MiB'],
    [12.3 * 1024 * 1024, '12.3 MiB'],
    [1.25 * 1024 ** 3, '1.25 GiB'],
    [-2048, '−2.00 KiB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(bytes_text(bytes)).toBe(text);
  });

  it('reads camera dates without shifting them to another zone', () => {
    expect(date_text('2024-05-01T23:59:00')).toBe('1 May 2024, 23:59');
    expect(date_text('2024-05-01T00:10:00Z')).toBe('1 May 2024, 00:10');
    expect(month_text('2019-12-31')).toBe('Dec 2019');
    expect(date_text(null)).toBe('');
    expect(date_parts('0000-00-00T00:00:00')).toBeNull();
    expect(date_parts('yesterday')).toBeNull();
  });

  it('names hemispheres', () => {
    expect(location_text(46.20441, 6.14321)).toBe('46.2044° N, 6.1432° E');
    expect(location_text(-33.8568, -151.2153)).toBe('33.8568° S, 151.2153° W');
  });

  it('writes zoom, sizes, counts and times', () => {
    expect(percent_text(0.0512)).toBe('5.1%');
    expect(percent_text(0.0999)).toBe('10%');
    expect(percent_text(1)).toBe('100%');
    expect(megapixels_text(8064, 6048)).toBe('49 MP');
    expect(megapixels_text(1600, 1200)).toBe('1.9 MP');
    expect(plural(1, 'picture')).toBe('1 picture');
    expect(plural(100000, 'picture')).toBe('100,000 pictures');
    expect(duration_text(65_000)).toBe('1 min 5 s');
    expect(duration_text(3_700_000)).toBe('1 h 1 min');
  });

  it('splits paths', () => {
    expect(base_name('a/b/c.jpg')).toBe('c.jpg');
    expect(folder_of('a/b/c.jpg')).toBe('a/b');
    expect(folder_of('c.jpg')).toBe('');
  });
});

describe('answers of the server', () => {
  it('finds the sentence for a person', () => {
    expect(reason_in('{"error":"No such picture."}', 404)).toBe('No such picture.');
    expect(reason_in('The file ends early.\n', 422)).toBe('The file ends early.');
    expect(reason_in('<html>…', 502)).toBe('The server answered with status 502.');
    expect(reason_in('{"error":', 500)).toBe('{"error":');
    expect(reason_in('', 500)).toBe('The server answered with status 500.');
  });

  it('tells failures apart', () => {
    expect(kind_of_status(401)).toBe('unauthorized');
    expect(kind_of_status(404)).toBe('missing');
    expect(kind_of_status(413)).toBe('refused');
    expect(kind_of_status(503)).toBe('busy');
    expect(kind_of_status(500)).toBe('broken');
  });

  it('reads Retry-After in seconds and bounds it', () => {
    expect(retry_after_ms('2')).toBe(2000);
    expect(retry_after_ms('86400')).toBe(60_000);
    expect(retry_after_ms('Wed, 21 Oct 2026 07:28:00 GMT')).toBe(0);
    expect(retry_after_ms(null)).toBe(0);
  });
});

describe('stored choices', () => {
  it('takes what it knows and defaults the rest', () => {
    const stored = parse_prefs('{"theme":"dark","row_size":"huge","details_open":true,"other":1}');
    expect(stored).toMatchObject({ theme: 'dark', row_size: 'medium', details_open: true, sort: 'date' });
    expect(stored).not.toHaveProperty('other');
  });

  it.each([null, '', 'nonsense', '[]', 'null', '42'])('defaults everything for %j', (text) => {
    expect(parse_prefs(text)).toEqual(parse_prefs('{}'));
  });
});
