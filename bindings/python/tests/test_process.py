"""Forks, spawned processes, signals, and the end of the interpreter."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pixelbank
import pytest
from test_bank import run


def in_child(work):
    """What `work` returns in a forked child."""
    ours, theirs = multiprocessing.Pipe()
    with warnings.catch_warnings():
        # Python and JAX warn of forks in a process with threads; that is what is tested.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        try:
            theirs.send(work())
        except BaseException as error:
            theirs.send(repr(error))
        finally:
            os._exit(0)
    assert ours.poll(60), "the child hangs"
    answer = ours.recv()
    os.waitpid(child, 0)
    return answer


def test_in_a_fork_the_default_bank_is_a_new_one(png, gradient):
    pixelbank.read(png)
    assert in_child(lambda: np.array_equal(pixelbank.read(png), gradient)) is True


def test_in_a_fork_a_bank_of_the_parent_says_so(bank, png):
    image, tile, array = bank.open(png), bank.tile(png, 0, 0), bank.read(png)
    for work in [
        lambda: bank.read(png),
        lambda: image[0],
        lambda: memoryview(tile),
        lambda: bank.trim(),
        lambda: image.spec.width,
    ]:
        assert "ForkedError" in in_child(work)
    # Arrays are memory like any other.
    assert in_child(lambda: int(array.sum())) == int(array.sum())


def test_in_a_fork_the_parents_objects_are_dropped_without_waiting(png):
    def work():
        bank.close
        bank._arguments = None
        return "dropped"

    bank = pixelbank.Bank("64M")
    objects = [bank.open(png), bank.tile(png, 0, 0), bank.read(png), bank.pin(png), bank.prefetch(png), bank]

    def drop():
        nonlocal bank
        objects.clear()
        bank = None
        return "dropped"

    assert in_child(drop) == "dropped"
    objects[0][0]
    assert work() == "dropped"


def test_a_fork_while_others_read_does_not_hang(bank, png):
    stop = threading.Event()

    def read():
        while not stop.is_set():
            bank.read(png, (0, 0, 200, 100))
            bank.invalidate(png)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(lambda: pixelbank.read(png, (0, 0, 5, 5)).shape) == (5, 5, 3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def shape_of(image):
    return image[:5].shape


def test_images_go_to_spawned_processes(bank, png):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(shape_of, (bank.open(png),)).get(60) == (5, 300, 3)


INTERRUPTED = """
import os, signal, threading, pixelbank, numpy
class Stuck:
    width = height = 64
    def read(self, *where):
        os.write(1, b"reading\\n")
        threading.Event().wait(60)
bank = pixelbank.Bank("64M")
bank.add("stuck", Stuck())
try:
    bank.read("stuck")
except KeyboardInterrupt:
    os.write(1, b"interrupted\\n")
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_ends_a_read():
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    "code",
    [
        "kept = bank.read('ramp')",
        "kept = [bank.tile('ramp', 0, 0), bank.open('ramp'), bank.spec('ramp'), bank.pin('ramp'), bank.prefetch('ramp')]",
        "import sys; sys.kept = (bank, numpy.asarray(bank.tile('ramp', 0, 0)))",
        "import threading; threading.Thread(target=lambda: [bank.read('slow', (n, 0, 1, 1)) for n in range(500)], daemon=True).start()",
        "bank.prefetch('slow')",
        "import atexit; atexit.register(lambda: bank.read('ramp', (0, 0, 5, 5)))",
        "pixelbank.set_default_bank(bank); bank = None; kept = pixelbank.open('ramp')",
    ],
)
def test_the_interpreter_ends_with_live_objects(code):
    ended = run(
        "import numpy, pixelbank\n"
        "class Slow:\n"
        "    width = height = 4096\n"
        "    def read(self, x, y, w, h, level): return numpy.zeros((h, w, 3), 'uint8')\n"
        "bank = pixelbank.Bank('64M')\n"
        "bank.add('ramp', numpy.zeros((600, 600, 3), 'uint8'))\n"
        "bank.add('slow', Slow())\n" + code
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_decoding_leaves_the_interpreter_to_others(bank, tmp_path):
    """While one thread decodes, another gets on: counted, not timed."""
    from PIL import Image

    random = np.random.default_rng(1)
    path = tmp_path / "noise.png"
    Image.fromarray(random.integers(0, 255, (3000, 3000, 3), "uint8")).save(path, compress_level=1)
    done = threading.Event()
    steps = 0

    def read():
        bank.read(path, (0, 2990, 10, 10))
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    while not done.is_set():
        steps += 1
        time.sleep(0)
    thread.join()
    assert steps > 100
