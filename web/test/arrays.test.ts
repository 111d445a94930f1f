import { describe, expect, it } from 'vitest';
import { parse_arrays } from '../src/model/arrays';

function sent(index_bytes: number, flags: number, n_vertices: number, n_faces: number, body_bytes: number): ArrayBuffer {
  const buffer = new ArrayBuffer(24 + body_bytes);
  new Uint8Array(buffer).set([...'PBMESH1\0'].map((letter) => letter.charCodeAt(0)));
  const view = new DataView(buffer);
  [n_vertices, n_faces, index_bytes, flags].forEach((number, i) => view.setUint32(8 + 4 * i, number, true));
  return buffer;
}

describe('arrays of a model', () => {
  it('are views of what was received, one behind the other', () => {
    const buffer = sent(2, 3, 3, 1, 3 * 28 + 6);
    new DataView(buffer).setFloat32(24 + 4, 2.5, true);
    new DataView(buffer).setFloat32(24 + 36 + 8, 1, true);
    new DataView(buffer).setUint8(24 + 72 + 2, 200);
    new DataView(buffer).setUint16(24 + 84 + 4, 2, true);
    const model = parse_arrays(buffer);
    expect(model).toMatchObject({ n_vertices: 3, n_faces: 1 });
    expect([model.positions[1], model.normals![2], model.colours![2], model.indices[2]]).toEqual([2.5, 1, 200, 2]);
    expect([model.positions.length, model.normals!.length, model.colours!.length, model.indices.length]).toEqual([9, 9, 12, 3]);
    expect(model.positions.buffer).toBe(buffer);
  });

  it('have what the head says, and indices of either width', () => {
    const model = parse_arrays(sent(4, 0, 2, 2, 2 * 12 + 2 * 12));
    expect(model.normals).toBeNull();
    expect(model.colours).toBeNull();
    expect(model.indices).toBeInstanceOf(Uint32Array);
    expect(parse_arrays(sent(2, 0, 0, 0, 0)).indices).toHaveLength(0);
  });

  it('are refused where they are cut short or something else', () => {
    expect(() => parse_arrays(sent(2, 1, 3, 1, 3 * 12 + 6))).toThrow('not sent as a whole');
    expect(() => parse_arrays(sent(4, 0, 4e9, 4e9, 100))).toThrow('not sent as a whole');
    expect(() => parse_arrays(sent(3, 0, 1, 1, 100))).toThrow('no model');
    expect(() => parse_arrays(new ArrayBuffer(8))).toThrow('no model');
    expect(() => parse_arrays(new TextEncoder().encode('<!doctype html><title>something else').buffer as ArrayBuffer)).toThrow('no model');
  });
});
