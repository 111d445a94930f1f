"""Reads `pixelbank top` in a terminal of tmux, while a server works and after it has ended.

    .venv/bin/python tests/terminal/run.py target/debug/pixelbank
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from serving import serving

PATIENCE_S = 30
PROMPT = r"ready> *\n*$"


class Terminal:
    """A terminal of 120 × 40, without the user's settings, on a server of its own."""

    def __init__(self, folder):
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux")]
        self.n_seen = 0
        self._run("new-session", "-d", "-x", "120", "-y", "40", "env", "PS1=ready> ", "sh")

    def _run(self, *arguments):
        done = subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def keys(self, *keys):
        self._run("send-keys", *keys)

    def screen(self):
        return self._run("capture-pane", "-p")

    def wait_for(self, pattern, what):
        """The match, once the screen shows it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            screen = self.screen()
            if found := re.search(pattern, screen):
                self.n_seen += 1
                return found
            time.sleep(0.05)
        raise AssertionError(f"{what}: /{pattern}/ is not on the screen:\n{screen}")

    def close(self):
        self._run("kill-server")


def rows(terminal, types):
    """The types that the table shows, from above."""
    return re.findall(rf"^\w+ +({'|'.join(types)}) ", terminal.screen(), re.MULTILINE)


def check(binary, folder):
    photos = folder / "photos"
    command = [binary, "sample", photos, "--count", "3", "--megapixels", "2"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    terminal = Terminal(folder)
    try:
        with serving(binary, photos, "--memory", "96M") as server:
            url = f"http://{server.host}"
            images = json.load(urllib.request.urlopen(f"{url}/api/images", timeout=PATIENCE_S))["images"]
            for image in images:
                urllib.request.urlopen(f"{url}/iiif/3/{image['id']}/full/!400,400/0/default.jpg", timeout=PATIENCE_S).read()
            held = json.load(urllib.request.urlopen(f"{url}/api/ledger", timeout=PATIENCE_S))
            types = {row["type"] for row in held["types"] if row["live_bytes"]}
            assert len(types) > 3, held["types"]

            # By the process's number, through its socket.
            terminal.keys(f"{binary} top {server.process.pid}", "Enter")
            terminal.wait_for(rf"process {server.process.pid} \(pixelbank\)", "whose memory it is")
            terminal.wait_for(r"of 96 MiB held", "the limit")
            terminal.wait_for(r"bytes▼", "the column that sorts")
            largest = max(held["types"], key=lambda row: row["live_bytes"] if row["resource"] == "host" else 0)
            terminal.wait_for(rf"{largest['account']} +{largest['type']}", "the largest")
            by_bytes = rows(terminal, types)
            terminal.keys("r")
            terminal.wait_for(r"bytes▲", "sorted the other way")
            # Rows that hold equally much keep their order.
            assert rows(terminal, types)[-1] == by_bytes[0], terminal.screen()
            terminal.keys("Left")
            terminal.wait_for(r"count▲", "sorted by the column before")
            terminal.keys("m")
            terminal.wait_for(r"since-mark", "the column of what came since the mark")
            terminal.wait_for(r"marked +mark 1", "the mark among the events")
            terminal.keys("?")
            terminal.wait_for(r"what is resident, ╌ the limit", "help")
            terminal.keys("x", "q")
            terminal.wait_for(PROMPT, "the shell")

            # By address, while it ends.
            terminal.keys("clear", "Enter", f"{binary} top {server.host}", "Enter")
            terminal.wait_for(rf"{re.escape(url)}.*up ", "the address")
        terminal.wait_for(r"Nothing more is seen: .*\(q ends\)", "that the server has ended")
        assert "of 96 MiB held" in terminal.screen(), "the last figures stay"
        terminal.keys("q")
        terminal.wait_for(PROMPT, "the shell")
        terminal.keys(f"clear; {binary} top {server.process.pid}; echo ended with $?", "Enter")
        told = terminal.wait_for(r"pixelbank: (.*)\s+ended with 1", "that there is no such process")
        assert f"no process of yours with the number {server.process.pid}" in told[1], told[1]
        return terminal.n_seen
    finally:
        terminal.close()


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="pixelbank-terminal-") as folder:
        folder = pathlib.Path(folder)
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        n_seen = check(binary, folder)
    print(f"terminal: {n_seen} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
