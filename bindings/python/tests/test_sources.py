"""Images that are no files: arrays, bytes, objects that make pixels when they are asked for them."""

import gc
import sys
import threading
import weakref

import numpy as np
import pixelbank
import pytest


class Checkers:
    """Squares of 8 pixels."""

    width, height, channels, dtype, tile = 1000, 500, 2, "uint16", (128, 64)

    def read(self, x, y, width, height, level):
        rows, columns = np.mgrid[y : y + height, x : x + width]
        shade = ((rows // 8 + columns // 8) % 2 * 65535).astype("uint16")
        return np.ascontiguousarray(np.stack([shade, 65535 - shade], axis=2))


def test_an_object_makes_pixels(bank):
    source = Checkers()
    assert isinstance(source, pixelbank.Source)
    bank.add("checkers", source)
    spec = bank.spec("checkers")
    assert (spec.shape, spec.dtype, spec.tile, spec.format) == ((500, 1000, 2), np.uint16, (128, 64), "raw pixels")
    assert np.array_equal(bank.read("checkers", (123, 45, 300, 200)), source.read(123, 45, 300, 200, 0))
    assert bank.read("checkers", level=2).shape == (125, 250, 2)


def test_an_object_may_make_levels_by_itself(bank):
    class Levels(Checkers):
        levels = ((500, 250), (250, 125))

        def read(self, x, y, width, height, level):
            return np.full((height, width, 2), level, "uint16")

    bank.add("levels", Levels())
    assert [bank.read("levels", (0, 0, 1, 1), level=n)[0, 0, 0] for n in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32"])
def test_arrays_are_read_where_they_lie(bank, dtype):
    array = (np.arange(90 * 70 * 4) % 251).astype(dtype).reshape(90, 70, 4)
    views = [array, array[::2], array[:, ::-3], array[..., :2], array.transpose(1, 0, 2), array[..., 1], array[::-1, ::-1, ::-1]]
    for n, view in enumerate(views):
        bank.add(f"view {n}", view)
        read = bank.read(f"view {n}")
        assert np.array_equal(read, view if view.ndim == 3 else view[..., None])


def test_an_array_is_kept_alive_as_long_as_it_is_known(bank):
    array = np.zeros((100, 100, 3), "uint8")
    alive = weakref.ref(array)
    bank.add("array", array)
    del array
    gc.collect()
    assert alive() is not None
    bank.read("array")
    bank.add("array", np.ones((10, 10, 3), "uint8"))
    gc.collect()
    assert bank.read("array").shape == (10, 10, 3)
    assert alive() is None
    bank.invalidate("array")
    with pytest.raises(FileNotFoundError):
        bank.read("array")


def test_encoded_bytes_get_a_name(bank, png, gradient):
    bank.add("embedded", png.read_bytes())
    assert np.array_equal(bank.read("embedded"), gradient)
    assert bank.ledger().account("encoded") == len(png.read_bytes())


class Failing(Checkers):
    def __init__(self, answer):
        self.answer = answer

    def read(self, x, y, width, height, level):
        return self.answer(width, height)


def test_what_a_source_raises_is_the_cause(bank):
    def fail(width, height):
        raise RuntimeError("the scanner is off")

    bank.add("failing", Failing(fail))
    with pytest.raises(pixelbank.SourceError, match="failing.*the scanner is off") as caught:
        bank.read("failing")
    assert isinstance(caught.value.__cause__, RuntimeError)
    # Nothing else is lost.
    bank.add("failing", Checkers())
    assert bank.read("failing").shape == (500, 1000, 2)


@pytest.mark.parametrize(
    "answer",
    [
        lambda w, h: None,
        lambda w, h: np.zeros((h, w), "uint16"),
        lambda w, h: np.zeros((h, w, 3), "uint16"),
        lambda w, h: np.zeros((h + 1, w, 2), "uint16"),
        lambda w, h: np.zeros((h, w, 2), "uint8"),
        lambda w, h: np.zeros((h, w, 2), ">u2"),
        lambda w, h: np.zeros((w, h, 2), "uint16").transpose(1, 0, 2),
        lambda w, h: b"abc",
    ],
)
def test_wrong_answers_are_errors(bank, answer):
    bank.add("wrong", Failing(answer))
    with pytest.raises(pixelbank.SourceError):
        bank.read("wrong")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("height", -1),
        ("width", 1 << 40),
        ("channels", 0),
        ("channels", 256),
        ("dtype", "float64"),
        ("tile", (0, 5)),
        ("levels", [(5000, 5)]),
        ("read", 5),
    ],
)
def test_sources_are_checked_when_they_are_added(bank, name, value):
    source = Checkers()
    setattr(source, name, value)
    with pytest.raises(pixelbank.ArgumentError):
        bank.add("source", source)


@pytest.mark.parametrize(
    "array", [np.zeros(5, "uint8"), np.zeros((5, 5, 0), "uint8"), np.zeros((5, 5, 3)), np.zeros((5, 5, 300), "uint8")]
)
def test_arrays_that_are_no_pictures_are_refused(bank, array):
    with pytest.raises(pixelbank.ArgumentError, match="source"):
        bank.add("array", array)


def test_a_source_may_read_through_the_bank_itself(bank, gradient):
    bank.add("below", gradient)

    class Inverse:
        height, width = gradient.shape[:2]

        def read(self, x, y, width, height, level):
            return 255 - bank.read("below", (x, y, width, height))

    bank.add("inverse", Inverse())
    assert np.array_equal(bank.read("inverse"), 255 - gradient)


def test_one_tile_is_made_once_however_many_ask(bank):
    asked = []
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Checkers):
        def read(self, x, y, width, height, level):
            asked.append((x, y))
            begun.set()
            assert go_on.wait(30)
            return super().read(x, y, width, height, level)

    bank.add("slow", Slow())
    threads = [threading.Thread(target=bank.read, args=("slow", (0, 0, 8, 8))) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert asked == [(0, 0)]


def test_a_slow_source_does_not_hold_a_caller_with_a_deadline(bank):
    go_on = threading.Event()

    class Stuck(Checkers):
        def read(self, x, y, width, height, level):
            assert go_on.wait(30)
            return super().read(x, y, width, height, level)

    bank.add("stuck", Stuck())
    try:
        with pytest.raises(pixelbank.WaitError):
            bank.read("stuck", (0, 0, 8, 8), timeout=0.01)
        with pytest.raises(TimeoutError):
            bank.read("stuck", (0, 0, 8, 8), timeout=0)
    finally:
        go_on.set()
    assert bank.read("stuck", (0, 0, 8, 8)).shape == (8, 8, 2)


def test_references_are_given_back(bank):
    source = Checkers()
    before = sys.getrefcount(source)
    for n in range(20):
        bank.add("counted", source)
        bank.read("counted", (n, n, 5, 5))
    bank.invalidate("counted")
    gc.collect()
    assert sys.getrefcount(source) == before
