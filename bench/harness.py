"""What the benchmarks share: paths, alternating rounds, medians, processes that are watched, results on disk."""
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / 'bench/data'
RESULTS = ROOT / 'bench/results'
# Another build can be measured by naming it.
PROGRAM = Path(os.environ.get('PIXELBANK', ROOT / 'target/release/pixelbank'))
ROUNDS = int(os.environ.get('ROUNDS', '5'))
MIB = 1 << 20
TICK = os.sysconf('SC_CLK_TCK')


def say(text):
    print(text, file=sys.stderr, flush=True)


def alternate(variants, measure, rounds=ROUNDS):
    """Measures each variant once a round, so that a busy spell of the machine meets all of them."""
    results = {variant: [] for variant in variants}
    for round_number in range(rounds):
        for variant in variants:
            results[variant].append(measure(variant))
            say(f'  round {round_number + 1}/{rounds}: {variant}: {brief(results[variant][-1])}')
    return results


def brief(result):
    if isinstance(result, dict):
        return ', '.join(f'{key} {brief(value)}' for key, value in result.items() if not isinstance(value, (list, dict)))
    return f'{result:.4g}' if isinstance(result, float) else str(result)


def median_spread(values):
    """Median, least and greatest."""
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values)}


def save(name, result):
    """Keeps a result for report.py, with the machine and the time, and prints it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {'name': name, 'machine': machine(), 'date': time.strftime('%Y-%m-%d'), **result}
    (RESULTS / f'{name}.json').write_text(json.dumps(result, indent=1) + '\n')
    import report

    print(report.render(result))


def machine():
    model = next(
        (line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if 'model name' in line),
        platform.machine(),
    )
    total = int(Path('/proc/meminfo').read_text().split()[1]) // 1024
    return f'{os.cpu_count()} × {model}, {total} MiB, Linux {platform.release()}'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f'{process.args[0]} ended with {process.returncode}')
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f'{process.args[0]} does not listen on {port}')


def cpu_seconds(pid):
    """User and system time of a process, all its threads, live or ended."""
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children(pid):
    found = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            found += [int(child), *children(int(child))]
    return found


def tree_cpu_seconds(pid):
    return sum(cpu_seconds(one) for one in [pid, *children(pid)])


def status_bytes(pid, field):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(field + ':'):
            return int(line.split()[1]) * 1024
    return 0


def tree_peak_bytes(pid):
    return sum(status_bytes(one, 'VmHWM') for one in [pid, *children(pid)])


class Watch:
    """Samples the resident size of a process every 50 ms; the kernel's own high-water mark is read at the end."""

    def __init__(self, pid):
        self.pid, self.samples, self._stop = pid, [], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.05):
            try:
                self.samples.append(status_bytes(self.pid, 'VmRSS'))
            except OSError:
                return

    def stop(self):
        self._stop.set()
        self._thread.join()
        return max([*self.samples, status_bytes(self.pid, 'VmHWM')])


class Server:
    """`pixelbank serve` on a free port, ended at the end of the block."""

    def __init__(self, folder, *options, environment=None):
        self.port = free_port()
        log = DATA / 'server.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, 'ab') as out:
            self.process = subprocess.Popen(
                [str(PROGRAM), 'serve', str(folder), '--port', str(self.port), *options],
                stdout=out, stderr=out, env=environment,
            )
        self.pid = self.process.pid
        self.started = time.monotonic()

    def __enter__(self):
        wait_for_port(self.port, self.process)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, path):
        return f'http://127.0.0.1:{self.port}{path}'


def get_json(url):
    import urllib.request

    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def wait_for_scan(server):
    """Waits until every file is found and described."""
    while True:
        scan = get_json(server.url('/api/images?limit=1'))['scan']
        if scan['state'] == 'done' and scan['indexed'] >= scan['found']:
            return scan
        time.sleep(0.1)
