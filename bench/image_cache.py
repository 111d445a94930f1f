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


def ours(files, open_files):
    limits = ['--memory', f'{MEMORY_MB}M', '--open-files', str(open_files)]
    return json.loads(subprocess.check_output([PROGRAM, 'bench', 'cache', '--json', *limits, *files]))


def theirs(files, open_files):
    return json.loads(subprocess.check_output([PEER, str(MEMORY_MB), str(open_files), *files]))


def measure(files, open_files=OPEN_FILES):
    """Both programs on the same files, a process each, in turn."""
    programs = {'pixelbank': ours, 'OpenImageIO': theirs}
    return alternate(programs, lambda name: programs[name](files, open_files))


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
        rate = lambda result: result['cold']['megabytes_per_second']  # noqa: E731
        kind = {'none': 'uncompressed', 'zip': 'deflate'}[compression]
        rows.append(row(f'16,384² RGBA, tiles of 64², {kind}, cold', 'MB/s', results, rate, more_is_better=True))
    for name, folder in {'plain': data.textures(), 'with 46 attributes and a profile': data.textures(attributes=True)}.items():
        files = sorted(os.path.join(folder, file) for file in os.listdir(folder))
        for what, limit in {'closed': 8, 'read_once': len(files) + 8}.items():
            results = measure(files, limit)
            kind = {'closed': 'known and closed', 'read_once': 'open and read from once'}[what]
            rows.append(row(f'a file that is {kind}, {name}', 'bytes', results, lambda one: one[what]['resident_bytes_per_file']))
    save('image_cache', {'rows': rows})


if __name__ == '__main__':
    if PYTHON.exists() and sys.prefix != str(PYTHON.parent.parent):
        os.execv(PYTHON, [PYTHON, *sys.argv])
    main()
