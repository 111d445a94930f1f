import { defineConfig } from 'vite';

// The Rust server embeds `dist/` and serves it at `/`, so assets get absolute
// addresses below `/assets/`. While developing, everything that the server
// answers is passed on to PIXELBANK_URL (the mock server's address by default).
const server_url = process.env['PIXELBANK_URL'] ?? 'http://127.0.0.1:4480';

export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    // `light-dark()` must reach the browser as it is: rewritten for older ones,
    // it is worked out at the root and a part can no longer be dark by itself.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsDir: 'assets',
    // Small files would otherwise become data: addresses inside the style sheet.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/iiif', '/healthz', '/metrics'].map((path) => [path, server_url]),
    ),
  },
  test: { include: ['test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
