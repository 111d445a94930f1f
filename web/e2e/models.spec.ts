// 3D models: the list, one that is drawn, what it takes, and what is refused.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { APIRequestContext, Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';
import type { ModelDetails, ModelList } from '../src/api';
import { expect, open_grid, test } from './library';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function listed(request: APIRequestContext): Promise<ModelList> {
  return (await (await request.get('/api/models')).json()) as ModelList;
}

/** The first model that can be shown; the folder must have one. */
async function some_model(request: APIRequestContext): Promise<ModelDetails> {
  for (const { id } of (await listed(request)).models) {
    const answer = await request.get(`/api/model/${id}`);
    if (answer.ok()) return (await answer.json()) as ModelDetails;
  }
  throw new Error('The served folder needs a 3D model for these tests.');
}

async function open_model(page: Page, id: string): Promise<void> {
  await page.goto(`/#/model/${id}`);
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'shown');
}

/** How many pixels of the canvas have another colour than its corner. */
async function painted(page: Page): Promise<number> {
  const bytes = [...(await page.locator('.model-canvas').screenshot())];
  return page.evaluate(async (png) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(png)], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    // Below the buttons, which lie over the canvas, and within its round corners.
    const corner = 4 * (image.width * (image.height - 30) + 30);
    let count = 0;
    for (let at = 4 * image.width * 70; at < data.length - 4 * image.width * 30; at += 4) {
      const difference = Math.abs(data[at]! - data[corner]!) + Math.abs(data[at + 1]! - data[corner + 1]!) + Math.abs(data[at + 2]! - data[corner + 2]!);
      if (difference > 24) count += 1;
    }
    return count;
  }, bytes);
}

test('the side bar leads to the models, and the list to each of them', async ({ page, request }) => {
  const { models } = await listed(request);
  const model = await some_model(request);
  await open_grid(page);
  const link = page.locator('.models-link');
  await expect(link).toContainText(String(models.length));
  await link.click();
  await expect(page.locator('.model-link')).toHaveCount(models.length);
  await page.locator(`.model-link[href="#/model/${model.id}"]`).click();
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'shown');
  await page.keyboard.press('Escape');
  await expect(page.locator('.model-link').first()).toBeVisible();
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page.locator('.cell-link').first()).toBeVisible();
});

test('a model is drawn, with all its faces, and told by part', async ({ page, request }) => {
  const model = await some_model(request);
  await open_model(page, model.id);
  await expect(page.locator('.model-canvas')).toHaveAttribute('data-triangles', String(model.faces));
  expect(await painted(page)).toBeGreaterThan(2000);
  await expect(page.locator('.model-page')).toHaveAttribute('data-total-bytes', String(model.total_bytes));
  const table = page.getByRole('table', { name: 'Memory by part' });
  await expect(table.locator('tbody tr')).toHaveCount(model.memory.length);
  for (const { part } of model.memory) await expect(table.getByRole('rowheader', { name: part, exact: true })).toBeVisible();
  expect(model.memory.reduce((sum, row) => sum + row.bytes, 0)).toBe(model.total_bytes);
});

test('a model turns and comes nearer by keys, and fits again', async ({ page, request }) => {
  const model = await some_model(request);
  await open_model(page, model.id);
  const canvas = page.locator('.model-canvas');
  await expect(canvas).toHaveAttribute('data-view', /./);
  const view = () => canvas.getAttribute('data-view');
  const first = await view();
  await canvas.focus();
  let before = first;
  for (const key of ['ArrowRight', 'ArrowUp', '+', '-']) {
    await page.keyboard.press(key);
    await expect.poll(view).not.toBe(before);
    before = await view();
  }
  await page.keyboard.press('0');
  await expect.poll(view).toBe(first);
  await page.getByRole('button', { name: 'Wireframe' }).click();
  await expect(page.getByRole('button', { name: 'Wireframe' })).toHaveAttribute('aria-pressed', 'true');
});

test('what is built on demand is measured when it is asked for', async ({ page, request }) => {
  const model = await some_model(request);
  await open_model(page, model.id);
  const rows = page.getByRole('table', { name: 'Memory by part' }).locator('tbody tr');
  const held = await rows.count();
  await page.getByRole('button', { name: /^Measure/ }).click();
  await expect(page.locator('.model-page .panel-said')).toHaveText('Measured, and given back.');
  await expect(rows).toHaveCount(held + 3);
  await expect(rows.filter({ hasText: 'neighbours of faces' })).toContainText(/[KM]?i?B/);
});

test('the code that draws models comes with the first model, not before', async ({ page, request }) => {
  const model = await some_model(request);
  const scripts: string[] = [];
  page.on('request', (one) => {
    if (one.resourceType() === 'script') scripts.push(one.url());
  });
  await open_grid(page);
  await page.goto('/#/models');
  await expect(page.locator('.model-link').first()).toBeVisible();
  expect(scripts.filter((url) => /scene/.test(url))).toEqual([]);
  await open_model(page, model.id);
  expect(scripts.filter((url) => /scene/.test(url))).toHaveLength(1);
});

test('a refused or damaged model is told with the reason, and may be tried again', async ({ page, request }) => {
  const model = await some_model(request);
  const reason = 'The memory budget is too small for this model: 9 GiB are wanted.';
  await page.route(/\/api\/model\//, (route) => route.fulfill({ status: 413, json: { error: reason } }));
  await page.goto(`/#/model/${model.id}`);
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'failed');
  await expect(page.locator('.model-notice')).toContainText(reason);
  await page.unroute(/\/api\/model\//);
  await page.locator('.model-notice').getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'shown');
});

test('a large model is not sent before a person wants it', async ({ page, request }) => {
  const model = await some_model(request);
  await page.route(/\/api\/model\/[^/]+$/, (route) => route.fulfill({ json: { ...model, total_bytes: 500 * 1024 * 1024 } }));
  let sent = 0;
  page.on('request', (one) => {
    if (one.url().endsWith('/arrays')) sent += 1;
  });
  await page.goto(`/#/model/${model.id}`);
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'described');
  expect(sent).toBe(0);
  await page.getByRole('button', { name: /^Show it/ }).click();
  await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'shown');
  expect(sent).toBe(1);
});

test('without WebGL the model is told by part all the same', async ({ page, request }) => {
  const model = await some_model(request);
  await page.addInitScript(() => {
    const get_context = HTMLCanvasElement.prototype.getContext as (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) => unknown;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) {
      return /webgl/.test(kind) ? null : get_context.call(this, kind, ...rest);
    } as typeof HTMLCanvasElement.prototype.getContext;
  });
  await page.goto(`/#/model/${model.id}`);
  await expect(page.locator('.model-notice')).toContainText('WebGL');
  await expect(page.getByRole('table', { name: 'Memory by part' }).locator('tbody tr')).toHaveCount(model.memory.length);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390]) {
    test(`has no fault that axe finds, ${colorScheme}, ${width} pixels wide`, async ({ page, request }) => {
      const model = await some_model(request);
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      for (const hash of ['#/models', `#/model/${model.id}`]) {
        await page.goto(`/${hash}`);
        await expect(page.locator('.model-page')).toHaveAttribute('data-state', 'shown');
        await expect(page.locator('.models-count')).not.toBeEmpty();
        await page.evaluate(axe);
        const results = await page.evaluate(() => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
        expect(results.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
      }
    });
  }
}
