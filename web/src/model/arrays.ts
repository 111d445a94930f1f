// A model's arrays as the server sends them: those of its memory, one behind the
// other. Here they become views of what was received; nothing is copied.

export interface ModelArrays {
  n_vertices: number;
  n_faces: number;
  positions: Float32Array<ArrayBuffer>;
  normals: Float32Array<ArrayBuffer> | null;
  /** Red, green, blue and alpha of each vertex. */
  colours: Uint8Array<ArrayBuffer> | null;
  indices: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
}

const MAGIC = 'PBMESH1\0';
const HEAD_BYTES = 24;
const HAS_NORMALS = 1;
const HAS_COLOURS = 2;

/** Throws an Error with a sentence for people where the bytes are no model's arrays. */
export function parse_arrays(buffer: ArrayBuffer): ModelArrays {
  const wrong = new Error('What the server sent is no model.');
  if (buffer.byteLength < HEAD_BYTES) throw wrong;
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, MAGIC.length));
  if (magic !== MAGIC) throw wrong;
  const head = new DataView(buffer);
  const [n_vertices, n_faces, index_bytes, flags] = [8, 12, 16, 20].map((at) => head.getUint32(at, true)) as [number, number, number, number];
  if (index_bytes !== 2 && index_bytes !== 4) throw wrong;
  let at = HEAD_BYTES;
  const next = (bytes: number) => {
    const start = at;
    at += bytes;
    if (at > buffer.byteLength) throw new Error('The model was not sent as a whole.');
    return start;
  };
  const positions = new Float32Array(buffer, next(12 * n_vertices), 3 * n_vertices);
  const normals = flags & HAS_NORMALS ? new Float32Array(buffer, next(12 * n_vertices), 3 * n_vertices) : null;
  const colours = flags & HAS_COLOURS ? new Uint8Array(buffer, next(4 * n_vertices), 4 * n_vertices) : null;
  const start = next(3 * index_bytes * n_faces);
  const indices = index_bytes === 2 ? new Uint16Array(buffer, start, 3 * n_faces) : new Uint32Array(buffer, start, 3 * n_faces);
  return { n_vertices, n_faces, positions, normals, colours, indices };
}
