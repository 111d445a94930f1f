#!/usr/bin/env python3
"""Loading models: memory a face and time, against trimesh, numpy-stl and Open3D, one process for each measurement."""
import json
import os
import subprocess
import sys

from harness import DATA, MIB, ROOT, ROUNDS, brief, median_spread, save, say

PYTHON = ROOT / 'target/bench-venv/bin/python'
MEASURE = ROOT / 'target/release/examples/measure_mesh'
# Squares along one side of the terrain, two faces each.
SIDES = {'80,000': 200, '799,000': 632, '8,000,000': 2000}

# What a peer does, in a process of its own: time, and resident size before, after, at most, and once it is dropped. Its own
# imports come before the first look.
PEERS = {
    'trimesh': 'import trimesh, trimesh.exchange.stl; load = lambda path: trimesh.load(path, process=True)',
    'numpy-stl': 'import stl.mesh; load = lambda path: stl.mesh.Mesh.from_file(path)',
    'Open3D': 'import open3d; load = lambda path: open3d.io.read_triangle_mesh(path)',
}
PEER = '''
import gc, json, sys, time
{setup}
def status(field):
    return next(int(line.split()[1]) * 1024 for line in open('/proc/self/status') if line.startswith(field + ':'))
load({warm!r})
gc.collect()
open('/proc/self/clear_refs', 'w').write('5')
before = status('VmRSS')
begun = time.perf_counter()
model = load({path!r})
seconds = time.perf_counter() - begun
after, peak = status('VmRSS'), status('VmHWM')
del model
gc.collect()
print(json.dumps({{'load_ms': seconds * 1000, 'resident': after - before, 'peak_resident': peak - before, 'left': status('VmRSS') - before}}))
'''


def terrain(n):
    """Positions and faces of a hilly grid, as in the crate's tests."""
    import numpy as np

    x, y = np.meshgrid(np.arange(n + 1, dtype='f4') * 0.5, np.arange(n + 1, dtype='f4') * 0.5)
    z = 20 * np.sin(x * 0.031) * np.cos(y * 0.023) + 3 * np.sin(x * 0.17 + y * 0.11)
    positions = np.stack([x, y, z.astype('f4')], -1).reshape(-1, 3)
    k = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    faces = np.stack([np.stack([k, k + 1, k + n + 2], -1), np.stack([k, k + n + 2, k + n + 1], -1)], 1)
    return positions, faces.reshape(-1, 3)


def binary(n):
    import numpy as np

    path = DATA / f'terrain-{n}.stl'
    if not path.exists():
        say(f'making {path.name}')
        positions, faces = terrain(n)
        records = np.zeros(len(faces), dtype=[('normal', '<f4', 3), ('corners', '<f4', (3, 3)), ('attribute', '<u2')])
        records['corners'] = positions[faces]
        with open(path, 'wb') as out:
            out.write(b' ' * 80 + np.uint32(len(faces)).tobytes())
            records.tofile(out)
    return path


def ascii(n):
    path = DATA / f'terrain-{n}-ascii.stl'
    if not path.exists():
        say(f'making {path.name}')
        positions, faces = terrain(n)
        with open(path, 'w') as out:
            out.write('solid terrain\n')
            for corners in positions[faces]:
                lines = ''.join('      vertex %e %e %e\n' % tuple(corner) for corner in corners)
                out.write(f'  facet normal 0 0 1\n    outer loop\n{lines}    endloop\n  endfacet\n')
            out.write('endsolid terrain\n')
    return path


def ours(path, what):
    return json.loads(subprocess.check_output([MEASURE, path, what]))


