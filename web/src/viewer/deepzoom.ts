// Deep zoom of one picture: OpenSeadragon over the server's IIIF tiles. The
// info.json is fetched here and not by OpenSeadragon, so that a refusal comes
// with the server's reason and leaving the picture aborts the request.

import type OSD from 'openseadragon';
import { ApiError, info_url, request } from '../api';
import { reduced_motion } from '../dom';
import { fit_scale, scale_of_zoom, swipe_of, zoom_of_scale, type Size, type Swipe } from './zoom';

export interface DeepZoomHooks {
  /** Picture pixels to device pixels, as a ratio, and whether the whole picture shows. */
  zoomed(ratio: number, is_fit: boolean): void;
  /** After each drawing: tiles on screen, and those among them at full resolution. */
  drawn(n_tiles: number, n_level0_tiles: number): void;
  failed(reason: string): void;
  /** Whether tiles for what is on screen are still on their way. */
  busy(busy: boolean): void;
  swiped(swipe: Exclude<Swipe, null>): void;
  /** A tap with a finger that is not the start of a double tap. */
  tapped(): void;
}

interface InfoJson {
  id: string;
  width: number;
  height: number;
  [key: string]: unknown;
}

const MAX_BUSY_TRIES = 5;
const DOUBLE_TAP_MS = 280;
/** Largest magnification, in CSS pixels per picture pixel. */
const MAX_SCALE = 8;

async function fetch_info(id: string, signal: AbortSignal): Promise<InfoJson> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await request(info_url(id), { signal });
      return (await response.json()) as InfoJson;
    } catch (error) {
      const busy = error instanceof ApiError && error.kind === 'busy';
      if (!busy || tries >= MAX_BUSY_TRIES) throw error;
      const wait_ms = error.retry_after_ms || 500 * tries;
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
      signal.throwIfAborted();
    }
  }
}

export class DeepZoom {
  #viewer: OSD.Viewer;
  #image: Size | null = null;
  #degrees = 0;
  #fitted = true;
  #drag: { x: number; y: number } | null = null;
  #tap_timer = 0;
  #has_drawn = false;
  #n_failures = 0;

  static async make(stage: HTMLElement, hooks: DeepZoomHooks): Promise<DeepZoom> {
    const { default: openseadragon } = await import('openseadragon');
    return new DeepZoom(openseadragon, stage, hooks);
  }

