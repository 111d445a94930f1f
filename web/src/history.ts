// What an entry of the browser's history remembers beside its address.

import type { Anchor } from './grid/layout';
import { format_route, type Route } from './router';

export interface EntryState {
  /** The entry before this one is a view of ours: closing goes back to it. */
  inside?: boolean;
  /** Where the grid was scrolled to. */
  anchor?: Anchor | null;
  /** Where the picture stood in its listing; a hint, as the listing may change. */
  index?: number;
}

export function entry(): EntryState {
  return (history.state as EntryState | null) ?? {};
}

/** Adds to what the present entry remembers. */
export function remember(change: EntryState): void {
  history.replaceState({ ...entry(), ...change }, '');
}

export function replace_entry(route: Route, state: EntryState): void {
  history.replaceState(state, '', format_route(route));
}

export function push_entry(route: Route): void {
  history.pushState({ inside: true } satisfies EntryState, '', format_route(route));
}
