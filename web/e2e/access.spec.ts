// The rules of axe over every view, in both themes and on a phone.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';
import { expect, expect_drawn, open_grid, open_image, test } from './library';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  // Half-faded pictures and panels would be judged by a passing colour. An animation whose element goes is aborted, and
  // is over too.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one.effect?.getTiming().iterations === 1).map((one) => one.finished)));
  await page.evaluate(axe);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
  return results.violations.map((one) => `${one.id}: ${one.help} (${one.nodes.map((node) => node.target.join(' ')).join(', ')})`);
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390]) {
    test(`has no fault that axe finds, ${colorScheme}, ${width} pixels wide`, async ({ page, library }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await open_grid(page);
      await expect(page.locator('.folder-count').first()).not.toHaveText('0');
      expect(await violations(page)).toEqual([]);
      await page.goto('/#/memory');
      await expect(page.locator('.memory-page')).toHaveAttribute('data-live-bytes', /^\d+$/);
      expect(await violations(page)).toEqual([]);
      await page.getByRole('button', { name: 'Nested' }).click();
      await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      expect(await violations(page)).toEqual([]);
      await open_image(page, library.largest);
      await expect_drawn(page);
      await page.keyboard.press('i');
      await expect(page.locator('.details-group').first()).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await open_image(page, library.broken);
      await expect(page.locator('.viewer-notice')).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });
  }
}
