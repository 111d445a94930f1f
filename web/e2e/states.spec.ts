// States that a running server does not show by itself: the answers of these
// tests are changed on their way.

import { expect, expect_drawn, open_grid, test } from './library';

test('tells when the server is gone and goes on when it is back', async ({ page }) => {
  await open_grid(page);
  await page.route(/\/(api|iiif|healthz)/, (route) => route.abort('connectionrefused'));
  await page.keyboard.press('m');
  const banner = page.locator('.banner');
  await expect(banner).toBeVisible();
  await page.unroute(/\/(api|iiif|healthz)/);
  await banner.getByRole('button').click();
  await expect(banner).toBeHidden();
  await expect(page.locator('.memory-page')).toHaveAttribute('data-live-bytes', /^\d+$/);
});

test('opens a picture that failed again when the server is back', async ({ page, library }) => {
  await open_grid(page);
  await page.route(/\/(api|iiif|healthz)/, (route) => route.abort('connectionrefused'));
  await page.goto(`/#/image/${library.largest.id}`);
  await expect(page.locator('.viewer')).toHaveAttribute('data-state', 'failed');
  await page.unroute(/\/(api|iiif|healthz)/);
  await page.locator('.banner').getByRole('button').click();
  await expect_drawn(page);
  await expect(page.locator('.viewer-notice')).toBeHidden();
});

test('gives the reason when the description comes but no tile does', async ({ page, library }) => {
  await page.route(/\/default\.(jpg|webp|png)/, (route) => route.fulfill({ status: 500, body: 'The file ends in the middle of a row.' }));
  await page.goto(`/#/image/${library.largest.id}`);
  await expect(page.locator('.viewer-notice-reason')).toHaveText('The file ends in the middle of a row.', { timeout: 60_000 });
});

test('asks for the token when it is not let in', async ({ page }) => {
  await page.route(/\/api\//, (route) => route.fulfill({ status: 401, json: { error: 'A token is needed.' } }));
  await page.goto('/');
  await expect(page.locator('.gate')).toContainText('token');
});

test('says that a folder is empty', async ({ page }) => {
  await page.route(/\/api\/(images|aspects)/, (route) => {
    const scan = { state: 'done', found: 0, indexed: 0 };
    return route.fulfill({ json: { revision: 1, total: 0, offset: 0, scan, images: [], aspects_permille: [] } });
  });
  await page.goto('/#/folder/nothing');
  await expect(page.locator('.state')).toContainText('No pictures in this folder');
});

test('shows the progress of a scan and takes new pictures in without moving those on screen', async ({ page }) => {
  const shapes = [
    [600, 400],
    [400, 600],
    [800, 600],
    [500, 500],
  ];
  const all = Array.from({ length: 800 }, (_, i) => {
    const [width, height] = shapes[(i * 7) % shapes.length]!;
    return { id: `made-${i}.jpg`, path: `made-${i}.jpg`, width: width!, height: height!, date: null, error: null };
  });
  const thumb = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30" fill="gray"/></svg>';
  await page.route(/\/iiif\/3\/made-/, (route) => route.fulfill({ contentType: 'image/svg+xml', body: thumb }));
  let hidden = 40;
  let revision = 1;
  await page.route(/\/api\/(images|aspects)/, (route) => {
    const url = new URL(route.request().url());
    const list = all.slice(hidden);
    const scan = hidden > 0 ? { state: 'scanning', found: all.length, indexed: list.length } : { state: 'done', found: all.length, indexed: all.length };
    const common = { revision, total: list.length };
    if (url.pathname === '/api/aspects') {
      const aspects_permille = list.map((one) => Math.round((one.width * 1000) / one.height));
      return route.fulfill({ json: { ...common, aspects_permille } });
    }
    const offset = Number(url.searchParams.get('offset'));
    const images = list.slice(offset, offset + Number(url.searchParams.get('limit')));
    return route.fulfill({ json: { ...common, offset, scan, images } });
  });
  await open_grid(page);
  await expect(page.getByRole('progressbar', { name: 'Reading the folder' })).toBeVisible();
  await page.locator('.grid-scroller').evaluate((element) => element.scrollTo(0, 900));
  const on_top = () =>
    page.evaluate(() => {
      const top = document.querySelector('.grid-scroller')!.getBoundingClientRect().top;
      const links = [...document.querySelectorAll<HTMLElement>('.cell-link[data-id]')];
      return links.find((link) => link.getBoundingClientRect().bottom > top + 4)?.dataset['id'];
    });
  await expect.poll(on_top).toBeTruthy();
  const before = await on_top();
  const row_of = (id: string) =>
    page.evaluate((wanted) => {
      const link = document.querySelector(`.cell-link[data-id="${CSS.escape(wanted)}"]`);
      const top = document.querySelector('.grid-scroller')!.getBoundingClientRect().top;
      return link ? link.getBoundingClientRect().bottom > top && link.getBoundingClientRect().top < top + 400 : false;
    }, id);
  hidden = 0;
  revision = 2;
  await expect(page.getByRole('progressbar', { name: 'Reading the folder' })).toBeHidden();
  await expect(page.locator('.grid-scroller')).toHaveAttribute('data-total', String(all.length));
  expect(await row_of(before!)).toBe(true);
});
