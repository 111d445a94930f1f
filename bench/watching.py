#!/usr/bin/env python3
"""What being watched costs: 256 warm tiles with wrk, while nobody looks and while `pixelbank top` does, every second."""
import os
import pty
import subprocess
import threading
import time

import data
from clients import in_parallel
from harness import DATA, PROGRAM, ROUNDS, Server, alternate, get_json, median_spread, save, wait_for_scan
from warm_tiles import wrk

N = 256
ALONE, WATCHED = 'nobody looks', '`pixelbank top` looks every second'


class Top:
    """`pixelbank top` in a terminal that nobody sees."""

    def __init__(self, pid):
        ours, theirs = pty.openpty()
        self._process = subprocess.Popen([PROGRAM, 'top', str(pid)], stdin=theirs, stdout=theirs)
        os.close(theirs)
        # What it draws must be taken, or it would wait.
        self._reader = threading.Thread(target=self._drain, args=(ours,))
        self._reader.start()

    @staticmethod
    def _drain(terminal):
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass
        os.close(terminal)

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()


def look(server):
    """Seconds for one look, as the server's page takes it."""
    begun = time.perf_counter()
    get_json(server.url('/api/ledger?history=0'))
    return time.perf_counter() - begun


def main():
    work = DATA / 'watching'
    work.mkdir(parents=True, exist_ok=True)
    with Server(data.pyramid(), '--memory', '512M') as server:
        wait_for_scan(server)
        images = get_json(server.url('/api/images?limit=10'))['images']
        identifier = next(image['id'] for image in images if image['width'] == 16384)
        paths = [f'/iiif/2/{identifier}/{x * 256},{y * 256},256,256/256,/0/default.jpg' for y in range(16) for x in range(16)]
        in_parallel(server.port, range(N), 4, lambda client, n: client.get(paths[n], tries=5))
        (work / 'paths.txt').write_text('\n'.join(paths) + '\n')

        def measure(variant):
            top = Top(server.pid) if variant == WATCHED else None
            try:
                return wrk(server.port, work / 'paths.txt', work / 'wrk.lua', server.pid)
            finally:
                if top:
                    top.stop()

        measure(ALONE)
        results = alternate([ALONE, WATCHED], measure, rounds=max(ROUNDS, 5))
        looks = [look(server) * 1e6 for _ in range(50)]
    rows = []
    for variant, runs in results.items():
        ratios = [run['cpu_us'] / other['cpu_us'] for run, other in zip(runs, results[ALONE])]
        rows.append({
            'who looks': variant,
            'requests/s': median_spread([run['per_second'] for run in runs]),
            'CPU µs a request': median_spread([run['cpu_us'] for run in runs]),
            '× CPU of nobody': median_spread(ratios),
        })
    rows[1]['reach'] = '≤ 1.01 ×'
    fast = sorted(looks)[len(looks) // 2]
    save('watching', {'rows': rows, 'notes': [f'One look by HTTP, request and answer: {fast:,.0f} µs (median of 50).']})


if __name__ == '__main__':
    main()
