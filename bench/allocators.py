#!/usr/bin/env python3
"""Which allocator keeps the resident size near what is live, and at what cost: `bench/allocators/` with each of them."""
import json
import os
import subprocess

from harness import ROOT, alternate, median_spread, save

MB = 1e6
VARIANTS = {
    'glibc, as it is': ('glibc', {}),
    'glibc, mappings from 128 KiB, 2 arenas': ('glibc', {'TUNE_C': '1'}),
    'jemalloc, as it is': ('jemalloc', {}),
    'jemalloc, background thread, 1 s decay': (
        'jemalloc',
        {'TUNE_C': '1', '_RJEM_MALLOC_CONF': 'background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0'},
    ),
    'jemalloc, no decay': ('jemalloc', {'TUNE_C': '1', '_RJEM_MALLOC_CONF': 'dirty_decay_ms:0,muzzy_decay_ms:0'}),
    'mimalloc 3, as it is': ('mimalloc', {'TUNE_C': '1'}),
    'mimalloc 3, purged after 10 ms': ('mimalloc', {'TUNE_C': '1', 'MIMALLOC_PURGE_DELAY': '10'}),
    'mimalloc 3, purged at once': ('mimalloc', {'TUNE_C': '1', 'MIMALLOC_PURGE_DELAY': '0'}),
}
STEPS = '20000'


def main():
    target = ROOT / 'target/bench-allocators'
    subprocess.run(
        ['cargo', 'build', '--quiet', '--release', '--target-dir', target], cwd=ROOT / 'bench/allocators', check=True
    )

    def measure(variant):
        program, settings = VARIANTS[variant]
        environment = {'PATH': os.environ['PATH'], **settings}
        done = subprocess.run(
            [target / 'release' / program, STEPS], env=environment, check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout)

    results = alternate(VARIANTS, measure)
    rows = []
    for variant, runs in results.items():
        take = lambda key, scale: median_spread([run[key] / scale for run in runs])
        rows.append({
            'allocator': variant,
            'live at most, MB': take('serve_peak_live', MB),
            'resident at most, MB': take('serve_peak_resident', MB),
            'resident 0.1 s after, MB': take('serve_left', MB),
            'CPU s': take('serve_cpu_s', 1),
            'pictures: live at most, MB': take('pictures_peak_live', MB),
            'resident at most , MB': take('pictures_peak_resident', MB),
            'resident 0.1 s after , MB': take('pictures_left', MB),
            'CPU s ': take('pictures_cpu_s', 1),
            'resident 3 s after, MB': take('settled', MB),
        })
    save('allocators', {'rows': rows})


if __name__ == '__main__':
    main()
