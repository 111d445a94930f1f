import { defineConfig } from '@playwright/test';

// PIXELBANK_URL names the server under test. Without it the development server
// is started over a made-up library of 100,000 pictures (`npm run build` first).
const given = process.env['PIXELBANK_URL'];
const own_port = 4489;
const url = given ?? `http://127.0.0.1:${own_port}/`;

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  // One browser at a time: the machine's cores belong to the server as well.
  workers: 1,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: {
    baseURL: url,
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['PIXELBANK_CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  ...(given
    ? {}
    : {
        webServer: {
          command: `node dev/mock-server.mjs --port ${own_port} --count 100000`,
          cwd: '..',
          url: `${url}healthz`,
          reuseExistingServer: false,
        },
      }),
});
