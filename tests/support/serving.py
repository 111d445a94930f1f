"""Starts `pixelbank serve` on a free port for a test and stops it again."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading

ADDRESS = re.compile(r"http://(127\.0\.0\.1:\d+)/")


class Server:
    """A running `pixelbank serve`; `host` is `127.0.0.1:PORT`."""

    def __init__(self, process, host, log):
        self.process = process
        self.host = host
        self._log = log

    def is_running(self):
        return self.process.poll() is None

    def log_tail(self, n_lines=40):
        """The last lines the program wrote, for the report of a failure."""
        # Reading with an offset of its own: the program writes at the file's, which a seek would move.
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size, 0).decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-n_lines:])


@contextlib.contextmanager
def serving(binary, folder, *options, start_timeout_s=60):
    """Serves `folder` with `binary` until the block ends.

    Raises RuntimeError, with what the program wrote, if it ends or stays silent before printing its address.
    """
    # Both outputs go to a file: a pipe that nobody empties would stop the server once it is full.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(binary), "serve", str(folder), "--port", "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        address = []
        answered = threading.Event()

        def follow():
            for line in process.stdout:
                log.write(line)
                log.flush()
                found = ADDRESS.search(line.decode("utf-8", "replace"))
                if found and not address:
                    address.append(found.group(1))
                    answered.set()
            answered.set()

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        server = None
        try:
            answered.wait(start_timeout_s)
            server = Server(process, address[0] if address else None, log)
            if not address:
                raise RuntimeError(f"{binary} serve printed no address:\n{server.log_tail()}")
            yield server
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            follower.join(5)
