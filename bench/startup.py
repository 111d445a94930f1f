#!/usr/bin/env python3
"""From the start of the program to its first answers in a folder of 10,000 files, while it indexes."""
import time

import data
from harness import MIB, ROUNDS, Server, alternate, cpu_seconds, get_json, median_spread, save, status_bytes


def measure(_):
    folder = data.ten_thousand()
    with Server(folder, '--memory', '256M') as server:
        first = get_json(server.url('/api/images?limit=500'))
        answered = time.monotonic() - server.started
        seen = [first['scan']]
        while seen[-1]['state'] != 'done' or seen[-1]['indexed'] < seen[-1]['found']:
            time.sleep(0.02)
            seen.append(get_json(server.url('/api/images?limit=1'))['scan'])
        finished = time.monotonic() - server.started
        return {
            'first_ms': answered * 1000, 'indexed_s': finished, 'found': seen[-1]['found'],
            'found_first': seen[0]['found'], 'indexed_first': seen[0]['indexed'],
            'steps': len({(scan['found'], scan['indexed']) for scan in seen}),
            'cpu_s': cpu_seconds(server.pid), 'peak_bytes': status_bytes(server.pid, 'VmHWM'),
        }


def main():
    runs = alternate(['pixelbank'], measure)['pixelbank']
    take = lambda key, scale=1: median_spread([run[key] / scale if scale != 1 else run[key] for run in runs])
    save('startup', {
        'rows': [{
            'files': take('found'), 'start to first answer, ms': take('first_ms'), 'reach': '< 1,000',
            'indexed by then': take('indexed_first'), 'start to all indexed, s': take('indexed_s'),
            'different states of progress seen': take('steps'),
            'CPU s': take('cpu_s'), 'peak resident, MiB': take('peak_bytes', MIB),
        }],
    })


if __name__ == '__main__':
    main()
