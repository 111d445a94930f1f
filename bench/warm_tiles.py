#!/usr/bin/env python3
"""4,096 warm tiles with wrk and 8 connections, against nginx that serves the same bytes as files."""
import os
import re
import shutil
import subprocess

import data
from clients import in_parallel
from harness import DATA, MIB, ROUNDS, Server, alternate, free_port, get_json, median_spread, save
from harness import status_bytes, tree_cpu_seconds, tree_peak_bytes, wait_for_port, wait_for_scan

N = 4096
SECONDS = os.environ.get('SECONDS', '5')

NGINX = '''
worker_processes 2;
pid {work}/nginx.pid;
error_log {work}/error.log crit;
daemon off;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 65;
    keepalive_requests 1000000000;
    open_file_cache max=10000 inactive=600s;
    open_file_cache_valid 600s;
    open_file_cache_min_uses 1;
    types {{ image/jpeg jpg; }}
    server {{ listen 127.0.0.1:{port} backlog=1024; root {work}/files; }}
}}
'''

# Each thread takes the tiles in an order of its own, the same in every run.
WRK = '''
local threads = 0
function setup(thread) thread:set("first", threads); threads = threads + 1 end
local at
local paths = {}
function init()
    for line in io.lines("%s") do paths[#paths + 1] = wrk.format("GET", line) end
end
function request()
    at = ((at or first * 1337) + 1567) %% #paths
    return paths[at + 1]
end
'''


def nginx(work, port):
    (work / 'nginx.conf').write_text(NGINX.format(work=work, port=port))
    program = shutil.which('nginx') or '/usr/sbin/nginx'
    return subprocess.Popen([program, '-p', str(work), '-c', str(work / 'nginx.conf'), '-e', str(work / 'error.log')])


def wrk(port, paths, script, pid):
    script.write_text(WRK % paths)
    before = tree_cpu_seconds(pid)
    done = subprocess.run(
        ['wrk', '-t2', '-c8', f'-d{SECONDS}s', '-s', str(script), f'http://127.0.0.1:{port}/'],
        capture_output=True, text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f'wrk: {done.stdout}{done.stderr}')
    out = done.stdout
    cpu = tree_cpu_seconds(pid) - before
    requests = int(re.search(r'(\d+) requests in', out)[1])
    wrong = re.search(r'(Non-2xx.*|Socket errors.*)', out)
    if wrong:
        raise SystemExit(f'wrk: {wrong[1]}')
    return {
        'per_second': float(re.search(r'Requests/sec:\s+([\d.]+)', out)[1]),
        'cpu_us': cpu / requests * 1e6,
        'per_cpu_second': requests / cpu,
    }


def main():
    work = DATA / 'nginx'
    shutil.rmtree(work, ignore_errors=True)
    (work / 'files').mkdir(parents=True)
    # The workers of nginx may run as another user.
    for folder in [work / 'files', work]:
        folder.chmod(0o755)
    with Server(data.pyramid(), '--memory', '512M') as server:
        wait_for_scan(server)
        images = get_json(server.url('/api/images?limit=10'))['images']
        identifier = next(image['id'] for image in images if image['width'] == 16384)
        paths = [
            f'/iiif/2/{identifier}/{x * 256},{y * 256},256,256/256,/0/default.jpg' for y in range(64) for x in range(64)
        ]
        sizes = []

        def fetch(client, n):
            body = client.get(paths[n], tries=5)
            (work / f'files/{n:04}.jpg').write_bytes(body)
            sizes.append(len(body))

        in_parallel(server.port, range(N), 4, fetch)
        assert len(sizes) == N
        (work / 'ours.txt').write_text('\n'.join(paths) + '\n')
        (work / 'theirs.txt').write_text('\n'.join(f'/{n:04}.jpg' for n in range(N)) + '\n')
        (work / 'health.txt').write_text('/healthz\n')
        port = free_port()
        peer = nginx(work, port)
        try:
            wait_for_port(port, peer)
            variants = {
                'pixelbank': (server.port, work / 'ours.txt', server.pid),
                'nginx, the same bytes as files': (port, work / 'theirs.txt', peer.pid),
                'pixelbank `/healthz` (floor of the HTTP stack)': (server.port, work / 'health.txt', server.pid),
            }
            measure = lambda variant: wrk(*variants[variant][:2], work / 'wrk.lua', variants[variant][2])
            for variant in variants:
                measure(variant)
            results = alternate(variants, measure)
            peaks = [status_bytes(server.pid, 'VmHWM'), tree_peak_bytes(peer.pid)]
        finally:
            peer.terminate()
            peer.wait()
    rows = []
    for (variant, runs), peak in zip(results.items(), [*peaks, peaks[0]]):
        take = lambda key: median_spread([run[key] for run in runs])
        ratios = [run['per_second'] / other['per_second'] for run, other in zip(runs, list(results.values())[1])]
        rows.append({
            'server': variant, 'requests/s': take('per_second'), '× nginx': median_spread(ratios),
            'CPU µs a request': take('cpu_us'), 'peak resident, MiB': peak // MIB,
        })
    rows[0]['reach'] = '≥ 0.6 ×'
    save('warm_tiles', {'rows': rows, 'notes': [f'{N:,} tiles, {sum(sizes) / N / 1000:.1f} KB each on average.']})


if __name__ == '__main__':
    main()
