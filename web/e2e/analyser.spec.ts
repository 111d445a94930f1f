// The memory page as an analyser: types, areas, events, snapshots and marks.

import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import type { Ledger } from '../src/memory/ledger';
import { expect, open_grid, test } from './library';

async function open_memory(page: Page): Promise<void> {
  await page.goto('/#/memory');
  await expect(page.locator('.memory-page')).toHaveAttribute('data-live-bytes', /^\d+$/);
}

/** Answers each look at the ledger with what the first look of the test was told, changed as the test wants. */
async function freeze(page: Page, change: (ledger: Ledger) => void): Promise<void> {
  const answer = await page.request.get('/api/ledger?history=0');
  const ledger = (await answer.json()) as Ledger;
  change(ledger);
  await page.route(/\/api\/ledger/, (route) => {
    ledger.time_ms += 1000;
    return route.fulfill({ json: ledger });
  });
}

/** The account that holds the most host memory: which one that is depends on what the server did before. */
function largest_account(ledger: Ledger): string {
  return ledger.accounts.reduce((a, b) => (b.live_bytes > a.live_bytes ? b : a)).account;
}

/** The lines of the table as they are copied, without their head. */
async function copied(page: Page): Promise<{ head: string[]; rows: string[][] }> {
  await page.getByRole('button', { name: 'Copy as CSV' }).click();
  await expect(page.locator('.panel-said')).toHaveText(/^\d+ rows? copied$/);
  const text = await page.evaluate(() => navigator.clipboard.readText());
  const [head, ...rows] = text.trimEnd().split(/\r?\n/).map((line) => line.split(','));
  return { head: head!, rows };
}

test.describe('types', () => {
  test.use({ permissions: ['clipboard-read', 'clipboard-write'] });

  test('are sorted by every column, with the keyboard, and copied in that order', async ({ page }) => {
    // Standing still: between sorting and copying nothing must move.
    await freeze(page, () => undefined);
    await open_memory(page);
    const table = page.getByRole('table', { name: 'Types' });
    const columns: Record<string, string> = {
      Type: 'type',
      Account: 'account',
      Resource: 'resource',
      Owner: 'owner',
      Count: 'count',
      Bytes: 'live_bytes',
      Average: 'average_bytes',
      Share: 'share',
      Peak: 'peak_bytes',
      Wasted: 'wasted_bytes',
      'Growth/min': 'growth_bytes_per_minute',
    };
    for (const [title, name] of Object.entries(columns)) {
      const head = table.getByRole('columnheader', { name: title, exact: true });
      const button = head.getByRole('button');
      for (const _ of ['once', 'twice']) {
        await button.focus();
        await page.keyboard.press('Enter');
        const order = await head.getAttribute('aria-sort');
        expect(['ascending', 'descending']).toContain(order);
        await expect(table.locator('[aria-sort="ascending"], [aria-sort="descending"]')).toHaveCount(1);
        const { head: names, rows } = await copied(page);
        const values = rows.map((row) => row[names.indexOf(name)]!);
        const is_number = values.some((value) => /^-?\d/.test(value));
        const given = values.filter((value) => !is_number || value !== '');
        const sorted = is_number ? given.map(Number).sort((a, b) => a - b) : given.slice().sort();
        if (order === 'descending') sorted.reverse();
        expect(is_number ? given.map(Number) : given, `${title}, ${order}`).toEqual(sorted);
      }
    }
  });

  test('are of one account, or nested below all of them', async ({ page }) => {
    let account = '';
    await freeze(page, (ledger) => {
      account = largest_account(ledger);
      // One row of the tree: the account's files and scratch space would be rows of their own.
      ledger.types = ledger.types.filter((row) => row.account !== account || (row.resource ?? 'host') === 'host');
    });
    await open_memory(page);
    const panel = page.locator('.types-panel');
    await panel.getByLabel('Account', { exact: true }).selectOption(account);
    const accounts = await panel.locator('tbody tr td:nth-child(2) .cell-text').allInnerTexts();
    expect(new Set(accounts)).toEqual(new Set([account]));
    const { head, rows } = await copied(page);
    expect(rows.map((row) => row[head.indexOf('account')])).toEqual(accounts);
    await panel.getByRole('button', { name: 'Nested' }).click();
    const toggle = panel.getByRole('button', { name: `What ${account} is made of` });
    await expect(toggle).toHaveAttribute('aria-expanded', 'true');
    const open_rows = await panel.locator('tbody tr').count();
    await toggle.focus();
    await page.keyboard.press('Enter');
    await expect(toggle).toHaveAttribute('aria-expanded', 'false');
    await expect(panel.locator('tbody tr')).toHaveCount(1);
    await expect(toggle).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(panel.locator('tbody tr')).toHaveCount(open_rows);
  });
});

