// The live graph: accounts stacked, the limit as a dashed line, the resident
// size as a thin one. uPlot draws; the legend is ours, so that it can be read
// by screen readers and wraps on a phone.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { h, set_text } from '../dom';
import { bytes_text } from '../format';
import { account_colour, ordered_accounts, stacked, type Recorder } from './ledger';

export type GraphMode = 'host' | 'devices';

/** Which times the graph shows, and where they lie in its element. */
export interface TimeAxis {
  min_ms: number;
  max_ms: number;
  left_px: number;
  width_px: number;
}

interface Plan {
  mode: GraphMode;
  names: string[];
  /** Colours are read when the plot is made, so another theme needs another plot. */
  theme: string;
}

interface LegendEntry {
  value: HTMLElement;
}

const HEIGHT_PX = 300;
const MIB = 1024 * 1024;

/** Round steps in binary units, so that the axis reads 32 MiB, 64 MiB, … */
export function binary_splits(max_bytes: number, most: number): number[] {
  let step = 1024;
  while (max_bytes / step > most) step *= 2;
  const out: number[] = [];
  for (let value = 0; value <= max_bytes; value += step) out.push(value);
  return out;
}

/** A CSS variable's colour as the canvas needs it, in the theme that holds now. */
function resolved_colour(parent: HTMLElement, name: string, alpha: number): string {
  const probe = parent.appendChild(h('span', { hidden: true }));
  probe.style.color = `var(${name})`;
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g) ?? [];
  probe.remove();
  const [red = '128', green = '128', blue = '128', own_alpha = '1'] = parts;
  return `rgba(${red}, ${green}, ${blue}, ${Number(own_alpha) * alpha})`;
}

export class Graph {
  readonly element: HTMLElement;
  #host: HTMLElement;
  #legend: HTMLElement;
  #plot: uPlot | null = null;
  #plan: Plan | null = null;
  #entries: LegendEntry[] = [];
  #recorder: Recorder | null = null;
  #span_ms = 600_000;
  #cursor: number | null = null;

