"""Clients that ask as the page does: connections that are kept, and further tries where the server says so."""
import http.client
import threading
import time
from collections import Counter


class Client:
    """One connection. Counts what came back."""

    def __init__(self, port, counts):
        self.port, self.counts = port, counts
        self.connection = None

    def once(self, path):
        for fresh in (False, True):
            if self.connection is None or fresh:
                self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
            try:
                self.connection.request('GET', path)
                answer = self.connection.getresponse()
                return answer.status, answer.read(), answer.getheader('Retry-After')
            except (http.client.HTTPException, OSError):
                # A server may close a connection that was idle; what fails on a new one has failed.
                self.connection.close()
                self.connection = None
                if fresh:
                    return 0, b'', None
        raise AssertionError

    def get(self, path, tries, pause_s=None):
        """The body, or nothing. `pause_s` is how long to wait before another try; none: as long as the server says."""
        for n in range(tries):
            status, body, retry_after = self.once(path)
            if status == 200:
                self.counts['answered'] += 1
                return body
            if status != 503:
                self.counts['refused as too large' if status == 413 else 'lost'] += 1
                self.counts[f'{status}: {path.split("/")[3]}'] += 1
                return None
            self.counts['told to come again'] += 1
            time.sleep(pause_s or float(retry_after or 0.4 * 2 ** min(n, 4)))
        self.counts['lost'] += 1
        return None


def in_parallel(port, jobs, n_threads, work):
    """Calls `work(client, job)` for each job, `n_threads` at a time; returns the counts of all clients."""
    todo = iter(jobs)
    lock, total = threading.Lock(), Counter()

    def run():
        counts = Counter()
        client = Client(port, counts)
        while True:
            with lock:
                job = next(todo, None)
            if job is None:
                break
            work(client, job)
        with lock:
            total.update(counts)

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total
