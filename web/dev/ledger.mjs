// A ledger that behaves like the real one: it fills as pictures are asked for
// and never passes its limit, and tells what happened on the way.

const MIB = 1024 * 1024;
const LIMIT = 128 * MIB;
const MOST_TILES = 72 * MIB;
const MOST_EVENTS = 256;

/** Account, resource, type, owner, share of the account's bytes, part of them wasted. */
const TYPES = [
  ['tiles', 'host', 'tile', 'photos', 0.52, 0.03],
  ['tiles', 'host', 'tile', 'thumbnails', 0.2, 0.01],
  ['tiles', 'host', 'encoded tile', 'photos', 0.28, 0],
  ['bitmaps', 'host', 'decoding pass', 'photos', 1, 0.08],
  ['descriptors', 'host', 'file', 'photos', 0.4, 0],
  ['descriptors', 'host', 'spec', 'photos', 0.6, 0],
  ['catalog', 'host', 'listing', '', 1, 0],
];

const WORD_OF_DEVICE = {
  system: { total_bytes: 8192 * MIB, free_bytes: 7680 * MIB, process_bytes: 300 * MIB },
  allocator: { allocated_bytes: 168 * MIB, reserved_bytes: 256 * MIB },
};

export class MockLedger {
  started = Date.now();
  live = { tiles: 3 * MIB, bitmaps: 0, descriptors: 0.6 * MIB, catalog: 4 * MIB, scratch: 0 };
  peak = {};
  history = { interval_ms: 1000, times_ms: [], resident_bytes: [], accounts: {} };
  events = [];
  mark = null;
  /** Bytes by type when the mark was set. */
  marked = new Map();

  /** `is_old`: as a server answers that knows nothing of marks and events. */
  constructor(n_entries, with_devices, is_old) {
    this.live.catalog += n_entries * 160;
    this.with_devices = with_devices;
    this.is_old = is_old;
    // Some minutes of past, so that a graph is there at once.
    for (let i = 300; i > 0; i--) {
      const now = Date.now() - i * 1000;
      if (i % 40 === 0) this.touch_bitmap(36 * MIB * Math.abs(Math.sin(i)), now);
      if (i % 3 === 0) this.touch_tile(now);
      if (i === 180) this.event('pressure', null, 0, now);
      if (i === 179) this.event('trimmed', null, 9 * MIB, now);
      this.tick(now);
    }
    setInterval(() => this.tick(Date.now()), 1000).unref();
  }

  touch_tile(now = Date.now()) {
    const wanted = this.live.tiles + 0.75 * MIB;
    this.live.tiles = Math.min(MOST_TILES, wanted);
    if (wanted > MOST_TILES) this.event('reclaimed', 'tiles', wanted - MOST_TILES, now);
  }

  touch_bitmap(bytes, now = Date.now()) {
    const wanted = this.live.bitmaps + bytes;
    this.live.bitmaps = Math.min(40 * MIB, wanted);
    if (wanted > 60 * MIB) this.event('refused', 'bitmaps', bytes, now);
    else if (wanted > 40 * MIB) this.event('reclaimed', 'bitmaps', wanted - 40 * MIB, now);
  }

  /** Equal events within a second of each other are one. */
  event(kind, account, amount, now, resource = 'host') {
    const same = this.events.findLast((one) => one.kind === kind && one.account === account && one.resource === resource);
    if (same && now - same.until_ms <= 1000) {
      same.until_ms = now;
      same.count += 1;
      same.amount += Math.round(amount);
      return;
    }
    this.events.push({ time_ms: now, until_ms: now, kind, resource, account, count: 1, amount: Math.round(amount) });
    if (this.events.length > MOST_EVENTS) this.events.shift();
  }

