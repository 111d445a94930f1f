import { count_text } from '../src/format';
import type { ImagePage } from '../src/api';
import { expect, open_grid, test } from './library';

test('shows the newest pictures first, with their thumbnails and the count', async ({ page, library }) => {
  await open_grid(page);
  const first = page.locator('.cell-link').first();
  await expect(first).toHaveAttribute('data-id', library.newest[0]!.id);
  await expect(page.locator('.cell .thumb.shown').first()).toBeVisible();
  await expect(page.locator('[data-count]')).toHaveText(new RegExp(`^${count_text(library.total)} picture`));
});

test('scrolls from the first picture to the last with few elements and few requests', async ({ page, library }) => {
  let asked = 0;
  const waiting = new Set<string>();
  const is_thumb = (url: string) => url.includes('/full/!480,480/');
  page.on('request', (request) => {
    if (!is_thumb(request.url())) return;
    asked += 1;
    waiting.add(request.url());
  });
  for (const event of ['requestfinished', 'requestfailed'] as const) {
    page.on(event as 'requestfinished', (request) => waiting.delete(request.url()));
  }
  await open_grid(page);
  const seen = await page.evaluate(async () => {
    const scroller = document.querySelector('.grid-scroller')!;
    const room = scroller.scrollHeight - scroller.clientHeight;
    let most = 0;
    // Forty long steps with a frame in between, as a dragged scroll bar makes them.
    for (let step = 0; step <= 40; step++) {
      scroller.scrollTop = (room * step) / 40;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      most = Math.max(most, document.querySelectorAll('.grid *').length);
    }
    return most;
  });
  expect(seen).toBeLessThan(1500);
  const last = page.locator(`.cell-link[data-index="${library.total - 1}"]`);
  await expect(last).toBeVisible();
  await expect(last).toHaveAttribute('data-id', /.+/);
  await expect.poll(() => waiting.size).toBe(0);
  // Of what rushed by next to nothing was asked for; every picture once at the most.
  expect(asked).toBeLessThan(Math.min(600, library.total + 60));
});

test('keeps the scroll position over the viewer and over a reload', async ({ page }) => {
  // A small window, so that two dozen pictures are enough to scroll.
  await page.setViewportSize({ width: 860, height: 640 });
  await open_grid(page);
  const scroller = page.locator('.grid-scroller');
  await scroller.evaluate((element) => element.scrollTo(0, element.clientHeight * 1.4));
  const top = () => scroller.evaluate((element) => element.scrollTop);
  const before = await top();
  // The position is kept with the history entry once the scrolling has ended.
  await expect.poll(() => page.evaluate(() => history.state?.anchor?.item ?? 0)).toBeGreaterThan(0);
  // One that is in view with room around it: returning to one that is cut off brings the rest of it into view.
  const index = await scroller.evaluate((element) => {
    const frame = element.getBoundingClientRect();
    const links = [...element.querySelectorAll<HTMLElement>('.cell-link[data-id]')];
    const whole = links.find((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return top > frame.top + 40 && bottom < frame.bottom - 40;
    });
    return whole!.dataset['index']!;
  });
  await page.locator(`.cell-link[data-index="${index}"]`).click();
  await expect(page.locator('.viewer')).toHaveAttribute('data-index', index);
  await page.keyboard.press('Escape');
  await expect(page.locator('.viewer')).toBeHidden();
  expect(Math.abs((await top()) - before)).toBeLessThan(3);
  await page.reload();
  await expect(page.locator(`.cell-link[data-index="${index}"]`)).toBeVisible();
  expect(Math.abs((await top()) - before)).toBeLessThan(3);
});

test('is walked with the arrow keys, opened with Enter, and takes the focus back', async ({ page }) => {
  await open_grid(page);
  await page.keyboard.press('ArrowRight');
  const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset['index']);
  expect(await focused()).toBe('0');
  await page.keyboard.press('ArrowRight');
  expect(await focused()).toBe('1');
  await page.keyboard.press('ArrowDown');
  const below = Number(await focused());
  expect(below).toBeGreaterThan(1);
  await page.keyboard.press('ArrowUp');
  expect(Number(await focused())).toBeLessThan(below);
  await page.keyboard.press('End');
  await expect.poll(focused).toBe(await page.locator('.grid-scroller').getAttribute('data-total').then((n) => String(Number(n) - 1)));
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('.cell-link[data-index="1"]')).toHaveAttribute('data-id', /.+/);
  await page.keyboard.press('Enter');
  await expect(page.locator('.viewer')).toHaveAttribute('data-index', '1');
  await page.keyboard.press('Escape');
  await expect(page.locator('.viewer')).toBeHidden();
  expect(await focused()).toBe('1');
});

