// A few 3D models for the development server, computed: a ring without colours,
// a patch with normals and colours, one that is damaged and one too large.

/** Positions around a ring, and faces of four-byte indices. */
function ring(n_around, n_across) {
  const positions = [];
  const indices = [];
  for (let i = 0; i < n_around; i++) {
    for (let j = 0; j < n_across; j++) {
      const [a, b] = [(2 * Math.PI * i) / n_around, (2 * Math.PI * j) / n_across];
      const radius = 30 + 10 * Math.cos(b);
      positions.push(radius * Math.cos(a), radius * Math.sin(a), 10 * Math.sin(b));
      const at = (k, l) => ((i + k) % n_around) * n_across + ((j + l) % n_across);
      indices.push(at(0, 0), at(1, 0), at(1, 1), at(0, 0), at(1, 1), at(0, 1));
    }
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

function patch(n) {
  const positions = [];
  const normals = [];
  const colours = [];
  const indices = [];
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= n; j++) {
      const [x, y] = [i / n - 0.5, j / n - 0.5];
      positions.push(x, y, 0.4 * (x * x - y * y));
      const length = Math.hypot(0.8 * x, 0.8 * y, 1);
      normals.push((-0.8 * x) / length, (0.8 * y) / length, 1 / length);
      colours.push(Math.round(255 * (i / n)), 120, Math.round(255 * (j / n)), 255);
      const at = (k, l) => (i + k) * (n + 1) + j + l;
      if (i < n && j < n) indices.push(at(0, 0), at(1, 0), at(1, 1), at(0, 0), at(1, 1), at(0, 1));
    }
  }
  return {
    positions: Float32Array.from(positions),
    normals: Float32Array.from(normals),
    colours: Uint8Array.from(colours),
    indices: Uint16Array.from(indices),
  };
}

const MODELS = [
  { path: 'parts/damaged.ply', error: 'parts/damaged.ply: damaged PLY file: the header has no end.', status: 422 },
  { path: 'parts/ring.stl', format: 'stl-binary', unit: null, ...ring(160, 60) },
  { path: 'saddle.glb', format: 'glb', unit: 'metre', objects: ['seat'], ...patch(80) },
  { path: 'too large.stl', error: 'The memory budget is too small for this model: 9 GiB are wanted of 128 MiB.', status: 413 },
].map((model) => ({ ...model, id: encodeURIComponent(model.path) }));

export function list_models() {
  const models = MODELS.map(({ id, path, indices }) => ({ id, path, bytes: indices ? 84 + (indices.length / 3) * 50 : 9_000, modified: '2025-09-20T09:12:44Z' }));
  return { models, is_complete: true };
}

export function model_of(id) {
  return MODELS.find((model) => model.id === id);
}

export function describe(model, with_derived) {
  const { id, path, positions, normals, colours, indices } = model;
  const faces = indices.length / 3;
  const axis = (k) => positions.filter((_, i) => i % 3 === k);
  const memory = Object.entries({ positions, indices, normals, colours })
    .filter(([, array]) => array)
    .map(([part, array]) => ({ part, bytes: array.byteLength }));
  memory.push({ part: 'names and rounding', bytes: 512 });
  return {
    id,
    path,
    faces,
    vertices: positions.length / 3,
    box: { min: [0, 1, 2].map((k) => Math.min(...axis(k))), max: [0, 1, 2].map((k) => Math.max(...axis(k))) },
    memory,
    total_bytes: memory.reduce((sum, row) => sum + row.bytes, 0),
    ...(with_derived
      ? {
          derived: [
            { part: 'neighbours of faces', bytes: faces * 12, error: null },
            { part: 'tree for rays', bytes: null, error: 'The budget has no room for it.' },
            { part: 'at rest, without loss', bytes: faces * 7, error: null },
          ],
        }
      : {}),
    objects: (model.objects ?? []).map((name) => ({ name, faces })),
    n_objects: model.objects?.length ?? 0,
    report: { format: model.format, file_bytes: 84 + faces * 50, unit: model.unit, is_truncated: false, remarks: [] },
    loaded_in_ms: 3,
  };
}

export function arrays_of({ positions, normals, colours, indices }) {
  const head = Buffer.alloc(24);
  head.write('PBMESH1\0', 'latin1');
  [positions.length / 3, indices.length / 3, indices.BYTES_PER_ELEMENT, (normals ? 1 : 0) + (colours ? 2 : 0)].forEach((n, i) => head.writeUInt32LE(n, 8 + 4 * i));
  const arrays = [positions, normals, colours, indices].filter(Boolean);
  return Buffer.concat([head, ...arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength))]);
}
