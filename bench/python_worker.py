"""One measurement in a process of its own: python_worker.py ours|theirs small|cold|threads|import [FILE]. Prints JSON."""
import json
import resource
import statistics
import sys
import threading
import time
from itertools import cycle

MEMORY_MB = 256


def resident():
    with open('/proc/self/statm') as statm:
        return int(statm.read().split()[1]) * 4096


def nanos(call, seconds=0.25):
    """The median of several loops; each is long enough for the clock."""
    call()
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        took = time.perf_counter() - start
        if took > seconds / 10:
            break
        count *= 2
    loops = []
    for _ in range(9):
        start = time.perf_counter()
        for _ in range(count):
            call()
        loops.append((time.perf_counter() - start) / count * 1e9)
    return statistics.median(loops)


def open_theirs():
    import OpenImageIO as oiio

    cache = oiio.ImageCache()
    cache.attribute('max_memory_MB', float(MEMORY_MB))
    return oiio, cache


def small(who, path):
    # 200 regions within a few tiles, so that all are in memory.
    corners = cycle([(64 * (n % 10), 64 * (n // 10)) for n in range(100)])
    if who == 'theirs':
        oiio, cache = open_theirs()

        def region():
            x, y = next(corners)
            cache.get_pixels(path, 0, 0, x, x + 64, y, y + 64, 0, 1, oiio.UINT8)

        def pixel():
            x, y = next(corners)
            cache.get_pixels(path, 0, 0, x, x + 1, y, y + 1, 0, 1, oiio.UINT8)

        return {
            'a new array': nanos(region),
            'one pixel': nanos(pixel),
            'specification': nanos(lambda: cache.get_imagespec(path, 0)),
        }
    import numpy
    import pixelbank

    bank = pixelbank.Bank(f'{MEMORY_MB}M')
    out = numpy.empty((64, 64, bank.spec(path).channels), 'uint8')
    image = bank.open(path)

    def indexed():
        x, y = next(corners)
        image[y, x]

    found = {
        'a new array': nanos(lambda: bank.read(path, (*next(corners), 64, 64))),
        'into `out`': nanos(lambda: bank.read(path, (*next(corners), 64, 64), out=out)),
        'one pixel': nanos(lambda: bank.read(path, (*next(corners), 1, 1))),
        'one pixel, `image[y, x]`': nanos(indexed),
        'specification': nanos(lambda: bank.spec(path)),
        'a tile, not copied': nanos(lambda: bank.tile(path, 0, 0)),
        '`numpy.empty((16, 32, 4), "float32")`': nanos(lambda: numpy.empty((16, 32, 4), 'float32')),
    }
    if hasattr(pixelbank.Tensor, '__dlpack__'):
        pixelbank.set_default_bank(bank)
        found['tensor made and dropped'] = nanos(lambda: pixelbank.Tensor((16, 32, 4), 'float32'))
    return found


def cold(who, path):
    side, tile = 16384, 64
    if who == 'theirs':
        oiio, cache = open_theirs()
        tile = cache.get_imagespec(path, 0).tile_width

        def read(x, y):
            cache.get_pixels(path, 0, 0, x, x + tile, y, y + tile, 0, 1, oiio.UINT8)
    else:
        import pixelbank

        bank = pixelbank.Bank(f'{MEMORY_MB}M')
        tile = bank.spec(path).tile[0]

        def read(x, y):
            bank.read(path, (x, y, tile, tile))

    def half(number):
        for y in range(number * side // 2, (number + 1) * side // 2, tile):
            for x in range(0, side, tile):
                read(x, y)

    start = time.perf_counter()
    threads = [threading.Thread(target=half, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    channels = 4 if who == 'theirs' and cache.get_imagespec(path, 0).nchannels == 4 else None
    channels = channels or (cache.get_imagespec(path, 0).nchannels if who == 'theirs' else bank.spec(path).channels)
    return {
        'megabytes_a_second': side * side * channels / took / 1e6,
        'peak_megabytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def threads(who, path):
    import pixelbank

    bank = pixelbank.Bank(f'{MEMORY_MB}M')

    def read(count, seed):
        for n in range(count):
            place = (n * 7919 + seed * 104729) % 10_000
            bank.read(path, (64 * (place % 100), 64 * (place // 100), 64, 64))

    read(10_000, 0)
    found = {}
    for name, n_threads in [('one_thread_s', 1), ('eight_threads_s', 8)]:
        start = time.perf_counter()
        running = [threading.Thread(target=read, args=(50_000 // n_threads, seed)) for seed in range(n_threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        found[name] = time.perf_counter() - start
    return found


def importing(who, _=None):
    before = resident()
    start = time.perf_counter()
    import pixelbank  # noqa: F401

    return {'ms': (time.perf_counter() - start) * 1e3, 'megabytes': (resident() - before) / 1e6}


if __name__ == '__main__':
    who, what, *rest = sys.argv[1:]
    work = {'small': small, 'cold': cold, 'threads': threads, 'import': importing}[what]
    print(json.dumps(work(who, *rest)))
