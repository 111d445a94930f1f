// Ledgers for the tests: as a server sends them, with what a test is about.

import type { Ledger } from '../src/memory/ledger';

export function ledger(time_ms: number, accounts: Record<string, number>, extra: Partial<Ledger> = {}): Ledger {
  const rows = Object.entries(accounts).map(([account, live_bytes]) => ({
    account,
    floor_bytes: 0,
    ceiling_bytes: null,
    live_bytes,
    peak_bytes: live_bytes,
    count: 1,
  }));
  const none = { limit_bytes: 0, live_bytes: 0, peak_bytes: 0 };
  return {
    time_ms,
    uptime_ms: time_ms,
    host: { limit_bytes: 1000, live_bytes: 0, peak_bytes: 0, idle_bytes: 0, overdrawn_bytes: 0 },
    disk: none,
    files: none,
    devices: [],
    process: { resident_bytes: 500, peak_resident_bytes: 500, unaccounted_bytes: 0 },
    accounts: rows,
    types: [],
    ...extra,
  };
}
