#!/usr/bin/env python3
"""Looking up tiles, reading regions and knowing files: `pixelbank bench cache` against OpenImageIO's ImageCache (C++)."""
import json
import os
import subprocess
import sys

import data
from harness import PROGRAM, ROOT, alternate, median_spread, save, say

# The files are written by OpenImageIO's Python package, which is there and nowhere else.
PYTHON = ROOT / 'target/bench-venv/bin/python'
PEER = ROOT / 'target/bench/image_cache_peer'
MEMORY_MB = 256
OPEN_FILES = 100


def build_peer():
    PEER.parent.mkdir(parents=True, exist_ok=True)
    source = ROOT / 'bench/image_cache_peer.cpp'
    if not PEER.exists() or PEER.stat().st_mtime < source.stat().st_mtime:
        say('building the program that uses OpenImageIO')
        libraries = ['-lOpenImageIO', '-lOpenImageIO_Util']
        subprocess.run(['g++', '-O2', '-std=c++17', source, '-o', PEER, *libraries], check=True)


def ours(files, open_files, memory_mb):
    limits = ['--memory', f'{memory_mb}M', '--open-files', str(open_files)]
    return [PROGRAM, 'bench', 'cache', '--json', *limits, *files]


def theirs(files, open_files, memory_mb):
    return [PEER, str(memory_mb), str(open_files), *files]


def measure(files, open_files=OPEN_FILES, memory_mb=MEMORY_MB, processors=None):
    """Both programs on the same files, a process each, in turn; on so many processors, or all."""
    programs = {'pixelbank': ours, 'OpenImageIO': theirs}
    where = ['taskset', '-c', f'0-{processors - 1}'] if processors else []

    def run(name):
        command = [*where, *programs[name](files, open_files, memory_mb)]
        return json.loads(subprocess.check_output(command, timeout=600))

    return alternate(programs, run)


def row(what, unit, results, figure, more_is_better=False):
    values = {name: median_spread([figure(one) for one in rounds]) for name, rounds in results.items()}
    a, b = values['pixelbank']['median'], values['OpenImageIO']['median']
    ratio = a / b if more_is_better else b / a
    return {'what': what, 'unit': unit, **values, 'times better': ratio}


def main():
    build_peer()
    rows = []
    for compression in ('none', 'zip'):
        results = measure([data.texture(compression)])
        if compression == 'none':
            for name in [one['name'] for one in results['pixelbank'][0]['nanos']]:

                def nanos(result, name=name):
                    found = [one['median'] for one in result['nanos'] if one['name'] == name]
                    # Only we have cursors: there, looking a tile up again is the same whoever asks.
                    return found[0] if found else nanos(result, 'the same tile again')

                rows.append(row(name, 'ns', results, nanos))
        kind = {'none': 'uncompressed', 'zip': 'deflate'}[compression]
        alone = measure([data.texture(compression)], processors=1)
        for way, name in {'tile_by_tile': 'tile by tile', 'by_regions': 'by regions of 1,024²'}.items():
            for where, found in {'': results, ', on one processor': alone}.items():
                rate = lambda result, way=way: result['cold'][way]['megabytes_per_second']  # noqa: E731
                what = f'16,384² RGBA, tiles of 64², {kind}, cold, {name}{where}'
                rows.append(row(what, 'MB/s', found, rate, more_is_better=True))
    for name, folder in {'plain': data.textures(), 'with 46 attributes and a profile': data.textures(attributes=True)}.items():
        files = sorted(os.path.join(folder, file) for file in os.listdir(folder))
        for what, limit in {'closed': 8, 'read_once': len(files) + 8}.items():
            results = measure(files, limit)
            kind = {'closed': 'known and closed', 'read_once': 'open and read from once'}[what]
            rows.append(row(f'a file that is {kind}, {name}', 'bytes', results, lambda one: one[what]['resident_bytes_per_file']))
    rows += fifty_thousand()
    save('image_cache', {'rows': rows})


def fifty_thousand():
    """Textures that are known and were read from once, as a renderer has them at the end of a frame."""
    folder = data.many_textures(data.textures())
    results = measure([folder], OPEN_FILES, memory_mb=2048)

    def megabytes(figure):
        return lambda one: one['read_once'].get(figure, 0) * one['files'] / 1e6

    known = row(
        'one of 50,000 files that are known, 100 of them open, plain', 'bytes', results, lambda one: one['closed']['resident_bytes_per_file']
    )
    first = row('50,000 textures that were read from once, resident', 'MB', results, megabytes('resident_bytes_per_file'))
    on_books = [megabytes('ledger_bytes_per_file')(one) for one in results['pixelbank']]
    return [known, first, {'what': 'of which on the ledger', 'unit': 'MB', 'pixelbank': median_spread(on_books)}]


if __name__ == '__main__':
    if PYTHON.exists() and sys.prefix != str(PYTHON.parent.parent):
        os.execv(PYTHON, [PYTHON, *sys.argv])
    main()
