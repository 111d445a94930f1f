// A ledger that behaves like the real one: it fills as pictures are asked for
// and never passes its limit.

const MIB = 1024 * 1024;
const LIMIT = 128 * MIB;

export class MockLedger {
  started = Date.now();
  live = { tiles: 3 * MIB, bitmaps: 0, descriptors: 0.6 * MIB, catalog: 4 * MIB, scratch: 0 };
  peak = {};
  history = { interval_ms: 1000, times_ms: [], resident_bytes: [], accounts: {} };
  tiles = 0;

  constructor(n_entries, with_devices) {
    this.live.catalog += n_entries * 160;
    this.with_devices = with_devices;
    // Some minutes of past, so that a graph is there at once.
    for (let i = 300; i > 0; i--) {
      if (i % 40 === 0) this.touch_bitmap(36 * MIB * Math.abs(Math.sin(i)));
      if (i % 3 === 0) this.touch_tile();
      this.tick(Date.now() - i * 1000);
    }
    setInterval(() => this.tick(Date.now()), 1000).unref();
  }

  touch_tile() {
    this.tiles += 1;
    this.live.tiles = Math.min(72 * MIB, this.live.tiles + 0.75 * MIB);
  }

  touch_bitmap(bytes) {
    this.live.bitmaps = Math.min(40 * MIB, this.live.bitmaps + bytes);
  }

  tick(now) {
    this.live.tiles = Math.max(2 * MIB, this.live.tiles * 0.994);
    this.live.bitmaps *= 0.9;
    const total = this.total();
    this.history.times_ms.push(now);
    this.history.resident_bytes.push(Math.round(total + 21 * MIB));
    for (const [name, bytes] of Object.entries(this.live)) {
      (this.history.accounts[name] ??= []).push(Math.round(bytes));
      this.peak[name] = Math.max(this.peak[name] ?? 0, Math.round(bytes));
    }
    if (this.history.times_ms.length > 600) {
      this.history.times_ms.shift();
      this.history.resident_bytes.shift();
      for (const list of Object.values(this.history.accounts)) list.shift();
    }
  }

  total() {
    return Math.round(Object.values(this.live).reduce((a, b) => a + b, 0));
  }

  snapshot(with_history) {
    const total = this.total();
    const peak = Math.max(total, ...this.history.times_ms.map((_, i) => Object.values(this.history.accounts).reduce((a, s) => a + (s[i] ?? 0), 0)));
    const row = (account, count) => ({
      account,
      floor_bytes: account === 'descriptors' ? MIB : 0,
      ceiling_bytes: account === 'bitmaps' ? 64 * MIB : null,
      live_bytes: Math.round(this.live[account]),
      peak_bytes: this.peak[account],
      count,
    });
    const type = (account, name, share, count) => ({
      account,
      type: name,
      owner: 'photos',
      count,
      live_bytes: Math.round(this.live[account] * share),
      peak_bytes: Math.round(this.peak[account] * share),
    });
    const n_tiles = Math.round(this.live.tiles / (0.75 * MIB));
    return {
      time_ms: Date.now(),
      uptime_ms: Date.now() - this.started,
      host: { limit_bytes: LIMIT, live_bytes: total, peak_bytes: peak, idle_bytes: Math.round(this.live.tiles * 0.8), overdrawn_bytes: 0 },
      disk: { limit_bytes: 1024 * MIB, live_bytes: 96 * MIB, peak_bytes: 210 * MIB },
      files: { limit: 256, live: 14, peak: 41 },
      devices: this.with_devices ? [{ name: 'GPU 0', limit_bytes: 512 * MIB, live_bytes: 140 * MIB + Math.round(20 * MIB * Math.sin(Date.now() / 5000)), peak_bytes: 200 * MIB }] : [],
      process: { resident_bytes: total + 21 * MIB, peak_resident_bytes: peak + 24 * MIB, unaccounted_bytes: 21 * MIB },
      accounts: [row('tiles', n_tiles), row('bitmaps', 1), row('descriptors', 812), row('catalog', 1), row('scratch', 0)],
      types: [
        type('tiles', 'tile', 0.72, n_tiles),
        type('tiles', 'encoded tile', 0.28, n_tiles * 3),
        type('bitmaps', 'decoding pass', 1, 1),
        type('descriptors', 'file', 0.4, 412),
        type('descriptors', 'spec', 0.6, 400),
        type('catalog', 'listing', 1, 1),
      ],
      ...(with_history ? { history: this.history } : {}),
    };
  }
}
