"""Pools and other threads, processes, and the end of the interpreter."""

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable

import numpy as np
import pixelbank
import pytest
from pixelbank import Bank, errors
from test_process import in_child


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_what_was_forked_says_so(bank: Bank) -> None:
    tensor, image, batch = bank.tensor((4,)), bank.image_buffer((4, 4)), bank.tensor_batch(2)
    stream, item, pool = bank.stream(), bank.external(1, list), bank.pool
    batch.append(tensor)
    calls: list[Callable[[], object]] = [
        lambda: tensor.shape,
        lambda: tensor[0:1],
        lambda: memoryview(tensor),
        tensor.__dlpack__,
        lambda: image.size,
        lambda: batch[0],
        batch.clear,
        lambda: stream.submit(print),
        stream.synchronize,
        lambda: item.value,
        lambda: pool.current_bytes,
        lambda: bank.tensor((4,)),
    ]

    def body() -> None:
        for call in calls:
            with pytest.raises(errors.ForkedError):
                call()

    assert in_child(body) is None
    assert batch[0].address == tensor.address


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_has_a_default_bank_of_its_own(bank: Bank) -> None:
    pixelbank.set_default_bank(bank)
    before = pixelbank.Tensor((1 << 16,), "uint8")

    def body() -> None:
        tensor = pixelbank.Tensor((1 << 16,), "uint8")
        tensor.fill(1)
        assert pixelbank.default_bank() is not bank
        assert pixelbank.default_bank().pool.current_bytes == 1 << 16

    assert in_child(body) is None
    del before
    assert bank.pool.idle_bytes == 1 << 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_what_was_exported_can_be_read_and_dropped_in_a_child(bank: Bank) -> None:
    tensor = bank.tensor((4,), "int32")
    tensor.fill(3)
    array, exchanged, view = tensor.numpy(), np.from_dlpack(tensor), memoryview(tensor)
    held = [tensor, array, exchanged, view]
    del tensor, array, exchanged, view

    def body() -> None:
        assert [int(np.asarray(one)[0]) for one in held[1:]] == [3, 3, 3]
        held.clear()
        gc.collect()

    assert in_child(body) is None
    assert held[2][0] == 3


def shapes_of(objects: list[pixelbank.Tensor]) -> list[tuple[int, ...]]:
    return [one.shape for one in objects]


def test_objects_reach_a_process_that_was_started_anew(bank: Bank) -> None:
    objects = [bank.tensor((2, 3)), bank.image_buffer((5, 4), "gray")]
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        assert workers.apply(shapes_of, (objects,)) == [(2, 3), (4, 5, 1)]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("row_align", [1, 64])
def test_tensors_pickle_by_value(bank: Bank, protocol: int, row_align: int) -> None:
    pixelbank.set_default_bank(bank)
    tensor = bank.tensor((2, 3), "int16", layout="HW", row_align=row_align)
    tensor.copy_from([[1, 2, 3], [4, 5, 6]])
    again = pickle.loads(pickle.dumps(tensor, protocol))
    tensor.fill(0)
    assert (again.shape, again.dtype, again.layout) == ((2, 3), np.int16, "HW")
    assert again.numpy().tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("channels", ["gray", "rgba", "cmyk", 2, 7])
def test_images_pickle_by_value(bank: Bank, channels: str | int) -> None:
    image = bank.image_buffer((3, 2), channels, "uint16", row_align=32)
    image.fill(9)
    again = pickle.loads(pickle.dumps(image))
    assert type(again) is pixelbank.ImageBuffer
    assert (again.size, again.channels, again.mode) == (image.size, image.channels, image.mode)
    assert (again.numpy() == 9).all()


def test_types_that_numpy_does_not_know_pickle(bank: Bank) -> None:
    tensor = bank.tensor((4,), "bfloat16")
    again = pickle.loads(pickle.dumps(tensor))
    assert repr(again) == "Tensor((4,), 'bfloat16')"


def test_copies_have_memory_of_their_own(bank: Bank) -> None:
    tensor = bank.tensor((4,), "int32")
    tensor.fill(3)
    copies = [copy.copy(tensor), copy.deepcopy(tensor), tensor.copy()]
    tensor.fill(4)
    assert [one.numpy().tolist() for one in copies] == [[3] * 4] * 3


