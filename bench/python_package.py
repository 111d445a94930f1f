#!/usr/bin/env python3
"""The Python package beside OpenImageIO's bindings: small reads from memory, a cold file, many threads, importing."""
import json
import subprocess
import sys

import data
from harness import ROOT, ROUNDS, alternate, median_spread, save, say

PYTHON = ROOT / 'target/bench-venv/bin/python'
WORKER = ROOT / 'bench/python_worker.py'
# Measured on another machine, some 2.5 to 3 times as fast.
REACH = {
    'a new array': '2.0 µs (7.25)',
    'into `out`': '1.5 µs (7.25)',
    'one pixel': '0.4 µs (3.4)',
    'specification': '0.2 µs (0.86)',
    'tensor made and dropped': '0.25 µs (NVCV 0.94, numpy.empty 0.45)',
}


def worker(*arguments):
    return json.loads(subprocess.check_output([PYTHON, WORKER, *map(str, arguments)]))


def install():
    wheels = sorted((ROOT / 'target/wheels').glob('*.whl'))
    if not wheels:
        raise SystemExit('there is no wheel: `make wheel` builds it')
    subprocess.check_call([PYTHON, '-m', 'pip', 'install', '--quiet', '--force-reinstall', '--no-deps', wheels[-1]])
    return wheels[-1]


def small():
    results = alternate(['ours', 'theirs'], lambda who: worker(who, 'small', data.texture('none')))
    rows = []
    for name in results['ours'][0]:
        ours = [one[name] for one in results['ours']]
        row = {'what': name, 'ns': median_spread(ours)}
        if name in results['theirs'][0]:
            theirs = [one[name] for one in results['theirs']]
            row['OpenImageIO, ns'] = median_spread(theirs)
            row['theirs / ours'] = median_spread([b / a for a, b in zip(ours, theirs)])
        rows.append({**row, 'reach (theirs)': REACH.get(name, '')})
    return rows


def cold():
    results = alternate(['ours', 'theirs'], lambda who: worker(who, 'cold', data.texture('zip')))
    ours, theirs = results['ours'], results['theirs']
    return [{
        'what': 'cold 16k² deflate TIFF, tile by tile, 256 MiB, two threads, MB/s',
        'ours': median_spread([one['megabytes_a_second'] for one in ours]),
        'OpenImageIO': median_spread([one['megabytes_a_second'] for one in theirs]),
        'ours / theirs': median_spread([a['megabytes_a_second'] / b['megabytes_a_second'] for a, b in zip(ours, theirs)]),
        'peak, MB': f'{max(one["peak_megabytes"] for one in ours):.0f} / {max(one["peak_megabytes"] for one in theirs):.0f}',
        'reach': '2.5 ×',
    }]


def main():
    wheel = install()
    rows = small()
    say('cold')
    notes = [table_of(cold())]
    threads = [worker('ours', 'threads', data.texture('none')) for _ in range(ROUNDS)]
    speedup = median_spread([one['one_thread_s'] / one['eight_threads_s'] for one in threads])
    starts = [worker('ours', 'import') for _ in range(max(ROUNDS, 5))]
    notes.append(
        f'50,000 reads of 64×64 pixels: by eight threads {speedup["median"]:.2f} × ({speedup["min"]:.2f}–{speedup["max"]:.2f}) '
        f'as fast as by one, on two processors. `import pixelbank`: {median_spread([one["ms"] for one in starts])["median"]:.1f} ms, '
        f'{median_spread([one["megabytes"] for one in starts])["median"]:.1f} MB more resident than the interpreter alone; '
        f'wheel {wheel.stat().st_size / 1e6:.1f} MB.'
    )
    save('python', {'rows': rows, 'notes': notes})


def table_of(rows):
    import report

    return report.table(rows)


if __name__ == '__main__':
    sys.exit(main())