  private constructor(
    openseadragon: typeof OSD,
    private readonly stage: HTMLElement,
    private readonly hooks: DeepZoomHooks,
  ) {
    const still = reduced_motion();
    const touch = { flickEnabled: true, clickToZoom: false, dblClickToZoom: true, pinchToZoom: true };
    this.#viewer = openseadragon({
      element: stage,
      drawer: ['canvas'],
      showNavigationControl: false,
      showSequenceControl: false,
      keyboardNavEnabled: false,
      animationTime: still ? 0 : 0.55,
      springStiffness: 9,
      blendTime: still ? 0 : 0.12,
      zoomPerScroll: 1.25,
      visibilityRatio: 1,
      constrainDuringPan: false,
      minZoomImageRatio: 1,
      maxZoomPixelRatio: MAX_SCALE,
      imageLoaderLimit: 5,
      maxImageCacheCount: 120,
      maxTilesPerFrame: 4,
      tileRetryMax: 4,
      tileRetryDelay: 900,
      timeout: 90_000,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true, scrollToZoom: true, flickEnabled: false },
      gestureSettingsTouch: touch,
      gestureSettingsPen: touch,
    } as OSD.Options);
    const viewer = this.#viewer;
    // The stage itself takes the focus; a second stop inside it would say nothing new.
    viewer.canvas.setAttribute('tabindex', '-1');
    viewer.addHandler('update-viewport', () => this.#tell_zoom());
    viewer.addHandler('open', () => this.#on_open());
    viewer.addHandler('resize', () => this.#on_resize());
    viewer.addHandler('tiled-image-drawn', (event) => {
      const full = event.tiledImage.source.maxLevel;
      const level0 = event.tiles.filter((tile) => tile.level === full).length;
      if (event.tiles.length > 0) this.#has_drawn = true;
      hooks.drawn(event.tiles.length, level0);
    });
    viewer.addHandler('tile-load-failed', (event) => void this.#explain(event.tile.getUrl()));
    viewer.addHandler('open-failed', (event) => hooks.failed(event.message || 'The picture could not be opened.'));
    viewer.addHandler('zoom', () => (this.#fitted = false));
    viewer.addHandler('canvas-drag', (event) => {
      this.#drag ??= { x: 0, y: 0 };
      this.#drag.x += event.delta.x;
      this.#drag.y += event.delta.y;
    });
    viewer.addHandler('canvas-drag-end', (event) => this.#on_drag_end(event.pointerType !== 'mouse'));
    viewer.addHandler('canvas-pinch', () => (this.#drag = null));
    viewer.addHandler('canvas-click', (event) => {
      const { pointerType } = event.originalEvent as PointerEvent;
      if (!event.quick || pointerType === 'mouse') return;
      clearTimeout(this.#tap_timer);
      this.#tap_timer = setTimeout(() => hooks.tapped(), DOUBLE_TAP_MS) as unknown as number;
    });
    viewer.addHandler('canvas-double-click', () => clearTimeout(this.#tap_timer));
  }

  /** Opens a picture; resolves when its description is there and tiles are on their way. */
  async open(id: string, signal: AbortSignal): Promise<void> {
    this.#viewer.close();
    this.#image = null;
    this.#degrees = 0;
    this.#has_drawn = false;
    this.#n_failures = 0;
    const info = await fetch_info(id, signal);
    signal.throwIfAborted();
    this.#image = { width: info.width, height: info.height };
    // The server names itself by the host it thinks it has; behind a forwarded
    // port that may not be the host of this page.
    const base = new URL(`/iiif/3/${id}`, location.href).href;
    this.#viewer.viewport.setRotation(0, true);
    this.#viewer.open({ ...info, id: base, '@id': base } as unknown as OSD.TileSourceSpecifier);
  }

  close(): void {
    clearTimeout(this.#tap_timer);
    this.#viewer.close();
    this.#image = null;
  }

  destroy(): void {
    this.close();
    this.#viewer.destroy();
  }

  fit(immediately = false): void {
    const viewport = this.#viewer.viewport;
    const image = this.#image;
    if (!image || !this.#viewer.world.getItemCount()) return;
    viewport.zoomTo(this.#zoom(this.#fit_scale()), undefined, immediately);
    const center = viewport.imageToViewportCoordinates(image.width / 2, image.height / 2);
    viewport.panTo(center, immediately);
    this.#fitted = true;
    this.#tell_zoom();
  }

  /** One picture pixel on one device pixel. */
  one_to_one(): void {
    this.#zoom_to_scale(1 / devicePixelRatio);
  }

  /** The whole picture, or its pixels if the whole is already shown. */
  toggle_fit(): void {
    if (this.#fitted) this.one_to_one();
    else this.fit();
  }

  zoom_by(factor: number): void {
    if (!this.#image) return;
    this.#viewer.viewport.zoomBy(factor);
    this.#viewer.viewport.applyConstraints();
  }

  rotate(quarter_turns: number): void {
    if (!this.#image) return;
    const was_fitted = this.#fitted;
    this.#degrees += quarter_turns * 90;
    this.#viewer.viewport.setRotation(this.#degrees, reduced_motion());
    this.#set_bounds();
    if (was_fitted) this.fit();
  }

  get degrees(): number {
    return ((this.#degrees % 360) + 360) % 360;
  }

  /** Moves the view by shares of the stage. */
  pan(across: number, down: number): void {
    const viewport = this.#viewer.viewport;
    if (!this.#image) return;
    const container = viewport.getContainerSize();
    const point = container.clone();
    point.x *= across;
    point.y *= down;
    viewport.panBy(viewport.deltaPointsFromPixels(point));
    viewport.applyConstraints();
  }

  #stage_size(): Size {
    return { width: Math.max(1, this.stage.clientWidth), height: Math.max(1, this.stage.clientHeight) };
  }

  #fit_scale(): number {
    return fit_scale(this.#image!, this.#stage_size(), this.#degrees, devicePixelRatio);
  }

  #zoom(scale: number): number {
    return zoom_of_scale(scale, this.#image!.width, this.#stage_size().width);
  }

  #zoom_to_scale(scale: number): void {
    if (!this.#image) return;
    this.#viewer.viewport.zoomTo(this.#zoom(scale));
    this.#viewer.viewport.applyConstraints();
  }

  /** The whole picture is the smallest view, or its pixels if it is smaller than the stage. */
  #set_bounds(): void {
    if (!this.#image) return;
    const viewport = this.#viewer.viewport as OSD.Viewport & { minZoomLevel: number; maxZoomLevel: number };
    viewport.minZoomLevel = this.#zoom(this.#fit_scale());
    viewport.maxZoomLevel = this.#zoom(MAX_SCALE);
  }

  #on_open(): void {
    this.#set_bounds();
    this.fit(true);
    const item = this.#viewer.world.getItemAt(0);
    this.hooks.busy(!item.getFullyLoaded());
    item.addHandler('fully-loaded-change', (event) => this.hooks.busy(!event.fullyLoaded));
  }

  /** A tile failed. If nothing has been drawn at all, asks the server why. */
  async #explain(url: string): Promise<void> {
    const image = this.#image;
    this.#n_failures += 1;
    if (this.#has_drawn || !image) return;
    try {
      await request(url);
    } catch (error) {
      if (this.#image !== image || this.#has_drawn || !(error instanceof ApiError)) return;
      // A busy server is asked again by OpenSeadragon; only when that has not helped is it a failure.
      if (error.kind === 'busy' && this.#n_failures <= MAX_BUSY_TRIES) return;
      this.hooks.failed(error.message);
    }
  }

  #on_resize(): void {
    if (!this.#image || !this.#viewer.isOpen()) return;
    const was_fitted = this.#fitted;
    this.#set_bounds();
    if (was_fitted) this.fit(true);
  }

  #tell_zoom(): void {
    if (!this.#image || !this.#viewer.isOpen()) return;
    const scale = scale_of_zoom(this.#viewer.viewport.getZoom(true), this.#image.width, this.#stage_size().width);
    const target = scale_of_zoom(this.#viewer.viewport.getZoom(false), this.#image.width, this.#stage_size().width);
    this.#fitted = target <= this.#fit_scale() * 1.01;
    this.hooks.zoomed(scale * devicePixelRatio, this.#fitted);
  }

  #on_drag_end(by_finger: boolean): void {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag || !this.#image || !this.#fitted) return;
    const swipe = by_finger ? swipe_of(drag.x, drag.y, this.#stage_size()) : null;
    if (swipe) this.hooks.swiped(swipe);
    else this.fit();
  }
}
