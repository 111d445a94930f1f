// A small histogram of the thumbnail: enough to see clipping and exposure, and
// no more bytes than the grid has fetched already.

import { request, thumbnail_url } from '../api';
import { h } from '../dom';

const BINS = 128;
const WIDTH = 256;
const HEIGHT = 64;

/** Counts of red, green and blue in RGBA bytes, `BINS` each. */
export function count_bins(rgba: Uint8ClampedArray): [Uint32Array, Uint32Array, Uint32Array] {
  const bins: [Uint32Array, Uint32Array, Uint32Array] = [
    new Uint32Array(BINS),
    new Uint32Array(BINS),
    new Uint32Array(BINS),
  ];
  for (let i = 0; i + 3 < rgba.length; i += 4) {
    for (let c = 0; c < 3; c++) bins[c]![(rgba[i + c]! * BINS) >> 8]! += 1;
  }
  return bins;
}

/** A curve's height: the square root keeps shadows visible beside a large sky. */
export function scaled(bins: Uint32Array[]): number[][] {
  let highest = 1;
  // The outermost bins hold clipped values and would flatten all others.
  for (const channel of bins) for (let i = 1; i < BINS - 1; i++) highest = Math.max(highest, channel[i]!);
  return bins.map((channel) => Array.from(channel, (n) => Math.min(1, Math.sqrt(n / highest))));
}

async function fill(canvas: HTMLCanvasElement, id: string, signal: AbortSignal): Promise<void> {
  const response = await request(thumbnail_url(id), { signal });
  const url = URL.createObjectURL(await response.blob());
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(1, 256 / Math.max(image.naturalWidth, image.naturalHeight));
    const small = document.createElement('canvas');
    small.width = Math.max(1, Math.round(image.naturalWidth * scale));
    small.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const pixels = small.getContext('2d', { willReadFrequently: true })!;
    pixels.drawImage(image, 0, 0, small.width, small.height);
    draw(canvas, scaled(count_bins(pixels.getImageData(0, 0, small.width, small.height).data)));
    canvas.classList.add('shown');
  } finally {
    URL.revokeObjectURL(url);
  }
}

function draw(canvas: HTMLCanvasElement, curves: number[][]): void {
  const context = canvas.getContext('2d')!;
  context.globalCompositeOperation = 'lighter';
  const colours = ['rgb(158 58 52)', 'rgb(56 122 66)', 'rgb(52 82 160)'];
  curves.forEach((curve, c) => {
    context.fillStyle = colours[c]!;
    context.beginPath();
    context.moveTo(0, canvas.height);
    curve.forEach((value, i) => {
      context.lineTo(((i + 0.5) / BINS) * canvas.width, canvas.height * (1 - value * 0.96));
    });
    context.lineTo(canvas.width, canvas.height);
    context.fill();
  });
}

/** The element is there at once and fills when the thumbnail has come. */
export function histogram(id: string, signal: AbortSignal): HTMLElement {
  const canvas = h('canvas', {
    class: 'histogram',
    width: WIDTH * 2,
    height: HEIGHT * 2,
    role: 'img',
    'aria-label': 'Histogram of red, green and blue',
  });
  // Without a thumbnail there is simply no histogram.
  fill(canvas, id, signal).catch(() => canvas.remove());
  return canvas;
}
