// The treemap: rectangles as large as what is held, in the colours of the graph.
// Each is a button; the arrow keys lead from one to the next.

import { h, set_attribute, set_text } from '../dom';
import { bytes_text, share_text } from '../format';
import type { Ledger } from './ledger';
import { colour_of, fitted, HEAD_PX, holdings, Layout, neighbour, resources, type Rect } from './treemap_layout';

const HEIGHT_PX = 320;
const PADDING_PX = 7;
const TWO_LINES_PX = 38;
const ARROWS: Record<string, [number, number]> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

interface Tile {
  element: HTMLElement;
  /** All of it for screen readers: what is seen may be cut. */
  spoken: HTMLElement;
  name: HTMLElement;
  figure: HTMLElement;
  place: string;
  rect: Rect;
}

/** How wide a text is in the map's font; each one is measured once. */
class Ruler {
  #context = document.createElement('canvas').getContext('2d')!;
  #known = new Map<string, number>();

  constructor(element: HTMLElement) {
    this.#context.font = `500 12px ${getComputedStyle(element).fontFamily}`;
  }

  width_px(text: string): number {
    let width = this.#known.get(text);
    if (width === undefined) {
      if (this.#known.size > 2000) this.#known.clear();
      width = this.#context.measureText(text).width;
      this.#known.set(text, width);
    }
    return width;
  }
}

export class TreemapPanel {
  readonly element: HTMLElement;
  #map: HTMLElement;
  #told: HTMLElement;
  #resource: HTMLSelectElement;
  #tiles = new Map<string, Tile>();
  #layout = new Layout();
  #ledger: Ledger | null = null;
  #ruler: Ruler | null = null;
  #total = 0;
  /** The one tile that Tab leads to. */
  #current = '';

