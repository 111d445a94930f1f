import { expect, expect_drawn, middle_alpha, open_grid, open_image, test, viewer_number } from './library';

test('opens the largest picture and zooms until tiles at full resolution show', async ({ page, library }) => {
  await open_image(page, library.largest);
  await expect_drawn(page);
  expect(await viewer_number(page, 'level0-tiles')).toBe(0);
  const fitted = await viewer_number(page, 'zoom');
  expect(fitted).toBeLessThan(0.5);
  await page.locator('.viewer-canvas').hover();
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, -400);
      return viewer_number(page, 'zoom');
    })
    .toBeGreaterThan(0.9);
  await expect.poll(() => viewer_number(page, 'level0-tiles'), { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await middle_alpha(page)).toBe(255);
});

test('goes to one to one, to fit and in steps, by keys and by buttons', async ({ page, library }) => {
  await open_image(page, library.largest);
  await expect_drawn(page);
  const zoom = () => viewer_number(page, 'zoom');
  const fitted = await zoom();
  await page.keyboard.press('1');
  await expect.poll(zoom).toBeCloseTo(1, 2);
  await expect(page.locator('.zoom-text')).toHaveText('100%');
  await page.keyboard.press('0');
  await expect.poll(zoom).toBeCloseTo(fitted, 2);
  await page.keyboard.press('+');
  await expect.poll(zoom).toBeGreaterThan(fitted * 1.5);
  await page.getByRole('button', { name: 'Zoom out' }).click();
  await expect.poll(zoom).toBeCloseTo(fitted, 2);
  await page.locator('.zoom-text').click();
  await expect.poll(zoom).toBeCloseTo(1, 2);
  await page.getByRole('button', { name: 'Fit to window' }).click();
  await expect.poll(zoom).toBeCloseTo(fitted, 2);
});

test('goes to the next and the previous picture and back to where it started', async ({ page, library }) => {
  await open_grid(page);
  await page.locator('.cell-link').first().click();
  const viewer = page.locator('.viewer');
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[0]!.id);
  await expect(page.locator('.viewer-step.previous')).toBeDisabled();
  await page.keyboard.press('ArrowRight');
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[1]!.id);
  await page.locator('.viewer-frame').hover();
  await page.getByRole('button', { name: 'Next picture' }).click();
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[2]!.id);
  await expect(page).toHaveURL(new RegExp(`#/image/${library.newest[2]!.id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`));
  await page.keyboard.press('ArrowLeft');
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[1]!.id);
  await page.goBack();
  await expect(viewer).toBeHidden();
  await expect(page).toHaveURL(/#\/$/);
});

test('survives a held arrow key and ends where it says', async ({ page, library }) => {
  await open_grid(page);
  await page.locator('.cell-link').first().click();
  const steps = Math.min(30, library.newest.length - 1);
  for (let i = 0; i < steps; i++) await page.keyboard.press('ArrowRight');
  const viewer = page.locator('.viewer');
  await expect(viewer).toHaveAttribute('data-index', String(steps));
  await expect(viewer).toHaveAttribute('data-image-id', library.newest[steps]!.id);
});

test('rotates, and fits the picture again', async ({ page, library }) => {
  await open_image(page, library.largest);
  await expect_drawn(page);
  const { width, height } = library.largest;
  const fitted = await viewer_number(page, 'zoom');
  const viewer = page.locator('.viewer');
  await page.keyboard.press('r');
  await expect(viewer).toHaveAttribute('data-rotation', '90');
  const stage = await page.locator('.viewer-stage').boundingBox();
  const turned = Math.min(stage!.width / height!, stage!.height / width!, 1);
  expect(Math.abs(turned - fitted)).toBeGreaterThan(0.001);
  await expect.poll(() => viewer_number(page, 'zoom')).toBeCloseTo(turned, 2);
  await page.getByRole('button', { name: 'Rotate left' }).click();
  await page.keyboard.press('l');
  await expect(viewer).toHaveAttribute('data-rotation', '270');
});

test('finds its place when it is opened by its address', async ({ page, library }) => {
  const index = library.newest.indexOf(library.largest);
  await open_image(page, library.largest);
  await expect(page.locator('.viewer')).toHaveAttribute('data-index', String(index));
  await page.keyboard.press('Escape');
  await expect(page.locator('.viewer')).toBeHidden();
  await expect(page.locator(`.cell-link[data-index="${index}"]`)).toBeFocused();
});

test('tells the details, and keeps the panel open for the next picture', async ({ page, library }) => {
  await open_image(page, library.largest);
  await page.keyboard.press('i');
  const panel = page.getByRole('complementary', { name: 'Details' });
  const name = library.largest.path.slice(library.largest.path.lastIndexOf('/') + 1);
  await expect(panel).toContainText(name);
  await expect(panel).toContainText('MP');
  await expect(panel.locator('.histogram.shown')).toBeVisible();
  await page.getByRole('button', { name: 'Close details' }).click();
  await expect(panel).toBeHidden();
});

test('lists the keys and closes the list again', async ({ page, library }) => {
  await open_image(page, library.largest);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeHidden();
  await expect(page.locator('.viewer')).toBeVisible();
});

test('says why a picture that does not exist cannot be shown', async ({ page }) => {
  await page.goto('/#/image/there-is-no-such-picture.jpg');
  await expect(page.locator('.viewer')).toHaveAttribute('data-state', 'failed');
  await expect(page.locator('.viewer-notice-reason')).not.toBeEmpty();
});
