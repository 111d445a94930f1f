// IIIF Image API 3 for the development server: info.json and the request
// grammar that the page uses, with the sizes worked out as the standard says.

import { scene } from './scene.mjs';

const TILE = 512;

export function info(entry, base) {
  const factors = [];
  for (let factor = 1; ; factor *= 2) {
    factors.push(factor);
    if (Math.max(entry.width, entry.height) / factor <= TILE) break;
  }
  return {
    '@context': 'http://iiif.io/api/image/3/context.json',
    id: `${base}/iiif/3/${entry.id}`,
    type: 'ImageService3',
    protocol: 'http://iiif.io/api/image',
    profile: 'level2',
    width: entry.width,
    height: entry.height,
    sizes: factors
      .slice(1)
      .reverse()
      .map((f) => ({ width: Math.ceil(entry.width / f), height: Math.ceil(entry.height / f) })),
    tiles: [{ width: TILE, height: TILE, scaleFactors: factors }],
    extraQualities: ['color', 'gray'],
  };
}

/** The answer to region/size/rotation/quality, or a sentence saying what is wrong with them. */
export function picture(entry, [region_text, size_text, rotation_text, quality]) {
  const { width, height } = entry;
  let region = { x: 0, y: 0, w: width, h: height };
  if (region_text !== 'full') {
    const parts = region_text.split(',').map(Number);
    if (parts.length !== 4 || parts.some((n) => !Number.isInteger(n) || n < 0)) return `Bad region: ${region_text}`;
    const [x, y, w, h] = parts;
    if (x >= width || y >= height || w === 0 || h === 0) return `The region ${region_text} is outside the picture.`;
    region = { x, y, w: Math.min(w, width - x), h: Math.min(h, height - y) };
  }
  let out = { w: region.w, h: region.h };
  const inside = /^!(\d+),(\d+)$/.exec(size_text);
  const exact = /^(\d*),(\d*)$/.exec(size_text);
  if (inside) {
    const scale = Math.min(Number(inside[1]) / region.w, Number(inside[2]) / region.h, 1);
    out = { w: Math.max(1, Math.round(region.w * scale)), h: Math.max(1, Math.round(region.h * scale)) };
  } else if (exact && (exact[1] || exact[2])) {
    const w = exact[1] ? Number(exact[1]) : Math.round((Number(exact[2]) * region.w) / region.h);
    const h = exact[2] ? Number(exact[2]) : Math.round((w * region.h) / region.w);
    if (w > region.w || h > region.h) return `The size ${size_text} is larger than the region.`;
    out = { w, h };
  } else if (size_text !== 'max') {
    return `Bad size: ${size_text}`;
  }
  const rotation = Number(rotation_text);
  if (![0, 90, 180, 270].includes(rotation)) return `Bad rotation: ${rotation_text}`;
  if (!/^(default|color)\.(jpg|png|webp)$/.test(quality)) return `Bad quality: ${quality}`;
  return { svg: scene(entry, region, out.w, out.h, rotation) };
}
