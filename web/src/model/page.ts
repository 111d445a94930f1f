// The page of 3D models: the list of those in the folder, and one of them, drawn,
// with what each part of it takes in the server's memory.

import { api, ApiError, is_abort, model_arrays_url, request, type ModelDetails, type ModelRecord } from '../api';
import { h, replace, set_text } from '../dom';
import { base_name, bytes_text, count_text, folder_of, plural, share_text } from '../format';
import { SortableTable } from '../memory/table';
import { format_route } from '../router';
import { parse_arrays } from './arrays';
import type { ModelScene } from './scene';

/** Beyond this, a person is asked before so much goes through the line. */
const SHOWN_AT_ONCE_BYTES = 96 * 1024 * 1024;
const Y_UP = ['gltf', 'glb'];

interface Part {
  part: string;
  bytes: number | null;
  note: string;
}

export class ModelsPage {
  readonly element: HTMLElement;
  #title: HTMLElement;
  #count: HTMLElement;
  #list: HTMLElement;
  #shown: HTMLElement;
  #stage: HTMLElement;
  #notice: HTMLElement;
  #facts: HTMLElement;
  #objects: HTMLElement;
  #tools: HTMLElement;
  #wireframe: HTMLButtonElement;
  #parts: SortableTable<Part>;
  #derive: HTMLButtonElement;
  #said: HTMLElement;
  #scene: ModelScene | null = null;
  #control: AbortController | null = null;
  #details: ModelDetails | null = null;
  #total = 1;