  constructor(private readonly choose_account: (account: string) => void) {
    this.#map = h('div', {
      class: 'treemap',
      role: 'group',
      'aria-label': 'Who holds what, as areas; arrow keys lead from one to the next',
      onkeydown: (event: KeyboardEvent) => this.#on_key(event),
      onfocusin: (event: FocusEvent) => this.#tell(event.target),
      onpointerover: (event: PointerEvent) => this.#tell(event.target),
      onpointerleave: () => this.#tell(document.activeElement),
    });
    this.#map.style.height = `${HEIGHT_PX}px`;
    this.#told = h('p', { class: 'treemap-told' }, '\u00a0');
    this.#resource = h('select', { class: 'select', 'aria-label': 'Resource', hidden: true, onchange: () => this.#draw() });
    this.element = h(
      'section',
      { class: 'panel treemap-panel', 'aria-label': 'Who holds what' },
      h('header', { class: 'panel-head' }, h('h2', {}, 'Who holds what'), this.#resource),
      this.#map,
      this.#told,
    );
    new ResizeObserver(() => this.#draw()).observe(this.#map);
  }

  update(ledger: Ledger): void {
    this.#ledger = ledger;
    const offered = resources(ledger);
    if ([...this.#resource.options].map((option) => option.value).join() !== offered.join()) {
      const chosen = this.#resource.value;
      this.#resource.replaceChildren(...offered.map((name) => h('option', { value: name }, name)));
      this.#resource.value = offered.includes(chosen) ? chosen : 'host';
      this.#resource.hidden = offered.length < 2;
    }
    this.#draw();
  }

  #draw(): void {
    const width = this.#map.clientWidth;
    if (!this.#ledger || width === 0) return;
    this.#ruler ??= new Ruler(this.#map);
    const groups = holdings(this.#ledger, this.#resource.value || 'host');
    this.#total = groups.reduce((sum, one) => sum + one.bytes, 0);
    const seen = new Set<string>();
    for (const rect of this.#layout.rects(groups, width, HEIGHT_PX)) {
      seen.add(rect.id);
      this.#place(rect);
    }
    for (const [id, tile] of this.#tiles) {
      if (seen.has(id)) continue;
      tile.element.remove();
      this.#tiles.delete(id);
    }
    this.#keep_reachable();
  }

  #place(rect: Rect): void {
    let tile = this.#tiles.get(rect.id);
    if (!tile || tile.rect.is_leaf !== rect.is_leaf) {
      tile?.element.remove();
      tile = this.#new_tile(rect);
      this.#tiles.set(rect.id, tile);
      this.#map.append(tile.element);
    }
    tile.rect = rect;
    const place = `left:${rect.x}px;top:${rect.y}px;width:${rect.width}px;height:${rect.height}px;--key:var(${colour_of(rect.account)})`;
    if (tile.place !== place) tile.element.style.cssText = tile.place = place;
    this.#label(tile);
  }

  #new_tile(rect: Rect): Tile {
    const name = h('span', { class: 'treemap-name', 'aria-hidden': 'true' });
    const figure = h('span', { class: 'treemap-figure', 'aria-hidden': 'true' });
    const spoken = h('span', { class: 'visually-hidden' });
    const { id } = rect;
    const element = rect.is_leaf
      ? h('button', { class: 'treemap-leaf', type: 'button', tabindex: -1, 'data-id': id, onclick: () => this.#choose(id) }, spoken, name, figure)
      : h('div', { class: 'treemap-group', 'aria-hidden': 'true' }, name, figure);
    return { element, spoken, name, figure, place: '', rect };
  }

  #label(tile: Tile): void {
    const { rect } = tile;
    const measure = (text: string) => this.#ruler!.width_px(text);
    const room = rect.width - 2 * PADDING_PX;
    const figure = bytes_text(rect.bytes);
    const high_enough = rect.height >= HEAD_PX;
    const name = high_enough ? fitted(rect.name, room, measure) : '';
    set_text(tile.name, name);
    if (rect.is_leaf) {
      set_text(tile.figure, name && rect.height >= TWO_LINES_PX && measure(figure) <= room ? figure : '');
      const text = this.#text(rect);
      set_attribute(tile.element, 'title', text);
      set_text(tile.spoken, text);
    } else {
      set_text(tile.figure, name === rect.name && measure(`${name}  ${figure}`) <= room ? figure : '');
    }
  }

  #text(rect: Rect): string {
    const share = share_text(rect.bytes / Math.max(1, this.#total));
    return `${rect.group}: ${rect.name}, ${bytes_text(rect.bytes)}, ${share}`;
  }

  #choose(id: string): void {
    const account = this.#tiles.get(id)?.rect.account;
    if (account) this.choose_account(account);
  }

  #leaves(): Tile[] {
    return [...this.#tiles.values()].filter((tile) => tile.rect.is_leaf);
  }

  /** Tab leads to one tile: the one that had the focus last, else the largest. */
  #keep_reachable(): void {
    if (!this.#tiles.has(this.#current)) {
      const largest = this.#leaves().reduce<Tile | null>((a, b) => (a && a.rect.bytes >= b.rect.bytes ? a : b), null);
      this.#current = largest?.rect.id ?? '';
    }
    for (const tile of this.#leaves()) set_attribute(tile.element, 'tabindex', tile.rect.id === this.#current ? '0' : '-1');
  }

  #on_key(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    const leaves = this.#leaves();
    const from = leaves.findIndex((tile) => tile.element === document.activeElement);
    if (!arrow || from < 0) return;
    event.preventDefault();
    const to = neighbour(leaves.map((tile) => tile.rect), from, ...arrow);
    const next = leaves[to];
    if (!next) return;
    this.#current = next.rect.id;
    this.#keep_reachable();
    next.element.focus();
  }

  /** Writes below the map what is pointed at, for those who cannot read a small tile. */
  #tell(target: EventTarget | null): void {
    const leaf = target instanceof Element ? target.closest<HTMLElement>('.treemap-leaf') : null;
    const tile = leaf && this.#tiles.get(leaf.dataset['id'] ?? '');
    set_text(this.#told, tile ? this.#text(tile.rect) : '\u00a0');
  }
}
