// What the tests know of the served folder, asked from the server itself, so
// that they run over any folder with a large picture and a broken file in it.

import { expect, test as base, type APIRequestContext, type Page } from '@playwright/test';
import type { ImagePage, ImageRecord } from '../src/api';

export interface Library {
  total: number;
  /** The newest pictures, in the order of the grid; 2,000 at most. */
  newest: ImageRecord[];
  largest: ImageRecord;
  broken: ImageRecord;
}

async function page_of(request: APIRequestContext, query: string): Promise<ImagePage> {
  const response = await request.get(`/api/images?${query}`);
  expect(response.ok()).toBe(true);
  return (await response.json()) as ImagePage;
}

async function read_library(request: APIRequestContext): Promise<Library> {
  await expect
    .poll(async () => (await page_of(request, 'limit=1')).scan.state, { timeout: 100_000 })
    .toBe('done');
  const page = await page_of(request, 'offset=0&limit=2000&sort=date&order=desc');
  const newest = page.images;
  let largest: ImageRecord | undefined;
  let broken: ImageRecord | undefined;
  const pixels = (record: ImageRecord) => (record.width ?? 0) * (record.height ?? 0);
  for (const record of newest) {
    if (!largest || pixels(record) > pixels(largest)) largest = record;
    if (record.error && !broken) broken = record;
  }
  if (!largest || pixels(largest) < 1_000_000) throw new Error('The served folder needs a large picture for these tests.');
  if (!broken) throw new Error('The served folder needs a broken file for these tests.');
  return { total: page.total, newest, largest, broken };
}

export const test = base.extend<{ complaints: string[] }, { library: Library }>({
  library: [
    async ({ playwright }, use, info) => {
      const context = await playwright.request.newContext({ baseURL: info.project.use.baseURL ?? '' });
      const library = await read_library(context);
      await context.dispose();
      await use(library);
    },
    { scope: 'worker' },
  ],
  /** Errors of the page; each test fails on any that it did not expect. */
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        const text = message.text();
        if (/Content Security Policy/.test(text)) complaints.push(text);
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function open_grid(page: Page, hash = '#/'): Promise<void> {
  await page.goto(`/${hash}`);
  await expect(page.locator('.cell-link[data-id]').first()).toBeVisible();
}

export async function open_image(page: Page, record: ImageRecord): Promise<void> {
  await page.goto(`/#/image/${record.id}`);
  await expect(page.locator('.viewer')).toHaveAttribute('data-image-id', record.id);
}

/** A number that the viewer tells in its data attributes. */
export async function viewer_number(page: Page, name: string): Promise<number> {
  return Number(await page.locator('.viewer').getAttribute(`data-${name}`));
}

export async function expect_drawn(page: Page): Promise<void> {
  await expect.poll(() => viewer_number(page, 'tiles'), { timeout: 60_000 }).toBeGreaterThan(0);
}

/** How opaque the middle of the viewer's canvas is, 0 to 255. */
export async function middle_alpha(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.viewer-canvas canvas');
    const pixels = canvas?.getContext('2d');
    if (!canvas || !pixels) return -1;
    return pixels.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3] ?? -1;
  });
}