  constructor(leave_page: HTMLElement) {
    this.#title = h('h1', { class: 'bar-title' }, '3D models');
    this.#count = h('span', { class: 'bar-count' });
    this.#list = h('ul', { class: 'model-list', 'aria-label': 'Models' });
    this.#stage = h('div', { class: 'model-stage' });
    this.#notice = h('div', { class: 'notice model-notice', role: 'status' });
    this.#facts = h('p', { class: 'model-facts' });
    this.#objects = h('div', { class: 'panel', hidden: true });
    this.#said = h('span', { class: 'panel-said', role: 'status' });
    this.#wireframe = h('button', { class: 'chip', type: 'button', 'aria-pressed': 'false', onclick: () => this.#toggle_wireframe() }, 'Wireframe');
    const fit = h('button', { class: 'chip', type: 'button', title: 'Fit (0)', onclick: () => this.#scene?.fit() }, 'Fit');
    this.#tools = h('div', { class: 'segmented model-tools', hidden: true }, fit, this.#wireframe);
    this.#parts = new SortableTable<Part>({
      caption: 'Memory by part',
      columns: [
        { title: 'Part', value: (r) => r.part, text: (r) => r.part },
        {
          title: 'Bytes',
          numeric: true,
          value: (r) => r.bytes,
          text: (r) => (r.bytes === null ? '–' : bytes_text(r.bytes)),
          bar: (r) => (r.bytes ?? 0) / this.#total,
        },
        {
          title: 'A face',
          numeric: true,
          value: (r) => r.bytes,
          text: (r) => (r.bytes === null || !this.#details?.faces ? '–' : `${(r.bytes / this.#details.faces).toFixed(1)} B`),
        },
        { title: 'Share', numeric: true, value: (r) => r.bytes, text: (r) => (r.note || r.bytes === null ? '–' : share_text(r.bytes / this.#total)) },
        { title: 'Held', value: (r) => r.note, text: (r) => r.note || 'while the model is' },
      ],
      sorted: 1,
      empty_text: 'Nothing is held.',
      id: (row) => row.part,
    });
    this.#derive = h(
      'button',
      {
        class: 'button small',
        type: 'button',
        title: 'Builds neighbours, a tree for rays and the resting form, says how large each is, and gives them back',
        onclick: () => void this.#measure(),
      },
      'Measure what is built on demand',
    );
    const panel = h(
      'div',
      { class: 'panel' },
      h('header', { class: 'panel-head' }, h('h2', {}, 'Memory by part'), h('div', { class: 'chips' }, this.#said, this.#derive)),
      this.#parts.element,
    );
    this.#shown = h(
      'div',
      { class: 'model-shown', hidden: true },
      h('div', { class: 'panel model-view' }, this.#stage, this.#notice, this.#tools),
      this.#facts,
      panel,
      this.#objects,
    );
    this.element = h(
      'section',
      { class: 'page model-page', 'aria-label': '3D models', hidden: true },
      h('header', { class: 'bar' }, leave_page, this.#title, this.#count),
      h('div', { class: 'memory-scroll', tabindex: -1 }, h('div', { class: 'memory-inner' }, this.#shown, this.#list)),
    );
  }

  /** Shows the list, or the model of that identifier. */
  open(id: string): void {
    if (!this.element.hidden && this.element.dataset['modelId'] === id) return;
    this.#stop();
    this.element.hidden = false;
    this.element.dataset['modelId'] = id;
    this.#shown.hidden = id === '';
    this.#list.hidden = id !== '';
    set_text(this.#title, id === '' ? '3D models' : base_name(decode(id)));
    set_text(this.#count, '');
    this.element.querySelector<HTMLElement>('.memory-scroll')?.focus({ preventScroll: true });
    if (id === '') void this.#show_list();
    else void this.#show_model(id);
  }

  close(): void {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.#stop();
  }

  theme_changed(): void {
    this.#scene?.theme_changed();
  }

  /** Gives up what is under way, and the graphics with all that lies in their memory. */
  #stop(): void {
    this.#control?.abort();
    this.#control = null;
    this.#scene?.destroy();
    this.#scene = null;
    this.#details = null;
    this.#tools.hidden = true;
    this.#objects.hidden = true;
    this.#derive.disabled = false;
    set_text(this.#said, '');
    set_text(this.#facts, '');
    replace(this.#notice);
    this.#parts.update([]);
  }

  #state(state: 'loading' | 'described' | 'shown' | 'failed'): void {
    this.element.dataset['state'] = state;
  }

  async #show_list(): Promise<void> {
    this.#state('loading');
    const control = new AbortController();
    this.#control = control;
    try {
      const { models, is_complete } = await api.models(control.signal);
      set_text(this.#count, `${is_complete ? '' : 'the first '}${plural(models.length, 'model')}`);
      replace(this.#list, ...models.map(list_item));
      if (models.length === 0) this.#list.append(h('li', { class: 'model-none' }, 'No STL, OBJ, PLY, glTF or 3MF file is in this folder.'));
      this.#state('shown');
    } catch (error) {
      if (is_abort(error)) return;
      replace(this.#list, h('li', { class: 'model-none' }, (error as Error).message));
      this.#state('failed');
    }
  }

  async #show_model(id: string): Promise<void> {
    const control = new AbortController();
    this.#control = control;
    this.#state('loading');
    this.#tell('Loading the model…');
    try {
      const details = await api.model(id, false, control.signal);
      this.#describe(details);
      this.#state('described');
      if (details.faces === 0 || !details.box) return this.#tell('This model has no faces.');
      const size = details.total_bytes;
      if (size <= SHOWN_AT_ONCE_BYTES) return await this.#draw(details, control);
      const show = h('button', { class: 'button', type: 'button', onclick: () => void this.#draw(details, control) }, `Show it (${bytes_text(size)} to load)`);
      replace(this.#notice, h('p', {}, 'This is a large model.'), show);
    } catch (error) {
      this.#fail(error, id);
    }
  }

  async #draw(details: ModelDetails, control: AbortController): Promise<void> {
    try {
      this.#tell('Loading what is to be drawn…');
      const [{ ModelScene }, response] = await Promise.all([import('./scene'), request(model_arrays_url(details.id), { signal: control.signal })]);
      const arrays = parse_arrays(await response.arrayBuffer());
      if (control.signal.aborted) return;
      const label = `${base_name(details.path)}, a model of ${plural(details.faces, 'face')}. Arrow keys turn it, + and − zoom, 0 shows all of it.`;
      const up = Y_UP.includes(details.report.format) ? 'y' : 'z';
      try {
        this.#scene = new ModelScene(this.#stage, arrays, details.box!, up, label);
      } catch {
        return this.#tell('This browser cannot draw in three dimensions (WebGL is off). What the model takes is told below.');
      }
      this.#scene.set_wireframe(this.#wireframe.getAttribute('aria-pressed') === 'true');
      this.#scene.canvas.addEventListener('webglcontextlost', () => this.#tell('The graphics were given to somebody else: open the model again.'));
      replace(this.#notice);
      this.#tools.hidden = false;
      this.#state('shown');
    } catch (error) {
      this.#fail(error, details.id);
    }
  }

  #fail(error: unknown, id: string): void {
    if (is_abort(error)) return;
    this.#state('failed');
    const again = h(
      'button',
      {
        class: 'button',
        type: 'button',
        onclick: () => {
          this.#stop();
          void this.#show_model(id);
        },
      },
      'Try again',
    );
    replace(this.#notice, h('p', {}, (error as Error).message), again);
  }

  #tell(text: string): void {
    replace(this.#notice, h('p', {}, text));
  }

  #describe(details: ModelDetails): void {
    this.#details = details;
    this.#total = Math.max(1, details.total_bytes);
    set_text(this.#title, base_name(details.path));
    set_text(this.#count, folder_of(details.path));
    const { box, report } = details;
    const size = box ? box.max.map((value, k) => length_text(value - box.min[k]!)).join(' × ') : '';
    const facts = [
      plural(details.faces, 'face'),
      plural(details.vertices, 'vertex', 'vertices'),
      size && `${size}${report.unit ? ` ${report.unit}` : ''}`,
      `${bytes_text(details.total_bytes)} in memory (${details.faces ? (details.total_bytes / details.faces).toFixed(1) : 0} B a face)`,
      `${bytes_text(report.file_bytes)} as a file`,
    ];
    const remarks = [...report.remarks, ...(report.is_truncated ? ['the file ends before it should'] : [])];
    set_text(this.#facts, [...facts.filter(Boolean), ...remarks].join(' · '));
    this.#fill_parts();
    this.#fill_objects(details);
    // Read by tests and by people with scripts.
    this.element.dataset['faces'] = String(details.faces);
    this.element.dataset['totalBytes'] = String(details.total_bytes);
  }

  #fill_parts(): void {
    const details = this.#details;
    if (!details) return;
    const held = details.memory.map((row): Part => ({ ...row, note: '' }));
    const derived = (details.derived ?? []).map((row): Part => ({ part: row.part, bytes: row.bytes, note: row.error ?? 'on demand' }));
    this.#parts.update([...held, ...derived]);
  }

  #fill_objects({ objects, n_objects, faces }: ModelDetails): void {
    this.#objects.hidden = objects.length === 0;
    const rows = objects.map((one) => h('li', {}, h('span', {}, one.name || 'without a name'), h('span', {}, `${plural(one.faces, 'face')}, ${share_text(one.faces / Math.max(1, faces))}`)));
    const more = n_objects > objects.length ? h('li', {}, `and ${count_text(n_objects - objects.length)} more`) : null;
    replace(this.#objects, h('header', { class: 'panel-head' }, h('h2', {}, 'Objects in the file')), h('ul', { class: 'model-objects' }, ...rows, more));
  }

  async #measure(): Promise<void> {
    const id = this.element.dataset['modelId'];
    const control = this.#control;
    if (!id || !control) return;
    this.#derive.disabled = true;
    set_text(this.#said, 'Building…');
    try {
      const details = await api.model(id, true, control.signal);
      this.#describe(details);
      set_text(this.#said, 'Measured, and given back.');
    } catch (error) {
      if (is_abort(error)) return;
      set_text(this.#said, error instanceof ApiError ? error.message : 'That did not work.');
    }
    this.#derive.disabled = false;
  }

  #toggle_wireframe(): void {
    const on = this.#wireframe.getAttribute('aria-pressed') !== 'true';
    this.#wireframe.setAttribute('aria-pressed', String(on));
    this.#scene?.set_wireframe(on);
  }
}

function list_item(model: ModelRecord): HTMLElement {
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'model-link', href: format_route({ view: 'model', id: model.id }) },
      h('span', { class: 'model-name' }, base_name(model.path)),
      h('span', { class: 'model-folder' }, folder_of(model.path)),
      h('span', { class: 'model-size' }, bytes_text(model.bytes)),
    ),
  );
}

function length_text(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 4 });
}

function decode(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
