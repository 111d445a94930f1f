// Ties the parts together: the address says what is shown, the listing and its
// watch feed the grid, the viewer and the memory page lie over it.

import { api, ApiError, is_abort, type ImageRecord, type Scope } from './api';
import { h, is_typing } from './dom';
import { base_name } from './format';
import type { Anchor } from './grid/layout';
import { GridPage } from './grid/page';
import { entry, push_entry, remember, replace_entry } from './history';
import { icon } from './icons';
import { Listing } from './list/listing';
import { locate } from './list/locate';
import { Watch } from './list/watch';
import { LedgerFeed, Pace } from './memory/feed';
import type { Ledger } from './memory/ledger';
import type { MemoryPage } from './memory/page';
import type { ModelsPage } from './model/page';
import { prefs, save_prefs } from './prefs';
import { format_route, parse_route, same_scope, DEFAULT_SCOPE, type Route } from './router';
import { Contact } from './shell/contact';
import { FolderTree } from './shell/folders';
import { Frame } from './shell/frame';
import { Help } from './shell/help';
import { Meter } from './shell/meter';
import { next_theme, on_theme } from './theme';
import { Viewer } from './viewer/view';

const METER_MS = 5000;
const narrow = matchMedia('(max-width: 720px)');

/** Has the code for deep zoom at hand before the first picture is opened. */
function warm_viewer(): void {
  const load = () => void import('openseadragon').catch(() => undefined);
  if ('requestIdleCallback' in window) requestIdleCallback(load, { timeout: 4000 });
  else setTimeout(load, 1500);
}

export class App {
  #route: Route = { view: 'grid', scope: DEFAULT_SCOPE };
  #scope: Scope = DEFAULT_SCOPE;
  #listing: Listing | null = null;
  #listing_ready: Promise<void> = Promise.resolve();
  #folders_revision = -1;
  #image_index = -1;
  #opening = 0;

