#!/usr/bin/env python3
"""Cold tiles of a JPEG-compressed pyramid per CPU second: each tile once from a server that was just started."""
import random
import shutil
import subprocess

import data
from clients import in_parallel
from harness import DATA, MIB, ROUNDS, Server, alternate, children, cpu_seconds, free_port, get_json, median_spread
from harness import save, status_bytes, wait_for_port, wait_for_scan

IIPSRV = '/usr/lib/iipimage-server/iipsrv.fcgi'
SIDE = 16384
N_THREADS = 4

LIGHTTPD = '''
server.modules = ("mod_fastcgi")
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{work}"
server.errorlog = "{work}/lighttpd.log"
server.max-keep-alive-requests = 1000000
fastcgi.server = ("/iiif" => ((
    "socket" => "{work}/iipsrv.socket", "bin-path" => "{iipsrv}", "check-local" => "disable", "max-procs" => 2,
    "bin-environment" => ("FILESYSTEM_PREFIX" => "{images}/", "JPEG_QUALITY" => "85", "VERBOSITY" => "0",
                          "LOGFILE" => "{work}/iipsrv.log", "MAX_CVT" => "5000"),
)))
'''


class Iipsrv:
    """Debian's iipsrv, two processes, behind lighttpd; its own CPU time alone counts."""

    def __init__(self):
        work = DATA / 'iipsrv'
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.port = free_port()
        images = data.pyramid_file().parent
        text = LIGHTTPD.format(port=self.port, work=work, iipsrv=IIPSRV, images=images)
        (work / 'lighttpd.conf').write_text(text)
        program = shutil.which('lighttpd') or '/usr/sbin/lighttpd'
        self.process = subprocess.Popen([program, '-D', '-f', str(work / 'lighttpd.conf')])
        self.base = f'/iiif?IIIF={data.pyramid_file().name.replace(" ", "%20")}'

    def __enter__(self):
        wait_for_port(self.port, self.process)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def pids(self):
        return children(self.process.pid)


class Ours(Server):
    """Pixelbank, once it knows what is in the folder."""

    def __init__(self):
        super().__init__(data.pyramid(), '--memory', '512M')

    def __enter__(self):
        super().__enter__()
        wait_for_scan(self)
        images = get_json(self.url('/api/images?limit=10'))['images']
        self.base = '/iiif/2/' + next(image['id'] for image in images if image['width'] == SIDE)
        return self

    def pids(self):
        return [self.pid]


def tiles(side, quality):
    """Every tile of every level, in an order that no cache can foresee."""
    paths, factor = [], 1
    while SIDE // factor >= side:
        step = side * factor
        paths += [
            f'/{x},{y},{step},{step}/{side},/0/{quality}.jpg' for y in range(0, SIDE, step) for x in range(0, SIDE, step)
        ]
        factor *= 2
    random.Random(5).shuffle(paths)
    return paths


# The first is what a viewer asks for. The others cannot be passed through and must be decoded and encoded again.
KINDS = {
    'tiles of 256, as they are stored': (256, 'default'),
    'tiles of 256, grey': (256, 'gray'),
    'regions of 512': (512, 'default'),
}
SERVERS = {'pixelbank': Ours, 'iipsrv': Iipsrv}


def measure(variant):
    kind, name = variant
    paths = tiles(*KINDS[kind])
    with SERVERS[name]() as server:
        in_parallel(server.port, [server.base + '/0,0,512,512/100,/0/default.jpg'] * 8, 4, lambda c, p: c.get(p, 5))
        before = sum(cpu_seconds(pid) for pid in server.pids())
        bad = []

        def fetch(client, path):
            body = client.get(server.base + path, tries=5)
            if not body or body[:2] != b'\xff\xd8':
                bad.append(path)

        in_parallel(server.port, paths, N_THREADS, fetch)
        cpu = sum(cpu_seconds(pid) for pid in server.pids()) - before
        peak = sum(status_bytes(pid, 'VmHWM') for pid in server.pids())
        if bad:
            raise SystemExit(f'{name}: {len(bad)} of {len(paths)} tiles failed, such as {bad[0]}')
        return {'per_cpu_second': len(paths) / cpu, 'cpu_s': cpu, 'tiles': len(paths), 'peak_bytes': peak}


def main():
    variants = [(kind, name) for kind in KINDS for name in SERVERS]
    results = alternate(variants, measure, rounds=ROUNDS)
    rows = []
    for kind in KINDS:
        ours, theirs = results[kind, 'pixelbank'], results[kind, 'iipsrv']
        take = lambda runs, key, scale=1: median_spread([run[key] / scale if scale != 1 else run[key] for run in runs])
        rows.append({
            'what': kind, 'requests': ours[0]['tiles'],
            'pixelbank, a CPU second': take(ours, 'per_cpu_second'),
            'iipsrv, a CPU second': take(theirs, 'per_cpu_second'),
            'ratio': median_spread([a['per_cpu_second'] / b['per_cpu_second'] for a, b in zip(ours, theirs)]),
            'peak resident, MiB': take(ours, 'peak_bytes', MIB),
            'iipsrv (2 processes), MiB': take(theirs, 'peak_bytes', MIB),
        })
    rows[0]['reach'] = '≥ 1.5'
    save('cold_tiles', {'rows': rows})


if __name__ == '__main__':
    main()
