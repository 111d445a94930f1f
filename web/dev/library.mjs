// A made-up photo library for the development server: any number of entries,
// the same ones for the same number.

const TRIPS = ['Iceland', 'Dolomites', 'Lofoten', 'Home', 'Lisbon', 'Black Forest', 'Faroe Islands', 'Wedding, Anna & Jo', 'Kyoto', 'Garden'];
const SIZES = [
  [4032, 3024],
  [6000, 4000],
  [6000, 4000],
  [4000, 6000],
  [3024, 4032],
  [6240, 4160],
  [5184, 3888],
  [8256, 5504],
  [4624, 2604],
  [4000, 4000],
  [9000, 3000],
];
const CAMERAS = [
  ['Fujifilm', 'X-T5', 'XF16-55mmF2.8 R LM WR'],
  ['NIKON CORPORATION', 'NIKON Z 7', 'NIKKOR Z 24-70mm f/4 S'],
  ['Apple', 'iPhone 15 Pro', 'back triple camera 6.86mm f/1.78'],
];
const PROBLEMS = [
  'The file ends after 12,288 of 4,211,300 bytes: it was probably not copied completely.',
  'This is not a JPEG file: it begins with the bytes of a ZIP archive.',
  'The header asks for 100,000 × 100,000 pixels, which is more than this server reads.',
];

/** A small, fast random generator with a seed. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function encode_id(path) {
  return encodeURIComponent(path).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function make_library(count) {
  const entries = [];
  const now = Date.UTC(2025, 8, 14, 18, 20);
  const span = 12 * 365.25 * 86400e3;
  for (let i = 0; i < count; i++) {
    const pick = random(i * 7919 + 13);
    // Pictures come in bursts, as they do: the square pushes them together.
    const at = new Date(now - (i / count) * span - pick() * 3600e3);
    const date = at.toISOString().slice(0, 19);
    const year = date.slice(0, 4);
    const trip = TRIPS[Math.floor((at.getUTCMonth() * 31 + at.getUTCDate()) / 19) % TRIPS.length];
    const month = date.slice(5, 7);
    const number = String((i * 37) % 10000).padStart(4, '0');
    const odd = i % 211 === 17 ? ['50% off “sale” 🦊', 'Straße zum Meer', "it's here"][Math.floor(i / 211) % 3] : null;
    const path = `${year}/${month} ${trip}/${odd ? `${odd} ${number}` : `DSCF${number}`}-${i}.jpg`;
    let [width, height] = SIZES[Math.floor(pick() * SIZES.length)];
    if (i === 5) [width, height] = [8064, 6048];
    if (i === 40) [width, height] = [320, 240];
    const broken = i === 9 || i === 23 || i === 31 || i % 997 === 500;
    entries.push({
      id: encode_id(path),
      path,
      width: broken ? null : width,
      height: broken ? null : height,
      date: (broken && i % 2 === 0) || i % 499 === 7 ? null : date,
      error: broken ? PROBLEMS[i % PROBLEMS.length] : null,
      seed: i,
    });
  }
  return entries;
}

/** The order of the listing: undated last, ties by path. */
export function sorted(entries, sort, order) {
  const sign = order === 'desc' ? -1 : 1;
  const by_path = (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  return entries.slice().sort((a, b) => {
    if (sort === 'name') return sign * by_path(a, b);
    if (a.date === b.date) return by_path(a, b);
    if (a.date === null) return 1;
    if (b.date === null) return -1;
    return sign * (a.date < b.date ? -1 : 1);
  });
}

export function folders_of(entries) {
  const counts = new Map([['', 0]]);
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1);
    counts.set('', counts.get('') + 1);
    for (let k = 1; k <= parts.length; k++) {
      const folder = parts.slice(0, k).join('/');
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, count]) => ({ path, name: path ? path.slice(path.lastIndexOf('/') + 1) : 'Photos', count }));
}

export function details_of(entry) {
  const pick = random(entry.seed + 99);
  const [make, model, lens] = CAMERAS[entry.seed % CAMERAS.length];
  const levels = [];
  if (entry.width) {
    for (let w = entry.width, h = entry.height; ; w = Math.ceil(w / 2), h = Math.ceil(h / 2)) {
      levels.push([w, h]);
      if (w <= 512 && h <= 512) break;
    }
  }
  const metadata = entry.error
    ? []
    : [
        ['Camera', 'Make', make],
        ['Camera', 'Model', model],
        ['Exposure', 'Shutter', `1/${[60, 125, 250, 500, 1000][Math.floor(pick() * 5)]} s`],
        ['Exposure', 'Aperture', `f/${[1.8, 2.8, 4, 5.6, 8][Math.floor(pick() * 5)]}`],
        ['Exposure', 'Sensitivity', `ISO ${[100, 160, 200, 400, 1600][Math.floor(pick() * 5)]}`],
        ['Exposure', 'Compensation', '−0.33 EV'],
        ['Lens', 'Lens', lens],
        ['Lens', 'Focal length', '23 mm (35 mm in full frame)'],
        ['Description', 'Caption', 'Ridge after the rain, looking north'],
        ['Other', 'Software', 'Digital Camera X-T5 Ver3.01'],
      ].map(([group, name, value]) => ({ group, name, value }));
  return {
    id: entry.id,
    path: entry.path,
    width: entry.width,
    height: entry.height,
    bytes: entry.width ? Math.round(entry.width * entry.height * 0.42) : 12288,
    format: 'JPEG',
    date: entry.date,
    error: entry.error,
    modified: '2025-09-20T09:12:44Z',
    color: entry.error ? null : 'RGB 8-bit',
    levels,
    tile: entry.width ? [512, 512] : null,
    icc: entry.error ? null : 'sRGB',
    metadata,
    location: entry.seed % 3 === 0 && !entry.error ? { latitude: 64.0713 - pick(), longitude: -16.2118 + pick() * 4 } : null,
  };
}