test('the treemap shows each type that is held and the parts of the rest, with labels that fit', async ({ page }) => {
  let held = 0;
  await freeze(page, (ledger) => {
    held = ledger.types.filter((row) => (row.resource ?? 'host') === 'host' && row.live_bytes > 0).length;
    Object.assign(ledger.process, { unaccounted_bytes: 70e6, file_bytes: 40e6, allocator_bytes: 20e6, unclassified_bytes: 10e6 });
  });
  await open_memory(page);
  const map = page.locator('.treemap');
  await expect(map.locator('.treemap-leaf')).toHaveCount(held + 3);
  for (const name of ['mapped files, 38.1 MiB', "allocator's unused, 19.1 MiB", 'unclassified, 9.54 MiB']) {
    await expect(map.getByRole('button', { name: `Not in the ledger: ${name}` })).toHaveCount(1);
  }
  const cut = await map.locator('.treemap-leaf').evaluateAll((leaves) =>
    leaves.flatMap((leaf) => {
      const box = leaf.getBoundingClientRect();
      const labels = [...leaf.querySelectorAll('.treemap-name, .treemap-figure')].filter((label) => label.textContent !== '');
      return labels.filter((label) => label.getBoundingClientRect().right > box.right || label.getBoundingClientRect().bottom > box.bottom);
    }).map((label) => label.textContent),
  );
  expect(cut).toEqual([]);
  expect(await map.locator('.treemap-name').filter({ hasText: 'mapped files' }).count()).toBe(1);
});

test('the treemap is one stop of the Tab key, walked by arrows, and leads to the table', async ({ page }) => {
  let account = '';
  await freeze(page, (ledger) => {
    account = largest_account(ledger);
  });
  await open_memory(page);
  const leaves = page.locator('.treemap-leaf');
  await expect(page.locator('.treemap-leaf[tabindex="0"]')).toHaveCount(1);
  await page.locator('.treemap-leaf[tabindex="0"]').focus();
  const seen = new Set<string>();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('title') ?? '');
  for (const key of ['ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowRight', 'ArrowDown']) {
    await page.keyboard.press(key);
    seen.add(await focused());
  }
  expect(seen.size).toBeGreaterThan(1);
  await expect(page.locator('.treemap-told')).toHaveText(await focused());
  await expect(page.locator('.treemap-leaf[tabindex="0"]')).toHaveCount(1);
  await leaves.and(page.getByRole('button', { name: new RegExp(`^${account}: `) })).first().focus();
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Account', { exact: true })).toHaveValue(account);
});

test('a mark makes a column of what is new, and is among the events at its time', async ({ page }) => {
  await open_memory(page);
  await page.getByRole('button', { name: 'Mark', exact: true }).click();
  await expect(page.locator('.compare-said')).toContainText('Marked at');
  await expect(page.getByRole('columnheader', { name: 'Since mark' })).toBeVisible();
  const newest = page.locator('.event-list li').first();
  await expect(newest).toContainText('Marked');
  await expect(newest).toContainText(/mark \d+ was set/);
  const lane = page.locator('.event-lane').filter({ hasText: 'Marked' });
  const track = (await lane.locator('.event-track').boundingBox())!;
  const graph = (await page.locator('.graph-host .u-over').boundingBox())!;
  // The same time axis: the tracks lie below the plot, to the pixel.
  expect(Math.abs(track.x - graph.x)).toBeLessThan(1);
  expect(Math.abs(track.width - graph.width)).toBeLessThan(1);
  const spot = (await lane.locator('.event-spot').last().boundingBox())!;
  // Just now, with five minutes shown.
  expect(spot.x).toBeGreaterThan(track.x + track.width * 0.9);
  expect(spot.x).toBeLessThanOrEqual(track.x + track.width);
});

