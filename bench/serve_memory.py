#!/usr/bin/env python3
"""Resident size with --memory 128M while eight clients browse 200 large pictures and zoom into each to the pixel."""
import json
import random
import statistics
import threading
import time
from collections import Counter

import data
from clients import Client
from harness import MIB, ROUNDS, Server, Watch, alternate, cpu_seconds, get_json, median_spread, save, wait_for_scan

CLIENTS = 8
# Connections of each, as a browser has several.
CONNECTIONS = 4
VIEW = (1280, 800)


def thumbnail(identifier):
    return f'/iiif/2/{identifier}/full/!480,480/0/default.jpg'


def zoom_paths(info, identifier, chance):
    """The tiles that a viewer asks for on the way from the whole picture to one point of it at full size."""
    width, height = info['width'], info['height']
    tile = info['tiles'][0]
    side_x, side_y = tile['width'], tile.get('height', tile['width'])
    x, y = chance.random(), chance.random()
    for factor in sorted(tile['scaleFactors'], reverse=True):
        step_x, step_y = side_x * factor, side_y * factor
        left = max(0, min(width - VIEW[0] * factor, x * width - VIEW[0] * factor / 2))
        top = max(0, min(height - VIEW[1] * factor, y * height - VIEW[1] * factor / 2))
        for row in range(int(top // step_y), int(min(height - 1, top + VIEW[1] * factor) // step_y) + 1):
            for column in range(int(left // step_x), int(min(width - 1, left + VIEW[0] * factor) // step_x) + 1):
                at_x, at_y = column * step_x, row * step_y
                w, h = min(step_x, width - at_x), min(step_y, height - at_y)
                out_w = -(-w // factor)
                yield f'/iiif/2/{identifier}/{at_x},{at_y},{w},{h}/{out_w},/0/default.jpg'


def one_client(port, number, identifiers, counts):
    """Looks at all thumbnails, then zooms into each eighth picture."""
    lock = threading.Lock()

    def all_of(paths, tries, pause_s=None):
        todo = iter(paths)

        def run():
            own = Counter()
            client = Client(port, own)
            while True:
                with lock:
                    path = next(todo, None)
                if path is None:
                    break
                client.get(path, tries, pause_s)
            with lock:
                counts.update(own)

        threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    start = number * len(identifiers) // CLIENTS
    all_of([thumbnail(identifier) for identifier in identifiers[start:] + identifiers[:start]], tries=7)
    chance = random.Random(number)
    client = Client(port, counts)
    for identifier in identifiers[number::CLIENTS]:
        body = client.get(f'/iiif/2/{identifier}/info.json', tries=5)
        if body is not None:
            all_of(zoom_paths(json.loads(body), identifier, chance), tries=5, pause_s=0.9)


class Residue:
    """What part of the resident size neither the books nor the system nor the allocator explains, each half second."""

    def __init__(self, server):
        self.percent = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(server.url('/api/ledger?history=0'),))
        self._thread.start()

    def _look(self, url):
        while not self._end.wait(0.5):
            process = get_json(url)['process']
            self.percent.append(100 * process['unclassified_bytes'] / process['resident_bytes'])

    def stop(self):
        self._end.set()
        self._thread.join()
        return self.percent


def measure(limit):
    with Server(data.two_hundred(), '--memory', f'{limit}M') as server:
        watch = Watch(server.pid)
        wait_for_scan(server)
        images = get_json(server.url('/api/images?limit=2000'))['images']
        broken = [image['path'] for image in images if image['error']]
        identifiers = [image['id'] for image in images]
        totals = [Counter() for _ in range(CLIENTS)]
        residue = Residue(server)
        start = time.monotonic()
        threads = [
            threading.Thread(target=one_client, args=(server.port, number, identifiers, totals[number]))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        unclassified = residue.stop()
        counts = sum(totals, Counter())
        ledger = get_json(server.url('/api/ledger?history=0'))
        details = {key: value for key, value in counts.items() if key[0].isdigit()}
        return {
            'unclassified_percent': statistics.median(unclassified), 'most_unclassified_percent': max(unclassified),
            'files': len(images), 'broken': len(broken), 'peak_bytes': watch.stop(),
            'ledger_peak_bytes': ledger['host']['peak_bytes'], 'overdrawn_bytes': ledger['host']['overdrawn_bytes'],
            'answered': counts['answered'], 'again': counts['told to come again'],
            'too_large': counts['refused as too large'], 'lost': counts['lost'],
            'seconds': seconds, 'cpu_s': cpu_seconds(server.pid), 'details': details,
        }


def main():
    results = alternate([128], measure, rounds=min(ROUNDS, 3))
    rows = []
    for limit, runs in results.items():
        take = lambda key, scale=1: median_spread([run[key] / scale if scale != 1 else run[key] for run in runs])
        rows.append({
            'budget, MiB': limit, 'files': runs[0]['files'],
            'peak resident, MiB': take('peak_bytes', MIB), 'reach': '≤ 192',
            'peak on the books, MiB': take('ledger_peak_bytes', MIB),
            'unclassified, % (asked: under 5)': take('unclassified_percent'), 'at most': take('most_unclassified_percent'),
            'answered': take('answered'), 'told to come again (503)': take('again'),
            'can never fit (413)': take('too_large'), 'lost': take('lost'),
            'CPU s': take('cpu_s'), 'seconds': take('seconds'),
        })
    save('serve_memory', {'rows': rows, 'runs': results[128]})


if __name__ == '__main__':
    main()
