// The frame around the views: side bar, main area, and the bar at the bottom of
// a phone.

import { h } from '../dom';
import { count_text } from '../format';
import { icon, set_icon, type IconName } from '../icons';
import { prefs, type Theme } from '../prefs';
import { format_route, DEFAULT_SCOPE } from '../router';

const THEME_ICON: Record<Theme, IconName> = { auto: 'auto', light: 'sun', dark: 'moon' };
const THEME_NAME: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' };

export interface FrameHooks {
  next_theme(): Theme;
  help(): void;
  set_sidebar(open: boolean): void;
}

export class Frame {
  readonly element: HTMLElement;
  readonly main: HTMLElement;
  readonly sidebar: HTMLElement;
  #theme_button: HTMLButtonElement;
  #models: HTMLElement;
  #n_models: HTMLElement;
  #tabs: Record<'grid' | 'folders' | 'memory', HTMLElement>;

  constructor(
    hooks: FrameHooks,
    tree: HTMLElement,
    private readonly meter: HTMLElement,
  ) {
    this.#theme_button = h('button', { class: 'tool', type: 'button', onclick: () => this.show_theme(hooks.next_theme()) });
    this.#n_models = h('span', { class: 'models-count' });
    this.#models = h('a', { class: 'models-link', href: format_route({ view: 'model', id: '' }), hidden: true }, icon('model'), h('span', {}, '3D models'), this.#n_models);
    this.main = h('main', { class: 'main', id: 'main' });
    this.sidebar = h(
      'nav',
      { class: 'sidebar', 'aria-label': 'Folders' },
      h('a', { class: 'brand', href: format_route({ view: 'grid', scope: DEFAULT_SCOPE }) }, brand_mark(), h('span', {}, 'Pixelbank')),
      tree,
      h(
        'footer',
        { class: 'sidebar-foot' },
        this.#models,
        meter,
        h(
          'div',
          { class: 'sidebar-tools' },
          this.#theme_button,
          h('button', { class: 'tool', type: 'button', title: 'Keys (?)', 'aria-label': 'Keys', onclick: () => hooks.help() }, icon('help')),
        ),
      ),
    );
    const tab = (name: IconName, label: string, href: string | null, action?: () => void) =>
      href
        ? h('a', { class: 'tab', href }, icon(name), h('span', {}, label))
        : h('button', { class: 'tab', type: 'button', onclick: () => action?.() }, icon(name), h('span', {}, label));
    this.#tabs = {
      grid: tab('photos', 'Photos', '#/'),
      folders: tab('folder', 'Folders', null, () => hooks.set_sidebar(true)),
      memory: tab('memory', 'Memory', '#/memory'),
    };
    const shade = h('div', { class: 'sidebar-shade', onclick: () => hooks.set_sidebar(false) });
    this.element = h(
      'div',
      { class: 'frame' },
      h('a', { class: 'skip-link', href: '#main', onclick: (event: Event) => this.#skip(event) }, 'Skip to the pictures'),
      this.sidebar,
      shade,
      this.main,
      h('nav', { class: 'tabbar', 'aria-label': 'Views' }, ...Object.values(this.#tabs)),
    );
    this.show_theme(prefs.theme);
  }

  show_theme(theme: Theme): void {
    set_icon(this.#theme_button, THEME_ICON[theme]);
    const label = `Colours: ${THEME_NAME[theme]}`;
    this.#theme_button.title = `${label} (t)`;
    this.#theme_button.setAttribute('aria-label', label);
  }

  /** Marks the view in both bars; `grid_href` leads back to the listing last shown. */
  show_view(view: 'grid' | 'memory' | 'model', grid_href: string): void {
    this.element.dataset['view'] = view;
    const places = { memory: this.meter, model: this.#models };
    for (const [name, element] of Object.entries(places)) {
      if (name === view) element.setAttribute('aria-current', 'page');
      else element.removeAttribute('aria-current');
    }
    this.#tabs.grid.setAttribute('href', grid_href);
    for (const [name, element] of Object.entries(this.#tabs)) {
      if (name === view) element.setAttribute('aria-current', 'page');
      else element.removeAttribute('aria-current');
    }
  }

  /** A way to the 3D models, where there are some. */
  show_models(count: number): void {
    this.#models.hidden = count === 0;
    this.#n_models.textContent = count_text(count);
  }

  show_sidebar(open: boolean): void {
    this.element.classList.toggle('with-sidebar', open);
    this.sidebar.inert = !open;
  }

  #skip(event: Event): void {
    // The address after # belongs to the router.
    event.preventDefault();
    this.main.querySelector<HTMLElement>('.page:not([hidden]) [tabindex="0"]')?.focus();
  }
}

function brand_mark(): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 22 20');
  svg.setAttribute('class', 'brand-mark');
  svg.setAttribute('aria-hidden', 'true');
  [
    [0, 12, 8],
    [8, 6, 14],
    [16, 0, 20],
  ].forEach(([x, y, height], i) => {
    const bar = document.createElementNS(space, 'rect');
    bar.setAttribute('x', String(x));
    bar.setAttribute('y', String(y));
    bar.setAttribute('width', '6');
    bar.setAttribute('height', String(height));
    bar.setAttribute('rx', '1.5');
    bar.setAttribute('opacity', String(1 - 0.28 * i));
    svg.appendChild(bar);
  });
  return svg;
}
