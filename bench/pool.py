#!/usr/bin/env python3
"""Making and dropping tensors that are reused: `pixelbank bench pool`, several runs."""
import json
import subprocess

from harness import PROGRAM, ROUNDS, brief, median_spread, save, say

MEMORY = '2G'
# What NVIDIA's NVCV needed on another machine, where an allocation took 40 ns, and what was to be reached there.
REACH = {
    'made and dropped, reused': '40 ns (NVCV core 157)',
    'the same with 5,000 of them in use': '60 ns (NVCV core 350,000)',
}


def run():
    return json.loads(subprocess.check_output([PROGRAM, 'bench', 'pool', '--json', '--memory', MEMORY]))


def main():
    results = []
    for round_number in range(ROUNDS):
        results.append(run())
        say(f'  round {round_number + 1}/{ROUNDS}: {brief(results[-1]["hand_over"])}')
    malloc = 'malloc and free of as many bytes'

    def nanos(result, name):
        return next(row['median'] for row in result['nanos'] if row['name'] == name)

    rows = []
    for name in [row['name'] for row in results[0]['nanos']]:
        rows.append({
            'what': name,
            'ns': median_spread([nanos(one, name) for one in results]),
            '× malloc': median_spread([nanos(one, name) / nanos(one, malloc) for one in results]),
            'reach': REACH.get(name, ''),
        })
    reused = 'made and dropped, reused'
    for name, reach in {'on two threads, a shape for each': '1.9 ×', 'on two threads, one shape for both': '1.6 ×'}.items():
        found = next(row for row in rows if row['what'] == name)
        speedups = median_spread([2 * nanos(one, reused) / nanos(one, name) for one in results])
        found['reach'] = f'{reach} one thread: {speedups["median"]:.2f} ×'
    over = [one['hand_over'] for one in results]
    rows.append({
        'what': f'made by one thread, dropped by another, {over[0]["objects"]:,} times; at most {max(one["most_held"] for one in over)} held',
        'ns': median_spread([one['nanos_each'] for one in over]),
        '× malloc': median_spread([one['hand_over']['nanos_each'] / nanos(one, malloc) for one in results]),
        'reach': '150 ns, memory flat',
    })
    notes = []
    for kind in range(2):
        shapes = [one['random_shapes'][kind] for one in results]
        rate = median_spread([100 * one['hit_rate'] for one in shapes])['median']
        most = max(one['most_held_bytes'] / one['limit_bytes'] for one in shapes)
        percent = shapes[0]['larger_fit_percent']
        notes.append(
            f'{shapes[0]["objects"]:,} float images of random size, 1000 to 2000 pixels a side, four in use, limit {shapes[0]["limit_bytes"] >> 20} MiB, '
            f'{"equal shapes only" if percent == 0 else f"up to {percent} % larger"}: {rate:.1f} % reused, at most {most:.3f} of the limit held.'
        )
    save('pool', {'rows': rows, 'notes': notes})


if __name__ == '__main__':
    main()
