// What the page remembers of a person's choices, in localStorage. Storage can
// be switched off or full; then the choices last as long as the page.

import type { SortKey, SortOrder } from './api';

export type Theme = 'auto' | 'light' | 'dark';
export type RowSize = 'small' | 'medium' | 'large';

export interface Prefs {
  theme: Theme;
  row_size: RowSize;
  sort: SortKey;
  order: SortOrder;
  sidebar_open: boolean;
  details_open: boolean;
}

const DEFAULTS: Prefs = {
  theme: 'auto',
  row_size: 'medium',
  sort: 'date',
  order: 'desc',
  sidebar_open: true,
  details_open: false,
};

const CHOICES: { [K in keyof Prefs]: readonly Prefs[K][] } = {
  theme: ['auto', 'light', 'dark'],
  row_size: ['small', 'medium', 'large'],
  sort: ['date', 'name'],
  order: ['asc', 'desc'],
  sidebar_open: [true, false],
  details_open: [true, false],
};

const STORAGE_KEY = 'pixelbank.prefs';

/** Reads stored text; anything unknown or damaged falls back to its default. */
export function parse_prefs(text: string | null): Prefs {
  let stored: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    if (parsed && typeof parsed === 'object') stored = parsed as Record<string, unknown>;
  } catch {
    // Damaged text counts as none.
  }
  const prefs = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS) as (keyof Prefs)[]) {
    if ((CHOICES[key] as readonly unknown[]).includes(stored[key])) {
      (prefs as Record<string, unknown>)[key] = stored[key];
    }
  }
  return prefs;
}

function read(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

export const prefs: Prefs = parse_prefs(typeof window === 'undefined' ? null : read());

export function save_prefs(change: Partial<Prefs>): void {
  Object.assign(prefs, change);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(prefs));
  } catch {
    // Nothing to do: the choice lasts until the page is closed.
  }
}
