#!/usr/bin/env python3
"""Thumbnails of 200 JPEG files of 12 MP that nobody has read before, per CPU second, against libvips."""
import json
import os
import shutil
import subprocess

import data
from clients import in_parallel
from harness import DATA, MIB, PROGRAM, ROOT, Server, alternate, cpu_seconds, get_json, median_spread, save
from harness import status_bytes, wait_for_scan

SIZE = 480
QUALITY = 85
PEER = ROOT / 'target/bench-venv/bin/python'

# The shortest program that does the same: one process, pictures one after the other or by two threads.
VIPS = '''
import sys, os, pyvips
from concurrent.futures import ThreadPoolExecutor
out, size, quality, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
pyvips.cache_set_max(0)
def make(path):
    picture = pyvips.Image.thumbnail(path, size, height=size)
    picture.jpegsave(os.path.join(out, os.path.basename(path)), Q=quality, keep='none')
paths = sys.stdin.read().split('\\n')
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(make, paths))
'''

COMPARE = '''
import sys, json, os, numpy, pyvips
size = int(sys.argv[1])
folders = sys.argv[2:]
found = {folder: [[], []] for folder in folders}
for path in sys.stdin.read().split('\\n'):
    whole = pyvips.Image.new_from_file(path).autorot()
    made = [pyvips.Image.new_from_file(os.path.join(folder, os.path.basename(path))) for folder in folders]
    # What it should look like: everything decoded, averaged in linear light is not what either does, so Lanczos as is.
    w, h = made[0].width, made[0].height
    reference = whole.resize(w / whole.width, vscale=h / whole.height, kernel='lanczos3').crop(0, 0, w, h).numpy().astype(float)
    for folder, picture in zip(folders, made):
        pixels = picture.numpy().astype(float)
        if pixels.shape != reference.shape:
            raise SystemExit(f'{path}: {pixels.shape} in {folder}, not {reference.shape}')
        difference = pixels - reference
        found[folder][0].append(float(numpy.abs(difference).mean()))
        found[folder][1].append(float(10 * numpy.log10(255 ** 2 / (difference ** 2).mean())))
print(json.dumps([[sum(a) / len(a), sum(b) / len(b)] for a, b in found.values()]))
'''


def files():
    return sorted(path for path in data.twelve_megapixels().rglob('*') if path.is_file())


def child(command, text=None, environment=None):
    """CPU seconds and peak resident size of a command and all that it starts."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    process.stdin.write((text or '').encode())
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f'{command[0]} ended with {process.returncode}')
    return {'cpu_s': usage.ru_utime + usage.ru_stime, 'peak_bytes': usage.ru_maxrss * 1024}


def fresh(name):
    path = DATA / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def ours():
    return child([
        PROGRAM, 'thumb', *map(str, files()), '--size', str(SIZE), '--quality', str(QUALITY),
        '--out', str(fresh('thumbs-ours')),
    ])


def vips(threads, concurrency):
    environment = {'VIPS_CONCURRENCY': str(concurrency)}
    command = [PEER, '-c', VIPS, str(fresh('thumbs-vips')), str(SIZE), str(QUALITY), str(threads)]
    return child(command, '\n'.join(map(str, files())), environment)


def server():
    with Server(data.twelve_megapixels(), '--memory', '512M') as running:
        wait_for_scan(running)
        identifiers = [image['id'] for image in get_json(running.url('/api/images?limit=500'))['images']]
        before = cpu_seconds(running.pid)
        paths = [f'/iiif/2/{identifier}/full/!{SIZE},{SIZE}/0/default.jpg' for identifier in identifiers]
        counts = in_parallel(running.port, paths, 6, lambda client, path: client.get(path, tries=7))
        if counts['answered'] != len(paths):
            raise SystemExit(f'the server answered {dict(counts)}')
        return {'cpu_s': cpu_seconds(running.pid) - before, 'peak_bytes': status_bytes(running.pid, 'VmHWM')}


VARIANTS = {
    '`pixelbank thumb`': ours,
    '`pixelbank serve`, after indexing': server,
    'libvips, 2 pictures at a time, 1 thread each': lambda: vips(2, 1),
    'libvips, 1 picture at a time, 2 threads': lambda: vips(1, 2),
}


def main():
    n = len(files())
    results = alternate(VARIANTS, lambda variant: VARIANTS[variant]())
    some = '\n'.join(map(str, files()[:40]))
    told = subprocess.run(
        [PEER, '-c', COMPARE, str(SIZE), str(DATA / 'thumbs-ours'), str(DATA / 'thumbs-vips')],
        input=some, text=True, check=True, capture_output=True,
    ).stdout
    quality = dict(zip(['`pixelbank thumb`', 'libvips, 2 pictures at a time, 1 thread each'], json.loads(told)))
    best = [min(a['cpu_s'], b['cpu_s']) for a, b in zip(*list(results.values())[2:])]
    rows = []
    for variant, runs in results.items():
        row = {
            'program': variant,
            'thumbnails a CPU second': median_spread([n / run['cpu_s'] for run in runs]),
            '× libvips (the better)': median_spread([other / run['cpu_s'] for run, other in zip(runs, best)]),
            'peak resident, MiB': median_spread([run['peak_bytes'] / MIB for run in runs]),
        }
        row['mean difference'], row['PSNR, dB'] = quality.get(variant, ['', ''])
        rows.append(row)
    rows[0]['reach'] = '≥ 1.3 ×'
    save('thumbnails', {'rows': rows, 'notes': [
        f'{n} files, {SIZE} pixels on the longer side, JPEG quality {QUALITY}. Difference and PSNR are those from the whole '
        'picture reduced by Lanczos 3, on a scale of 255, for 40 different pictures.',
    ]})


if __name__ == '__main__':
    main()