  constructor(private readonly on_axis: (axis: TimeAxis) => void) {
    this.#host = h('div', { class: 'graph-host', role: 'img', 'aria-label': 'Memory by account over time' });
    this.#legend = h('ul', { class: 'graph-legend', 'aria-label': 'Series' });
    this.element = h('div', { class: 'graph' }, this.#host, this.#legend);
    new ResizeObserver(() => this.#resize()).observe(this.#host);
  }

  set_span(span_ms: number): void {
    this.#span_ms = span_ms;
    if (this.#recorder && this.#plan) this.update(this.#recorder, this.#plan.mode);
  }

  update(recorder: Recorder, mode: GraphMode): void {
    this.#recorder = recorder;
    const source = mode === 'host' ? recorder.accounts : recorder.devices;
    const names = mode === 'host' ? ordered_accounts(source.keys()) : [...source.keys()];
    const theme = document.documentElement.dataset['effectiveTheme'] ?? '';
    const plan = this.#plan;
    if (!plan || plan.mode !== mode || plan.theme !== theme || plan.names.join('\n') !== names.join('\n')) {
      this.#plan = { mode, names, theme };
      this.#make(names);
    }
    this.#plot?.setData(this.#data(names), false);
    const last = recorder.last_ms / 1000;
    this.#plot?.setScale('x', { min: last - this.#span_ms / 1000, max: last });
    this.#tell();
  }

  destroy(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#plan = null;
  }

  /** Times, then the stack from its top edge down, then resident and limit. */
  #data(names: string[]): uPlot.AlignedData {
    const recorder = this.#recorder!;
    const host = this.#plan?.mode === 'host';
    const source = host ? recorder.accounts : recorder.devices;
    const edges = stacked(names.map((name) => source.get(name) ?? [])).reverse();
    const times = recorder.times_ms.map((ms) => ms / 1000);
    const lines = host ? [recorder.resident_bytes, recorder.limit_bytes] : [];
    return [times, ...edges, ...lines];
  }

  #make(names: string[]): void {
    this.#plot?.destroy();
    const style = getComputedStyle(this.element);
    const colour = (name: string, alpha = 1) => resolved_colour(this.element, name, alpha);
    const host = this.#plan?.mode === 'host';
    const variable = (name: string, i: number) => (host ? account_colour(name) : `--account-${i % 10}`);
    const top_down = names
      .map((name, i) => ({ name, colour: colour(variable(name, i)), fill: colour(variable(name, i), 0.68) }))
      .reverse();
    const no_points = { points: { show: false } };
    const series: uPlot.Series[] = [
      {},
      ...top_down.map(({ name, colour: stroke, fill }, i): uPlot.Series => ({
        ...no_points,
        label: name,
        stroke,
        width: 1.25,
        // Only the lowest area reaches the axis; the others end at the edge below.
        ...(i === top_down.length - 1 ? { fill } : {}),
      })),
    ];
    if (host) {
      series.push(
        { ...no_points, label: 'Resident', stroke: colour('--graph-resident'), width: 1.5 },
        { ...no_points, label: 'Limit', stroke: colour('--graph-limit'), width: 1.5, dash: [6, 5] },
      );
    }
    const bands: uPlot.Band[] = top_down
      .slice(0, -1)
      .map(({ fill }, i) => ({ series: [i + 1, i + 2], fill }));
    const axis = {
      stroke: colour('--text-3'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: `11px ${style.fontFamily}`,
    };
    this.#plot = new uPlot(
      {
        width: this.#width(),
        height: HEIGHT_PX,
        // The last time's text stands half beyond the plot.
        padding: [12, 26, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { setScale: false } },
        scales: {
          x: { time: true, auto: false },
          y: { range: (_plot, _min, max) => [0, Math.max(max, MIB) * 1.06] },
        },
        axes: [
          {
            ...axis,
            space: 70,
            size: 34,
            values: (_plot, splits) =>
              splits.map((s) => new Date(s * 1000).toLocaleTimeString('en-GB', { hour12: false })),
          },
          {
            ...axis,
            size: 66,
            splits: (_plot, _index, _min, max) => binary_splits(max, 7),
            values: (_plot, splits) => splits.map((bytes) => (bytes === 0 ? '0' : bytes_text(bytes).replace(/\.0+ /, ' '))),
          },
        ],
        series,
        bands,
        hooks: {
          draw: [(plot) => this.#tell_axis(plot)],
          setCursor: [
            (plot) => {
              this.#cursor = plot.cursor.idx ?? null;
              this.#tell();
            },
          ],
        },
      },
      this.#data(names),
      this.#host,
    );
    const entry = (label: string, key_colour: string, css: string): HTMLElement => {
      const value = h('span', { class: 'legend-value' });
      this.#entries.push({ value });
      const key = h('span', { class: `legend-key ${css}` });
      key.style.setProperty('--key', key_colour);
      return h('li', {}, key, h('span', { class: 'legend-name' }, label), value);
    };
    this.#entries = [];
    this.#legend.replaceChildren(...top_down.map((item) => entry(item.name, item.colour, 'area')));
    if (host) {
      this.#legend.append(
        entry('Resident size', colour('--graph-resident'), 'line'),
        entry('Limit', colour('--graph-limit'), 'dashed'),
      );
    }
  }

  /** Writes the values at the cursor, or the newest ones, into the legend. */
  #tell(): void {
    const recorder = this.#recorder;
    const plan = this.#plan;
    if (!recorder || !plan || recorder.length === 0) return;
    const at = this.#cursor ?? recorder.length - 1;
    const source = plan.mode === 'host' ? recorder.accounts : recorder.devices;
    const values = [...plan.names].reverse().map((name) => source.get(name)?.[at] ?? 0);
    if (plan.mode === 'host') values.push(recorder.resident_bytes[at] ?? 0, recorder.limit_bytes[at] ?? 0);
    this.#entries.forEach((item, i) => set_text(item.value, bytes_text(values[i] ?? 0)));
  }

  #tell_axis(plot: uPlot): void {
    const { min, max } = plot.scales['x']!;
    if (min == null || max == null) return;
    const plotted = plot.over.getBoundingClientRect();
    const left_px = plotted.left - this.element.getBoundingClientRect().left;
    this.on_axis({ min_ms: min * 1000, max_ms: max * 1000, left_px, width_px: plotted.width });
  }

  #width(): number {
    const { paddingLeft, paddingRight } = getComputedStyle(this.#host);
    return Math.max(240, this.#host.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
  }

  #resize(): void {
    const width = this.#width();
    if (this.#plot && this.#host.clientWidth > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }
}
