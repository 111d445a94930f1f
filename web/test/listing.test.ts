import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Listing } from '../src/list/listing';
import { DEFAULT_SCOPE } from '../src/router';

let files: string[];
let revision: number;
let asked: string[];
let held: (() => void)[] | null;

/** Answers like the server over `files`; while `held` is a list, answers wait in it. */
function answer(url: string, init?: RequestInit): Promise<Response> {
  asked.push(url);
  const { pathname, searchParams } = new URL(url, 'http://host');
  const offset = Number(searchParams.get('offset'));
  const limit = Number(searchParams.get('limit'));
  const images = files.slice(offset, offset + limit).map((id) => ({ id, path: id, width: 3, height: 2, date: null, error: null }));
  const scan = { state: 'done', found: files.length, indexed: files.length };
  const body =
    pathname === '/api/aspects'
      ? { revision, total: files.length, aspects_permille: files.map(() => 1500) }
      : { total: files.length, offset, scan, revision, images };
  return new Promise((resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    const give = () => resolve(Response.json(body));
    if (held) held.push(give);
    else give();
  });
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

beforeEach(() => {
  files = Array.from({ length: 1000 }, (_, i) => `f${i}`);
  revision = 1;
  asked = [];
  held = null;
  vi.stubGlobal('fetch', answer);
});

afterEach(() => vi.unstubAllGlobals());

describe('listing', () => {
  it('knows all shapes and the first records after loading', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    expect(listing.total).toBe(1000);
    expect(listing.aspects).toHaveLength(1000);
    expect(listing.record(199)?.id).toBe('f199');
    expect(listing.record(200)).toBeUndefined();
  });

  it('fetches the pages in view once and says when they are there', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    const arrived: number[][] = [];
    listing.on_records = (first, end) => arrived.push([first, end]);
    asked = [];
    listing.want(390, 410);
    listing.want(395, 415);
    await settled();
    expect(asked).toHaveLength(2);
    expect(arrived).toEqual([[200, 400], [400, 600]]);
    expect(listing.record(410)?.id).toBe('f410');
  });

  it('aborts pages that scrolled out of view', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    const failure = vi.fn();
    listing.on_failure = failure;
    held = [];
    listing.want(200, 300);
    listing.want(800, 900);
    const waiting = held;
    held = null;
    for (const give of waiting) give();
    await settled();
    expect(listing.record(250)).toBeUndefined();
    expect(listing.record(850)?.id).toBe('f850');
    expect(failure).not.toHaveBeenCalled();
  });

  it('shares one request between those who ask for the same record', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    asked = [];
    const [a, b] = await Promise.all([listing.fetch_record(650), listing.fetch_record(651)]);
    expect([a?.id, b?.id]).toEqual(['f650', 'f651']);
    expect(asked).toHaveLength(1);
    expect(await listing.fetch_record(1000)).toBeUndefined();
  });

  it('finds what was in view again after new pictures came before it', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    listing.want(400, 420);
    await settled();
    files = [...Array.from({ length: 37 }, (_, i) => `new${i}`), ...files];
    revision = 2;
    const { kept_index } = await listing.refresh({ id: 'f410', near: 410 });
    expect(kept_index).toBe(447);
    expect(listing.total).toBe(1037);
    expect(listing.revision).toBe(2);
    expect(listing.record(447)?.id).toBe('f410');
    expect(listing.record(0)?.id).toBe('new0');
  });

  it('says so when what was in view is gone', async () => {
    const listing = new Listing(DEFAULT_SCOPE);
    await listing.load();
    files = files.filter((id) => id !== 'f5');
    expect((await listing.refresh({ id: 'f5', near: 5 })).kept_index).toBe(-1);
  });
});