for (const [width, height] of [[1280, 800], [1600, 900]] as const) {
  test(`with a mark, large figures and long names the table of types fits ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    const owner = 'scans/2019/a-long-name-without-a-single-place-to-break-it-as-instruments-give-them_0000000001.exr';
    await freeze(page, (ledger) => {
      ledger.mark = { generation: 3, time_ms: ledger.time_ms };
      const largest = { count: 1_234_567, live_bytes: 1023 * 2 ** 20, peak_bytes: 1023 * 2 ** 20, wasted_bytes: 1023 * 2 ** 20 };
      const row = { account: 'descriptors', resource: 'device 0', type: 'what a decoder needs', owner, ...largest };
      const since_mark = { count: largest.count, live_bytes: largest.live_bytes };
      ledger.types.push({ ...row, growth_bytes_per_minute: -1023 * 2 ** 20, since_mark });
    });
    await open_memory(page);
    const table = page.getByRole('region', { name: 'Types' });
    await expect(table.getByRole('columnheader', { name: 'Since mark' })).toBeVisible();
    const line = table.getByRole('row').filter({ hasText: owner });
    await expect(line).toContainText(/1023\sMiB in\s1,234,567/);
    expect(await table.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
    // No figure is cut off within its cell, either.
    const cut = await line.locator('th, td').evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length);
    expect(cut).toBe(0);
  });
}

test('events lie below their times in the graph', async ({ page }) => {
  const at = (ledger: Ledger, ago_ms: number, kind: string, amount = 0) => {
    const time_ms = ledger.time_ms - ago_ms;
    return { time_ms, until_ms: time_ms + 30_000, kind, resource: 'host', account: null, count: 2, amount };
  };
  await freeze(page, (ledger) => {
    ledger.events = [at(ledger, 150_000, 'refused', 5 * 1024 * 1024), at(ledger, 60_000, 'trimmed', 1024)];
  });
  await open_memory(page);
  await expect(page.locator('.event-list li')).toHaveCount(2);
  await expect(page.locator('.event-list li').last()).toContainText('5.00 MiB refused, 2 times within 30 s');
  const middle = (await page.locator('.event-lane').filter({ hasText: 'Refused' }).locator('.event-spot').boundingBox())!;
  const track = (await page.locator('.event-track').first().boundingBox())!;
  // Half of five minutes ago, and some seconds since: a little left of the middle, and a tenth as wide as the graph.
  expect((middle.x - track.x) / track.width).toBeGreaterThan(0.42);
  expect((middle.x - track.x) / track.width).toBeLessThan(0.5);
  expect(middle.width / track.width).toBeCloseTo(0.1, 2);
});

test('a snapshot is saved, opened again and compared', async ({ page }) => {
  let moved: (() => void) | undefined;
  await freeze(page, (ledger) => {
    const [largest] = ledger.types.slice().sort((a, b) => b.live_bytes - a.live_bytes);
    moved = () => {
      largest!.live_bytes += 3 * 1024 * 1024;
      largest!.count += 7;
      ledger.time_ms += 60_000;
    };
    largest!.account = 'tiles';
    largest!.resource = 'host';
  });
  await open_memory(page);
  await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Save Snapshot 1/ }).click();
  const download = await saving;
  expect(download.suggestedFilename()).toMatch(/^pixelbank-memory-\d{4}-\d\d-\d\dT[\d-]+\.json$/);
  const path = await download.path();
  const saved = JSON.parse(await readFile(path, 'utf8')) as { form: number; time_s: number; types: Record<string, [number, number]> };
  expect(saved.form).toBe(1);
  expect(Object.keys(saved.types).length).toBeGreaterThan(1);

  moved!();
  await page.locator('input[type="file"]').setInputFiles({ name: 'before.json', mimeType: 'application/json', buffer: await readFile(path) });
  await expect(page.locator('.kept li')).toHaveCount(2);
  await page.getByLabel('Compare from').selectOption({ label: 'before.json' });
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  const table = page.getByRole('table', { name: 'What grew and shrank' });
  await expect(table.locator('tbody tr')).toHaveCount(1);
  await expect(table.locator('tbody td').first()).toHaveText('+7');
  await expect(table.locator('tbody td').nth(1)).toHaveText('+3.00 MiB');
  await expect(page.locator('.compare-summary')).toContainText('+3.00 MiB of memory');

  await page.getByRole('button', { name: 'Remove before.json' }).click();
  await expect(page.locator('.kept li')).toHaveCount(1);
  await expect(table).toBeHidden();
});

test('a file that is no snapshot, or one of another form, is told', async ({ page }) => {
  await open_memory(page);
  const open = (text: string) =>
    page.locator('input[type="file"]').setInputFiles({ name: 'odd.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await open('{"form": 7, "time_s": 1, "types": {}}');
  await expect(page.locator('.compare-said')).toHaveText('odd.json was not opened. This is a snapshot of form 7; form 1 is understood.');
  await open('not json');
  await expect(page.locator('.compare-said')).toHaveText('odd.json was not opened. This is no snapshot of Pixelbank.');
  await expect(page.locator('.kept li')).toHaveCount(0);
});

test('an older server, without marks, events and the new figures, is shown with what it says', async ({ page }) => {
  await freeze(page, (ledger) => {
    delete ledger.mark;
    delete ledger.events;
    for (const name of ['file_bytes', 'allocator_bytes', 'unclassified_bytes'] as const) delete ledger.process[name];
    for (const row of ledger.types) for (const name of ['resource', 'wasted_bytes', 'growth_bytes_per_minute', 'since_mark'] as const) delete row[name];
  });
  await open_memory(page);
  await expect(page.getByRole('table', { name: 'Types' }).locator('tbody tr').first()).toBeVisible();
  const heads = await page.getByRole('table', { name: 'Types' }).locator('thead th').allInnerTexts();
  expect(heads).toEqual(['Type', 'Account', 'Owner', 'Count', 'Bytes', 'Average', 'Share', 'Peak']);
  await expect(page.getByRole('button', { name: 'Mark', exact: true })).toBeHidden();
  await expect(page.locator('.events')).toBeHidden();
  await expect(page.getByRole('button', { name: /^Not in the ledger: code, stacks, libraries, allocator/ })).toHaveCount(1);
  await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
  await expect(page.locator('.kept li')).toHaveCount(1);
});

test('a look that finds nothing new changes nothing in the document', async ({ page }) => {
  await freeze(page, () => undefined);
  await open_memory(page);
  await page.getByRole('button', { name: 'Nested' }).click();
  await page.getByRole('button', { name: 'Snapshot', exact: true }).click();
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  const looked = () => page.waitForResponse((response) => response.url().includes('/api/ledger'));
  await looked();
  await looked();
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen_changes: seen });
    new MutationObserver((records) => {
      for (const { target, type, attributeName } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        // Marks move with the time axis: one movement for each lane. The summary of a comparison with now tells the time.
        if (element?.closest('.event-strip, .compare-summary')) continue;
        seen.push(`${type} ${attributeName ?? ''} ${element?.className ?? ''}`);
      }
    }).observe(document.querySelector('.memory-page')!, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  for (let i = 0; i < 3; i++) await looked();
  expect(await page.evaluate(() => (window as unknown as { seen_changes: string[] }).seen_changes)).toEqual([]);
});

test('the small meter follows the figure after the first look', async ({ page }) => {
  let looks = 0;
  const answer = (await (await page.request.get('/api/ledger?history=0')).json()) as Ledger;
  await page.route(/\/api\/ledger/, (route) => {
    looks += 1;
    const live_bytes = looks === 1 ? 1751 : 59_000_000;
    return route.fulfill({ json: { ...answer, host: { ...answer.host, live_bytes } } });
  });
  await open_grid(page);
  await expect(page.locator('.meter-figure')).toHaveText(/^56\.3 MiB/);
});