  #feed = new LedgerFeed();
  #help = new Help();
  #tree = new FolderTree((folder) => format_route({ view: 'grid', scope: { ...this.#scope, folder } }));
  #meter = new Meter();
  #frame = new Frame(
    {
      next_theme,
      help: () => this.#help.toggle(document.body),
      set_sidebar: (open) => this.#set_sidebar(open),
    },
    this.#tree.element,
    this.#meter.element,
  );
  #grid = new GridPage(
    {
      toggle_sidebar: () => this.#set_sidebar(!this.#sidebar_open()),
      set_order: (sort, order) => {
        save_prefs({ sort, order });
        this.#go({ view: 'grid', scope: { ...this.#scope, sort, order } }, true);
      },
    },
    (anchor) => {
      if (this.#route.view === 'grid') remember({ anchor });
    },
  );
  #viewer = new Viewer({
    step: (by) => void this.#step(by),
    close: () => this.#leave(),
    help: () => this.#help.toggle(this.#viewer.element),
    thumb_at_hand: (id) => this.#grid.view.thumb_at_hand(id),
  });
  /** Comes with its own code, the first time it is opened. */
  #memory: MemoryPage | null = null;
  #memory_loading: Promise<MemoryPage> | null = null;
  #models: ModelsPage | null = null;
  #models_loading: Promise<ModelsPage> | null = null;
  #models_counted = false;
  #watch = new Watch({
    scope: () => (this.#listing?.loaded ? this.#listing.scope : null),
    revision: () => this.#listing?.revision ?? -1,
    status: (scan) => this.#grid.update_state(scan, this.#scope),
    changed: () => this.#refresh(),
  });
  #contact = new Contact(() => {
    this.#grid.view.retry();
    if (this.#listing && !this.#listing.loaded) this.#load(this.#scope, null);
    this.#watch.now();
    this.#viewer.retry();
  });

  start(root: HTMLElement): void {
    this.#frame.main.append(this.#grid.element);
    root.append(this.#frame.element, this.#viewer.element, this.#contact.banner, this.#contact.gate);
    this.#apply_sidebar();
    narrow.addEventListener('change', () => this.#apply_sidebar(false));
    on_theme(() => {
      this.#memory?.theme_changed();
      this.#models?.theme_changed();
      this.#frame.show_theme(prefs.theme);
    });
    document.addEventListener('keydown', (event) => this.#on_key(event));
    window.addEventListener('popstate', () => this.#arrive());
    const pace = new Pace(METER_MS);
    const show = (ledger: Ledger) => {
      this.#meter.show(ledger);
      pace.saw(ledger.host.live_bytes);
    };
    this.#feed.subscribe(show, () => pace.interval_ms, false);
    if (!location.hash || location.hash === '#' || location.hash === '#/') {
      // Nothing asked for: the order a person chose last.
      replace_entry({ view: 'grid', scope: { folder: '', sort: prefs.sort, order: prefs.order } }, entry());
    }
    this.#arrive(true);
  }

  // -- addresses ------------------------------------------------------------

  #go(route: Route, replace = false): void {
    if (replace) replace_entry(route, { inside: entry().inside ?? false });
    else push_entry(route);
    this.#show_route(route);
  }

  /** Back to where we came from, or to the grid when the address was opened directly. */
  #leave(): void {
    if (entry().inside) history.back();
    else this.#go({ view: 'grid', scope: this.#scope }, true);
  }

  #arrive(first = false): void {
    const route = parse_route(location.hash);
    // A link inside the page makes an entry without a state.
    if (!first && history.state === null) remember({ inside: true });
    this.#show_route(route);
  }

  #show_route(route: Route): void {
    const before = this.#route;
    this.#route = route;
    if (route.view !== 'image') this.#viewer.close();
    if (route.view !== 'memory') this.#memory?.close();
    if (route.view !== 'model') this.#models?.close();
    const covered = route.view !== 'grid';
    this.#grid.element.inert = covered;
    this.#grid.element.classList.toggle('covered', route.view === 'memory' || route.view === 'model');
    this.#frame.element.inert = route.view === 'image';
    this.#grid.view.pause(covered);
    this.#opening += 1;
    if (route.view === 'memory' || route.view === 'model') {
      if (!this.#listing) this.#load({ ...DEFAULT_SCOPE, sort: prefs.sort, order: prefs.order }, null);
      void (route.view === 'memory' ? this.#show_memory() : this.#show_models(this.#opening));
    } else {
      if (!this.#listing || !same_scope(route.scope, this.#scope)) {
        this.#load(route.scope, route.view === 'grid' ? (entry().anchor ?? null) : null);
      }
      if (route.view === 'image') void this.#show_image(route.id, this.#opening);
      else if (before.view === 'image') this.#return_to_grid();
    }
    if (narrow.matches) this.#set_sidebar(false);
    this.#frame.show_view(route.view === 'image' ? 'grid' : route.view, format_route({ view: 'grid', scope: this.#scope }));
    this.#set_title();
  }

  #set_title(): void {
    const record = this.#viewer.shown?.record;
    const place =
      this.#route.view === 'memory'
        ? 'Memory'
        : this.#route.view === 'model'
          ? '3D models'
          : this.#route.view === 'image'
            ? record && base_name(record.path)
            : base_name(this.#scope.folder);
    document.title = place ? `${place} · Pixelbank` : 'Pixelbank';
  }

  // -- listing --------------------------------------------------------------

  #load(scope: Scope, anchor: Anchor | null): void {
    this.#listing?.close();
    this.#watch.stop();
    const listing = new Listing(scope);
    this.#listing = listing;
    this.#scope = scope;
    this.#image_index = -1;
    this.#grid.show_loading();
    this.#grid.bar.set_scope(scope, this.#tree.root_name);
    this.#tree.set_current(scope.folder);
    this.#listing_ready = listing.load().then(
      () => {
        if (this.#listing !== listing) return;
        this.#grid.show(listing, anchor);
        this.#watch.now();
        void this.#load_folders(listing.revision);
        void this.#count_models();
        warm_viewer();
      },
      (error: unknown) => {
        if (is_abort(error) || this.#listing !== listing) return;
        if (error instanceof ApiError && error.kind === 'unauthorized') return;
        this.#grid.show_failure((error as Error).message);
      },
    );
  }

  async #load_folders(revision: number): Promise<void> {
    if (revision === this.#folders_revision) return;
    this.#folders_revision = revision;
    try {
      const list = await api.folders();
      this.#tree.set_folders(list.folders);
      this.#grid.bar.set_scope(this.#scope, this.#tree.root_name);
    } catch {
      // The tree stays as it was; the next change tries again.
      this.#folders_revision = -1;
    }
  }

  /** Takes over a changed listing, keeping in place what is looked at. */
  async #refresh(): Promise<void> {
    const listing = this.#listing;
    if (!listing?.loaded) return;
    const anchor = this.#grid.view.anchor();
    const open = this.#viewer.shown;
    const near = open ? this.#image_index : (anchor?.item ?? -1);
    const id = open ? open.id : near >= 0 ? listing.record(near)?.id : undefined;
    const { kept_index } = await listing.refresh(id !== undefined && near >= 0 ? { id, near } : null);
    if (this.#listing !== listing) return;
    this.#grid.relisted(open ? -1 : kept_index);
    if (open && this.#viewer.shown?.id === open.id && kept_index >= 0) {
      this.#image_index = kept_index;
      this.#viewer.show({ id: open.id, record: listing.record(kept_index) ?? open.record, index: kept_index, total: listing.total });
    }
    await this.#load_folders(listing.revision);
  }

  // -- one picture ----------------------------------------------------------

  async #show_image(id: string, opening: number): Promise<void> {
    const stale = () => this.#opening !== opening;
    const at_hand = this.#listing!.index_at_hand(id);
    this.#show_found(id, at_hand, this.#listing!.record(at_hand) ?? null);
    if (at_hand >= 0) return;
    try {
      // Opened by its address: the picture comes first, its place in the listing after.
      const details = await api.details(id);
      if (stale()) return;
      const record: ImageRecord = details;
      this.#show_found(id, -1, record);
      await this.#listing_ready;
      const listing = this.#listing!;
      if (stale() || !listing.loaded) return;
      const lister = {
        total: listing.total,
        list: async (offset: number, limit: number) => (await api.images(listing.scope, offset, limit)).images,
      };
      const index = await locate(lister, record, listing.scope, entry().index ?? -1);
      if (stale() || index < 0) return;
      this.#show_found(id, index, (await listing.fetch_record(index)) ?? record);
    } catch {
      // The viewer tells by itself why the picture does not come.
    }
  }

  #show_found(id: string, index: number, record: ImageRecord | null): void {
    const listing = this.#listing!;
    this.#image_index = index;
    this.#viewer.show({ id, record, index, total: listing.total });
    this.#set_title();
    if (index < 0) return;
    remember({ index });
    void this.#preload_neighbours(index, this.#opening);
  }

  async #preload_neighbours(index: number, opening: number): Promise<void> {
    const listing = this.#listing!;
    try {
      const records = await Promise.all([listing.fetch_record(index + 1), listing.fetch_record(index - 1)]);
      if (this.#opening !== opening || this.#image_index !== index) return;
      this.#viewer.preload(records.flatMap((record) => (record && !record.error ? [record.id] : [])));
    } catch {
      // Only a convenience.
    }
  }

  async #step(by: number): Promise<void> {
    const listing = this.#listing;
    if (!listing || this.#image_index < 0) return;
    const target = Math.max(0, Math.min(listing.total - 1, this.#image_index + by));
    if (target === this.#image_index) return;
    this.#image_index = target;
    try {
      const record = await listing.fetch_record(target);
      // Meanwhile the key may have gone on, or the viewer may be closed.
      if (!record || this.#image_index !== target || this.#route.view !== 'image') return;
      const route: Route = { view: 'image', id: record.id, scope: this.#scope };
      this.#route = route;
      this.#opening += 1;
      replace_entry(route, entry());
      this.#show_found(record.id, target, record);
    } catch {
      // The banner says that the server is gone.
    }
  }

  #return_to_grid(): void {
    const index = this.#image_index;
    void this.#listing_ready.then(() => {
      if (this.#route.view !== 'grid' || index < 0) return;
      this.#grid.view.focus_item(index);
    });
  }

  // -- memory ---------------------------------------------------------------

  #leave_button(): HTMLElement {
    return h(
      'button',
      { class: 'tool', type: 'button', title: 'Back (Esc)', 'aria-label': 'Back', onclick: () => this.#leave() },
      icon('back'),
    );
  }

  async #show_memory(): Promise<void> {
    this.#memory_loading ??= import('./memory/page').then(({ MemoryPage }) => {
      const page = new MemoryPage(this.#feed, this.#leave_button());
      this.#frame.main.append(page.element);
      return page;
    });
    this.#memory = await this.#memory_loading;
    if (this.#route.view === 'memory') this.#memory.open();
  }

  async #show_models(opening: number): Promise<void> {
    this.#models_loading ??= import('./model/page').then(({ ModelsPage }) => {
      const page = new ModelsPage(this.#leave_button());
      this.#frame.main.append(page.element);
      return page;
    });
    this.#models = await this.#models_loading;
    if (this.#opening === opening && this.#route.view === 'model') this.#models.open(this.#route.id);
  }

  /** The side bar leads to the models, if there are any; an older server knows of none. */
  async #count_models(): Promise<void> {
    if (this.#models_counted) return;
    this.#models_counted = true;
    try {
      this.#frame.show_models((await api.models()).models.length);
    } catch {
      // Only a way that is not offered.
    }
  }

  // -- side bar and keys ----------------------------------------------------

  #sidebar_open(): boolean {
    return this.#frame.element.classList.contains('with-sidebar');
  }

  /** On a phone the side bar lies over the pictures and starts closed. */
  #apply_sidebar(open = prefs.sidebar_open && !narrow.matches): void {
    this.#frame.show_sidebar(narrow.matches ? open : prefs.sidebar_open);
    this.#grid.bar.sidebar_button.setAttribute('aria-expanded', String(this.#sidebar_open()));
  }

  #set_sidebar(open: boolean): void {
    if (open === this.#sidebar_open()) return;
    const had_focus = this.#frame.sidebar.contains(document.activeElement);
    if (!narrow.matches) save_prefs({ sidebar_open: open });
    this.#apply_sidebar(open);
    if (!open && had_focus) this.#grid.bar.sidebar_button.focus();
    if (open && narrow.matches) this.#frame.sidebar.querySelector<HTMLElement>('[aria-current]')?.focus();
  }

  #on_key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || is_typing(event)) return;
    if (this.#help.element.open) {
      if (event.key === '?') this.#help.element.close();
      return;
    }
    if (this.#everywhere(event.key) || (this.#viewer.is_open ? this.#viewer.on_key(event) : this.#on_page_key(event.key))) {
      event.preventDefault();
    }
  }

  #everywhere(key: string): boolean {
    switch (key) {
      case '?':
        this.#help.toggle(this.#viewer.is_open ? this.#viewer.element : document.body);
        return true;
      case 'm':
        if (this.#route.view === 'memory') this.#leave();
        else this.#go({ view: 'memory' });
        return true;
      case 't':
        next_theme();
        return true;
      default:
        return false;
    }
  }

  #on_page_key(key: string): boolean {
    if (key === 'Escape' && narrow.matches && this.#sidebar_open()) {
      this.#set_sidebar(false);
      return true;
    }
    if (this.#route.view === 'model') {
      if (key === 'Escape') this.#leave();
      return key === 'Escape';
    }
    if (this.#route.view === 'memory') {
      if (key === 'Escape') this.#leave();
      else if (key === 'v') this.#memory?.toggle_devices();
      else return false;
      return true;
    }
    switch (key) {
      case 's':
        this.#set_sidebar(!this.#sidebar_open());
        return true;
      case '+':
      case '=':
        this.#grid.change_row_size(1);
        return true;
      case '-':
        this.#grid.change_row_size(-1);
        return true;
      case 'ArrowDown':
      case 'ArrowRight':
        // From nowhere in particular the arrows lead into the grid.
        if (document.activeElement !== document.body || !this.#listing?.total) return false;
        this.#grid.view.focus_item(this.#grid.view.active_index);
        return true;
      default:
        return false;
    }
  }
}