  set_mark() {
    this.mark = { generation: (this.mark?.generation ?? 0) + 1, time_ms: Date.now() };
    this.marked = new Map(this.types().map((row) => [`${row.account}/${row.resource}/${row.type}/${row.owner}`, row]));
    this.event('marked', null, this.mark.generation, this.mark.time_ms);
    return this.mark;
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

  /** Bytes by which an account grew within the last minute. */
  growth(account) {
    const series = this.history.accounts[account];
    return series.length > 1 ? series.at(-1) - series[Math.max(0, series.length - 61)] : null;
  }

  counts() {
    const tiles = Math.round(this.live.tiles / (0.75 * MIB));
    return { 'encoded tile': tiles * 3, tile: tiles, 'decoding pass': this.live.bitmaps > 0.01 * MIB ? 1 : 0, file: 412, spec: 400, listing: 1 };
  }

  types() {
    const counts = this.counts();
    const rows = TYPES.map(([account, resource, type, owner, share, wasted]) => ({
      account,
      resource,
      type,
      owner,
      count: counts[type],
      live_bytes: Math.round(this.live[account] * share),
      peak_bytes: Math.round(this.peak[account] * share),
      wasted_bytes: Math.round(this.live[account] * share * wasted),
      growth_bytes_per_minute: Math.round(this.growth(account) * share),
    }));
    const other = { wasted_bytes: 0, growth_bytes_per_minute: null };
    rows.push({ account: 'scratch', resource: 'disk', type: 'spilled tile', owner: 'photos', count: 128, live_bytes: 96 * MIB, peak_bytes: 210 * MIB, ...other });
    rows.push({ account: 'descriptors', resource: 'files', type: 'open file', owner: 'photos', count: 14, live_bytes: 14, peak_bytes: 41, ...other });
    if (this.with_devices) {
      rows.push({ account: 'textures', resource: 'device 0', type: 'texture', owner: 'photos', count: 35, live_bytes: this.device_bytes(), peak_bytes: 200 * MIB, ...other });
    }
    return rows;
  }

  device_bytes() {
    return 140 * MIB + Math.round(20 * MIB * Math.sin(Date.now() / 5000));
  }

  since_mark(row) {
    if (!this.mark) return null;
    const before = this.marked.get(`${row.account}/${row.resource}/${row.type}/${row.owner}`);
    return {
      count: Math.max(0, row.count - (before?.count ?? 0)),
      live_bytes: Math.max(0, row.live_bytes - (before?.live_bytes ?? 0)),
    };
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
    const limit = (limit_bytes, live_bytes, peak_bytes) => ({ limit_bytes, live_bytes, peak_bytes, idle_bytes: 0, overdrawn_bytes: 0, overdrafts: 0, refusals: 0 });
    const { tile } = this.counts();
    const types = this.types();
    const ledger = {
      time_ms: Date.now(),
      uptime_ms: Date.now() - this.started,
      host: { ...limit(LIMIT, total, peak), idle_bytes: Math.round(this.live.tiles * 0.8) },
      disk: limit(1024 * MIB, 96 * MIB, 210 * MIB),
      files: limit(256, 14, 41),
      devices: this.with_devices ? [{ device: 0, ...limit(512 * MIB, this.device_bytes(), 200 * MIB), ...(this.is_old ? {} : WORD_OF_DEVICE) }] : [],
      process: { resident_bytes: total + 21 * MIB, peak_resident_bytes: peak + 24 * MIB, unaccounted_bytes: 21 * MIB },
      accounts: [row('tiles', tile), row('bitmaps', 1), row('descriptors', 812), row('catalog', 1), row('scratch', 0)],
      types: types.map(({ wasted_bytes, growth_bytes_per_minute, ...rest }) => rest),
      ...(with_history ? { history: this.history } : {}),
    };
    if (this.is_old) return ledger;
    ledger.types = types.map((one) => ({ ...one, since_mark: this.since_mark(one) }));
    Object.assign(ledger.process, { file_bytes: 12 * MIB, allocator_bytes: 6 * MIB, unclassified_bytes: 3 * MIB });
    return { ...ledger, mark: this.mark, events: this.events };
  }
}