def test_eight_threads_make_and_drop(bank: Bank) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            start.wait()
            for i in range(500):
                tensor = bank.tensor((16 + i % 3, 32), "int32")
                tensor.fill(number)
                part = tensor[2:5].numpy()
                if i % 7 == 0:
                    bank.pool.stats()
                assert (part == number).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bank.pool.idle_bytes == bank.pool.current_bytes
    bank.pool.clear()
    assert bank.ledger().account("pool") == 0


def test_batches_are_used_by_several_threads(bank: Bank) -> None:
    batch, start = bank.tensor_batch(64), threading.Barrier(4)
    tensor = bank.tensor((4,))

    def work() -> None:
        start.wait()
        for _ in range(300):
            batch.append(tensor)
            list(batch)
            batch.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(batch) == 0


def test_nothing_leaks(bank: Bank) -> None:
    tensor, array = bank.tensor((8, 8)), np.ones((4, 4))
    stream, batch = bank.stream(), bank.tensor_batch(2)
    observed = [tensor, array, stream, batch, bank, np.dtype("float32"), "float32", "HW"]

    def work() -> None:
        made = bank.tensor((8, 8), "float32", layout="HW", stream=stream)
        made.copy_from(tensor)
        made[0].numpy()
        memoryview(made).release()
        np.from_dlpack(made)
        made.__dlpack__()
        made.__dlpack__(max_version=(1, 0), copy=True)
        bank.wrap(array).numpy()
        bank.wrap(b"abcd")
        batch.append(made)
        batch[0], batch.pop()
        bank.external(1, list).value.append
        pickle.loads(pickle.dumps(made))
        stream.submit(int, made)
        stream.synchronize()
        for bad in (lambda: bank.tensor((0,)), lambda: bank.wrap(3), lambda: made[9], lambda: batch[5]):
            with pytest.raises((errors.ArgumentError, IndexError)):
                bad()

    for _ in range(20):
        work()
    gc.collect()
    counts = [sys.getrefcount(one) for one in observed]
    tracemalloc.start()
    grown = []
    for _ in range(4):
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(400):
            work()
        gc.collect()
        grown.append(tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()
    # A leak would be of 1,600; names such as "float32" are shared with libraries that come and go.
    more = [sys.getrefcount(one) - count for one, count in zip(observed, counts, strict=True)]
    assert max(more) < 100, more
    # Old strings are replaced by new ones now and then, fewer in each round; the smallest object that a turn could leave
    # behind has 32 bytes.
    assert min(grown) < 400 * 32


ENDINGS = {
    "tensors": """
        bank = pixelbank.Bank("16M")
        kept = [bank.tensor((64, 64)) for _ in range(20)]
        arrays = [tensor.numpy() for tensor in kept]
        default = pixelbank.Tensor((4,))
        view = memoryview(default)
        item = bank.external(1, dict)
    """,
    "a cycle": """
        class Holder: pass
        holder = Holder()
        holder.self = holder
        holder.bank = pixelbank.Bank("16M")
        holder.tensor = holder.bank.tensor((64, 64))
        holder.stream = holder.bank.stream()
    """,
    "a thread": """
        import threading
        bank = pixelbank.Bank("16M")
        thread = threading.Thread(target=lambda: setattr(thread, "kept", bank.tensor((64, 64))))
        thread.start()
        thread.join()
    """,
    "a busy stream": """
        bank = pixelbank.Bank("16M")
        stream, tensor = bank.stream(), bank.tensor((64, 64))
        for i in range(500):
            stream.submit(lambda: tensor.fill(i), tensor)
    """,
    "a tensor at exit": """
        import atexit
        kept = []
        atexit.register(lambda: kept.append(pixelbank.Tensor((4,))))
    """,
    "foreign memory": """
        import numpy
        kept = [pixelbank.from_dlpack(numpy.zeros(100)), pixelbank.from_dlpack(bytearray(100))]
    """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_interpreter_ends_with_live_objects(ending: str) -> None:
    lines = [line.removeprefix(" " * 8) for line in ENDINGS[ending].splitlines()]
    program = "\n".join(["import pixelbank", *lines])
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
