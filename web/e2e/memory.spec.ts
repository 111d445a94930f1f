import { expect, expect_drawn, open_grid, open_image, test } from './library';

test('opens with m and shows a total below the limit', async ({ page }) => {
  await open_grid(page);
  await page.keyboard.press('m');
  const memory = page.locator('.memory-page');
  await expect(memory).toHaveAttribute('data-live-bytes', /^\d+$/);
  const live = Number(await memory.getAttribute('data-live-bytes'));
  const limit = Number(await memory.getAttribute('data-limit-bytes'));
  expect(live).toBeGreaterThan(0);
  expect(live).toBeLessThanOrEqual(limit);
  await expect(page.locator('[data-tile="in-use"] .tile-figure')).toHaveText(/^[\d.]+ [KMG]iB$/);
  await expect(page.locator('[data-tile="limit"] .tile-figure')).toHaveText(/^[\d.]+ [KMG]iB$/);
});

test('asks the server again each second and draws what it says', async ({ page }) => {
  await page.goto('/#/memory');
  await expect(page.locator('.graph-host canvas')).toBeVisible();
  await page.waitForResponse((response) => response.url().includes('/api/ledger?history=0'));
  await page.waitForResponse((response) => response.url().includes('/api/ledger?history=0'));
  const painted = await page.locator('.graph-host canvas').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] === 255) colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    }
    return colours.size;
  });
  // Axis, text, limit and resident line at the least.
  expect(painted).toBeGreaterThan(3);
});

test('stops asking when it is left', async ({ page }) => {
  await page.goto('/#/memory');
  await page.waitForResponse((response) => response.url().includes('/api/ledger'));
  await page.keyboard.press('Escape');
  await expect(page.locator('.memory-page')).toBeHidden();
  let last = 0;
  let longest = 0;
  page.on('request', (request) => {
    if (!request.url().includes('/api/ledger')) return;
    const now = performance.now();
    if (last > 0) longest = Math.max(longest, now - last);
    last = now;
  });
  // The meter goes on, ever more seldom as its figure stays; the page would ask every second.
  await expect.poll(() => longest, { timeout: 25_000 }).toBeGreaterThan(2500);
});

test('lists accounts and types, sorted by what is chosen', async ({ page }) => {
  await page.goto('/#/memory');
  const table = page.getByRole('table', { name: 'Types' });
  await expect(table.locator('tbody th').first()).not.toBeEmpty();
  const names = () => table.locator('tbody th .cell-text').allInnerTexts();
  await table.getByRole('button', { name: 'Type' }).click();
  const ascending = await names();
  expect(ascending).toEqual([...ascending].sort());
  await table.getByRole('button', { name: 'Type' }).click();
  await expect(table.locator('th[aria-sort="descending"]')).toHaveText('Type');
  const descending = await names();
  expect(descending).toEqual([...descending].sort().reverse());
  await expect(page.getByRole('table', { name: 'Accounts' }).locator('tbody tr').first()).toBeVisible();
});

test('is reached from the side bar and leads back', async ({ page }) => {
  await open_grid(page);
  await page.locator('.memory-link').click();
  await expect(page.locator('.memory-page')).toBeVisible();
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page.locator('.memory-page')).toBeHidden();
  await expect(page.locator('.cell-link').first()).toBeVisible();
});

test('is a detour from a picture, which it leads back to', async ({ page, library }) => {
  await open_image(page, library.largest);
  await page.keyboard.press('m');
  await expect(page.locator('.memory-page')).toBeVisible();
  await expect(page.locator('.viewer')).toBeHidden();
  await page.keyboard.press('Escape');
  await expect(page.locator('.viewer')).toHaveAttribute('data-image-id', library.largest.id);
  await expect_drawn(page);
});
