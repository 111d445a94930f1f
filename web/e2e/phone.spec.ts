import { expect, expect_drawn, open_grid, open_image, test, viewer_number } from './library';

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });

test('fits the screen without sideways scrolling, in every view', async ({ page, library }) => {
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await open_grid(page);
  expect(await overflow()).toBe(0);
  expect(await page.evaluate(() => innerWidth)).toBe(390);
  await page.getByRole('navigation', { name: 'Views' }).getByText('Memory').tap();
  await expect(page.locator('.memory-page')).toHaveAttribute('data-live-bytes', /^\d+$/);
  await page.getByRole('button', { name: 'Snapshot', exact: true }).tap();
  await page.getByRole('button', { name: 'Compare', exact: true }).tap();
  await expect(page.getByRole('table', { name: 'What grew and shrank' })).toBeVisible();
  expect(await overflow()).toBe(0);
  await open_image(page, library.largest);
  await expect_drawn(page);
  expect(await overflow()).toBe(0);
});

test('opens the folders over the pictures and closes them', async ({ page }) => {
  await open_grid(page);
  const sidebar = page.locator('.sidebar');
  await expect(sidebar).toBeHidden();
  await page.getByRole('navigation', { name: 'Views' }).getByText('Folders').tap();
  await expect(sidebar).toBeVisible();
  await page.locator('.sidebar-shade').tap({ position: { x: 380, y: 400 } });
  await expect(sidebar).toBeHidden();
});

test('has controls large enough for a finger', async ({ page, library }) => {
  await open_image(page, library.largest);
  for (const button of await page.locator('.viewer button:visible').all()) {
    const box = (await button.boundingBox())!;
    expect(Math.min(box.width, box.height), await button.getAttribute('aria-label') ?? '').toBeGreaterThanOrEqual(40);
  }
});

test('goes on with a swipe and zooms with two fingers', async ({ page, library }) => {
  await open_grid(page);
  await page.locator('.cell-link').first().tap();
  const viewer = page.locator('.viewer');
  await expect(viewer).toHaveAttribute('data-index', '0');
  await expect_drawn(page);
  const touch = await page.context().newCDPSession(page);
  const send = (type: string, points: { x: number; y: number }[]) =>
    touch.send('Input.dispatchTouchEvent', { type: type as 'touchStart', touchPoints: points.map((point, id) => ({ ...point, id })) });
  await send('touchStart', [{ x: 320, y: 420 }]);
  for (let x = 300; x >= 80; x -= 20) await send('touchMove', [{ x, y: 420 }]);
  await send('touchEnd', []);
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[1]!.id);
  await expect_drawn(page);
  const fitted = await viewer_number(page, 'zoom');
  await send('touchStart', [{ x: 180, y: 420 }, { x: 210, y: 420 }]);
  for (let spread = 20; spread <= 160; spread += 10) {
    await send('touchMove', [{ x: 195 - spread, y: 420 }, { x: 195 + spread, y: 420 }]);
  }
  await send('touchEnd', []);
  await expect.poll(() => viewer_number(page, 'zoom')).toBeGreaterThan(fitted * 2);
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[1]!.id);
});
