#!/usr/bin/env python3
"""A walk over a million Python objects: `pixelbank.analyzer.heap()` beside heapy, a process each, in turn."""
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

PYTHON = Path(__file__).resolve().parent.parent / 'target/bench-venv/bin/python'


def resident_mb():
    with open('/proc/self/statm') as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


class Point:
    def __init__(self, n):
        self.x, self.name = n + 0.5, str(n)


def walk(who):
    kept = [Point(n) for n in range(333_000)]
    if who == 'pixelbank':
        from pixelbank import analyzer

        look = analyzer.heap
    else:
        from guppy import hpy

        heapy = hpy()

        def look():
            return heapy.heap()

    before, peak_before = resident_mb(), peak_mb()
    start = time.perf_counter()
    found = look()
    n = found.count
    took = time.perf_counter() - start
    print(json.dumps({
        'seconds': took, 'objects': n, 'left_mb': resident_mb() - before, 'peak_mb': peak_mb() - peak_before, 'kept': len(kept)
    }))


def main():
    from harness import alternate, median_spread, save

    results = alternate(['pixelbank', 'heapy'], lambda who: json.loads(subprocess.check_output([PYTHON, __file__, who])))
    rows = [
        {
            'walked by': who,
            'seconds': median_spread([one['seconds'] for one in found]),
            'theirs / ours': median_spread([b['seconds'] / a['seconds'] for a, b in zip(results['pixelbank'], found)]),
            'objects': median_spread([one['objects'] for one in found]),
            'most while it looks, MB': median_spread([one['peak_mb'] for one in found]),
            'left behind, MB': median_spread([one['left_mb'] for one in found]),
        }
        for who, found in results.items()
    ]
    save('heap_walk', {'rows': rows, 'notes': ['heapy counts more, since it gives each instance that it looks at a dict.']})


if __name__ == '__main__':
    walk(sys.argv[1]) if len(sys.argv) == 2 else main()