test('has exactly one picture in the order of Tab', async ({ page }) => {
  await open_grid(page);
  await expect(page.locator('.grid [tabindex="0"]')).toHaveCount(1);
  await page.locator('.grid-scroller').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect(page.locator('.grid [tabindex="0"]')).toHaveCount(1);
});

test('lists in other orders and remembers the choice', async ({ page, library }) => {
  await open_grid(page);
  await page.getByLabel('Order').selectOption('Name, A to Z');
  await expect(page).toHaveURL(/sort=name/);
  const by_name = async (order: string) => {
    const answer = await page.request.get(`/api/images?limit=1&sort=name&order=${order}`);
    return ((await answer.json()) as ImagePage).images[0]!.id;
  };
  const first = page.locator('.cell-link').first();
  await expect(first).toHaveAttribute('data-id', await by_name('asc'));
  await page.getByLabel('Order').selectOption('Name, Z to A');
  await expect(first).toHaveAttribute('data-id', await by_name('desc'));
  await page.goto('/');
  await expect(first).toHaveAttribute('data-id', await by_name('desc'));
  await page.getByLabel('Order').selectOption('Newest first');
  await expect(first).toHaveAttribute('data-id', library.newest[0]!.id);
});

test('shows one folder with the way back to the top', async ({ page }) => {
  await open_grid(page);
  // The tree comes after the pictures.
  await expect(page.locator('.folder-count').first()).not.toHaveText('0');
  const folder = page.locator('.folder-link').nth(1);
  test.skip((await page.locator('.folder-link').count()) < 2, 'the served folder has no folders in it');
  const name = await folder.locator('.folder-name').innerText();
  const count = await folder.locator('.folder-count').innerText();
  await folder.click();
  await expect(page).toHaveURL(/#\/folder\//);
  await expect(page.locator('.crumbs [aria-current]')).toHaveText(name);
  await expect(page.locator('[data-count]')).toHaveText(new RegExp(`^${count} picture`));
  await page.locator('.crumbs a').first().click();
  await expect(page.locator('.crumbs li')).toHaveCount(1);
});

test('follows the system into the dark and back by choice', async ({ page }) => {
  const brightness = () =>
    page.evaluate(() => {
      const [red = '0'] = getComputedStyle(document.querySelector('.grid-page')!).backgroundColor.match(/\d+/g) ?? [];
      return Number(red);
    });
  await page.emulateMedia({ colorScheme: 'dark' });
  await open_grid(page);
  expect(await brightness()).toBeLessThan(40);
  await page.keyboard.press('t');
  await expect.poll(brightness).toBeGreaterThan(220);
  await page.reload();
  await expect.poll(brightness).toBeGreaterThan(220);
  await page.keyboard.press('t');
  await expect.poll(brightness).toBeLessThan(40);
});

test('shows a broken file with its reason, in the grid and in the viewer', async ({ page, library }) => {
  const index = library.newest.indexOf(library.broken);
  await open_grid(page);
  const cell = page.locator(`.cell-link[data-index="${index}"]`);
  await page.locator('.grid-scroller').evaluate(async (element, wanted) => {
    // Screen by screen, until the picture has its place in the document.
    while (!document.querySelector(`.cell-link[data-index="${wanted}"]`) && element.scrollTop + element.clientHeight < element.scrollHeight - 1) {
      element.scrollTop += element.clientHeight;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }
  }, index);
  await expect(cell.locator('.cell-notice-reason')).toHaveText(library.broken.error!);
  await cell.click();
  await expect(page.locator('.viewer')).toHaveAttribute('data-state', 'failed');
  await expect(page.locator('.viewer-notice-reason')).toHaveText(library.broken.error!);
  await page.keyboard.press('i');
  await expect(page.locator('.details-failure')).toContainText(library.broken.error!);
});
