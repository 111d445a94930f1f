#!/usr/bin/env python3
"""Hit ratios of the tile cache on generated traces, beside other policies and the optimum: `bench/eviction/` makes the
traces and simulates the others, `pixelbank bench replay` sends the traces through the real cache."""
import json
import subprocess

from harness import DATA, PROGRAM, ROOT, save, say

# What OpenImageIO's ImageCache was measured at, and what is to be reached.
REACH = {
    ('zipf-0.9', 16): ('.499', '.60'), ('zipf-0.9', 32): ('.601', '.68'), ('zipf-0.9', 64): ('.716', '.77'),
    ('zipf-0.9-scans', 16): ('.247', '.33'), ('zipf-0.9-scans', 32): ('.297', '.40'), ('zipf-0.9-scans', 64): ('.357', '.50'),
    ('loop', 32): ('.195', '.70'),
}


def simulate():
    target = ROOT / 'target/bench-eviction'
    subprocess.run(
        ['cargo', 'build', '--quiet', '--release', '--target-dir', target], cwd=ROOT / 'bench/eviction', check=True
    )
    done = subprocess.run(
        [target / 'release/eviction', DATA / 'traces'], check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def replay(file, capacity_mib, policy):
    done = subprocess.run(
        [PROGRAM, 'bench', 'replay', DATA / 'traces' / file, '--capacity', f'{capacity_mib}M', '--policy', policy, '--json'],
        check=True, stdout=subprocess.PIPE, text=True,
    )
    return json.loads(done.stdout)


def main():
    rows = []
    for simulated in simulate():
        key = simulated['name'], simulated['capacity_mib']
        ours = replay(simulated['file'], key[1], 'adaptive')
        # LRU is LRU: the simulated one is compared with the real one where it takes no time to speak of.
        if key == ('loop', 32) or key == ('zipf-0.9', 16):
            real = replay(simulated['file'], key[1], 'lru')['hit_ratio']
            assert abs(real - simulated['hits']['LRU']) < 0.005, f'lru: {real}, simulated {simulated["hits"]["LRU"]}'
        say(f'  {key}: {ours["hit_ratio"]:.3f}')
        sized = simulated['hits'] != simulated['bytes']
        for of, ratio in [('hits', 'hit_ratio'), ('bytes', 'byte_hit_ratio')][: 2 if sized else 1]:
            peers = {name: f'{value:.3f}' for name, value in simulated[of].items()}
            theirs, reach = REACH.get(key, ('', ''))
            rows.append({
                'trace': simulated['title'] + (f' ({of})' if sized else ''), 'MiB': key[1],
                'ours': f'**{ours[ratio]:.3f}**',
                **peers, 'OpenImageIO': theirs, 'reach': reach,
            })
    save('eviction', {'rows': rows})


if __name__ == '__main__':
    main()