def peer(name, path):
    # A small file first: the peers make tables and load libraries with their first one.
    program = PEER.format(setup=PEERS[name], warm=str(binary(10)), path=str(path))
    done = subprocess.run([PYTHON, '-c', program], capture_output=True, text=True)
    if done.returncode != 0:
        say(f'  {name}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}')
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def read_ms(path):
    """Reading the file once through, as it lies in the system's cache."""
    import time

    buffer = bytearray(256 << 10)
    begun = time.perf_counter()
    with open(path, 'rb', buffering=0) as file:
        while file.readinto(buffer):
            pass
    return (time.perf_counter() - begun) * 1000


def measured(path, what, variants):
    runs = {variant: [] for variant in variants}
    for round_number in range(ROUNDS):
        for variant in variants:
            result = ours(path, what) if variant == 'pixelbank' else peer(variant, path)
            if result:
                runs[variant].append(result)
                say(f'  round {round_number + 1}/{ROUNDS}: {variant}: {brief(result)}')
    return {variant: results for variant, results in runs.items() if results}


def main():
    subprocess.run(
        ['cargo', 'build', '--quiet', '--release', '-p', 'pixelbank-mesh', '--example', 'measure_mesh'], cwd=ROOT, check=True
    )
    DATA.mkdir(parents=True, exist_ok=True)
    files = [
        ('binary STL, 80,000 faces', binary(SIDES['80,000']), 80_000, 'loaded 18.1, peak 31, 5 ms'),
        ('ASCII STL, 80,000 faces', ascii(SIDES['80,000']), 80_000, '50 ms'),
        ('binary STL, 798,848 faces', binary(SIDES['799,000']), 798_848, 'start + 2 MB once dropped'),
        ('binary STL, 8,000,000 faces', binary(SIDES['8,000,000']), 8_000_000, '1.3 × reading the file'),
    ]
    rows = []
    for name, path, faces, reach in files:
        for variant, results in measured(path, 'open', ['pixelbank', *PEERS]).items():
            take = lambda key, scale: median_spread([one[key] / scale for one in results])
            own = variant == 'pixelbank'
            rows.append({
                'file': name,
                'read by': variant,
                'held, bytes a face': take('bytes', faces) if own else take('resident', faces),
                'peak, bytes a face': take('peak_booked', faces) if own else take('peak_resident', faces),
                'peak resident, bytes a face': take('peak_resident', faces),
                'ms': take('load_ms', 1),
                'left once dropped, MiB': take('left', MIB),
                'reach': reach if own else '',
            })
    notes = []
    small, large = files[0][1], files[3][1]
    rest, near = ours(small, 'rest'), ours(small, 'quantised')
    notes.append(
        f'At rest the terrain of 80,000 faces takes {rest["rest_bytes"] / 80_000:.2f} bytes a face without loss (reach: 7.3), '
        f'{near["rest_bytes"] / 80_000:.2f} with positions within 0.001 (the largest error was {near["max_error"]:.6f}). Packing took '
        f'{rest["pack_ms"]:.1f} ms, opening {rest["open_ms"]:.1f} ms.'
    )
    tree = ours(small, 'tree')
    notes.append(
        f'Its tree takes {tree["tree_bytes"] / 80_000:.1f} bytes a face and {tree["tree_ms"]:.0f} ms to build, and answers '
        f'{tree["rays_per_s"]:,.0f} rays a second.'
    )
    straight = ours(large, 'straight')
    reading = median_spread([read_ms(large) for _ in range(ROUNDS)])
    notes.append(
        f'Reading the file of 8,000,000 faces once through takes {reading["median"]:.0f} ms, as it lies in the system\'s cache. Loading it '
        f'straight to rest takes {straight["load_ms"]:,.0f} ms and ends with {straight["rest_bytes"] / 8e6:.2f} bytes a face, '
        f'{straight["peak_booked"] / MIB:.0f} MiB on the books at most.'
    )
    save('mesh', {'rows': rows, 'notes': notes})


if __name__ == '__main__':
    if PYTHON.exists() and sys.prefix != str(PYTHON.parent.parent):
        os.execv(PYTHON, [PYTHON, *sys.argv])
    main()
