// Light, dark, or as the system says. The choice is an attribute of the root;
// style sheets do the rest through `color-scheme`.

import { prefs, save_prefs, type Theme } from './prefs';

const dark_system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function apply(): void {
  const root = document.documentElement;
  if (prefs.theme === 'auto') delete root.dataset['theme'];
  else root.dataset['theme'] = prefs.theme;
  const effective = prefs.theme === 'auto' ? (dark_system.matches ? 'dark' : 'light') : prefs.theme;
  root.dataset['effectiveTheme'] = effective;
  const colour = effective === 'dark' ? '#131413' : '#fafaf8';
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.setAttribute('content', colour);
  for (const listener of listeners) listener();
}

export function start_theme(): void {
  apply();
  dark_system.addEventListener('change', apply);
}

export function on_theme(listener: () => void): void {
  listeners.add(listener);
}

const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };

/** Goes on to the next choice and returns it. */
export function next_theme(): Theme {
  save_prefs({ theme: NEXT[prefs.theme] });
  apply();
  return prefs.theme;
}
