// Draws a landscape as SVG in the picture's own pixel coordinates, so that any
// region at any size is one `viewBox` and tiles fit each other exactly.

import { random } from './library.mjs';

const PALETTES = [
  { sky: ['#20405f', '#7d9bb0', '#f0cfa3'], sun: '#fff1d2', ridges: ['#7f93a3', '#56707f', '#34505a', '#1a2f34'] },
  { sky: ['#28304f', '#8a6f8e', '#f3a87c'], sun: '#ffe3b8', ridges: ['#8d6f86', '#5f4a68', '#3b3049', '#1f1a2b'] },
  { sky: ['#6fa3c4', '#b5d2dd', '#eef2ea'], sun: '#ffffff', ridges: ['#9db7b4', '#6f9690', '#47736a', '#224a42'] },
  { sky: ['#d9c7a8', '#ecdcc0', '#f7efdf'], sun: '#fffaf0', ridges: ['#c3a884', '#9c7d5b', '#6f5740', '#3d3127'] },
  { sky: ['#101a2b', '#22395a', '#4d6f8c'], sun: '#e8f1ff', ridges: ['#2d455e', '#213349', '#162335', '#0b131f'] },
  { sky: ['#8fb2a0', '#c5d8bf', '#f0eeda'], sun: '#fffde8', ridges: ['#93ad85', '#6d8f5f', '#48693f', '#263f24'] },
];

const skylines = new Map();

/** Ridge lines of a scene in units of the width, made by halving and shifting. */
function ridges_of(seed) {
  const known = skylines.get(seed);
  if (known) return known;
  const pick = random(seed * 31 + 5);
  const ridges = [0, 1, 2, 3].map((k) => {
    let points = [pick(), pick(), pick()];
    let rough = 0.42;
    for (let step = 0; step < 6; step++) {
      const next = [];
      for (let i = 0; i + 1 < points.length; i++) {
        next.push(points[i], (points[i] + points[i + 1]) / 2 + (pick() - 0.5) * rough);
      }
      next.push(points[points.length - 1]);
      points = next;
      rough *= 0.52;
    }
    return points.map((p) => 0.36 + k * 0.15 + (p - 0.5) * (0.24 - k * 0.03));
  });
  if (skylines.size > 400) skylines.clear();
  skylines.set(seed, ridges);
  return ridges;
}

/** Fine marks that are only drawn close up: they show that full resolution has come. */
function close_up(region, width, height) {
  const out = [];
  const step = 250;
  for (let y = Math.floor(region.y / step) * step; y < region.y + region.h && y < height; y += step) {
    for (let x = Math.floor(region.x / step) * step; x < region.x + region.w && x < width; x += step) {
      out.push(`<path d="M${x} ${y}h14M${x} ${y}v14"/>`);
      out.push(`<text x="${x + 18}" y="${y + 14}">${x}, ${y}</text>`);
    }
  }
  return `<g stroke="#fff" stroke-opacity=".5" fill="#fff" fill-opacity=".55" font-family="sans-serif" font-size="13" stroke-width="1">${out.join('')}</g>`.replaceAll('<text', '<text stroke="none"');
}

export function scene(entry, region, out_width, out_height, turned = 0) {
  const { seed, width, height } = entry;
  const palette = PALETTES[seed % PALETTES.length];
  const pick = random(seed * 17 + 3);
  const ridges = ridges_of(seed % 977);
  const sun = { x: (0.15 + pick() * 0.7) * width, y: (0.16 + pick() * 0.2) * height, r: (0.03 + pick() * 0.03) * width };
  const stops = palette.sky.map((c, i) => `<stop offset="${i / 2}" stop-color="${c}"/>`).join('');
  const layers = ridges.map((ridge, k) => {
    const points = ridge.map((y, i) => `${((i / (ridge.length - 1)) * width).toFixed(1)} ${(y * height).toFixed(1)}`);
    return `<path fill="${palette.ridges[k]}" d="M0 ${height}L${points.join('L')}L${width} ${height}Z"/>`;
  });
  const detail = out_width / region.w > 0.7 && width > 1000 ? close_up(region, width, height) : '';
  const body = `<defs><linearGradient id="s" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="0" y2="${height * 0.72}">${stops}</linearGradient></defs><rect width="${width}" height="${height}" fill="url(#s)"/><circle cx="${sun.x}" cy="${sun.y}" r="${sun.r}" fill="${palette.sun}" opacity=".9"/><circle cx="${sun.x}" cy="${sun.y}" r="${sun.r * 2.4}" fill="${palette.sun}" opacity=".14"/>${layers.join('')}${detail}`;
  const view = `viewBox="${region.x} ${region.y} ${region.w} ${region.h}" preserveAspectRatio="none"`;
  if (!turned) return `<svg xmlns="http://www.w3.org/2000/svg" width="${out_width}" height="${out_height}" ${view}>${body}</svg>`;
  const sideways = turned % 180 !== 0;
  const w = sideways ? out_height : out_width;
  const h = sideways ? out_width : out_height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"><g transform="translate(${w / 2} ${h / 2}) rotate(${turned}) translate(${-out_width / 2} ${-out_height / 2})"><svg width="${out_width}" height="${out_height}" ${view}>${body}</svg></g></svg>`;
}
