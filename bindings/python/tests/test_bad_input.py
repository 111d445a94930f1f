"""Wrong arguments and broken files: a typed error that names what is wrong, and nothing lost."""

import errno
import io
import os

import numpy as np
import pixelbank
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image


def test_missing_files_are_file_not_found(bank, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        bank.read(tmp_path / "nothing.png")
    error = caught.value
    assert isinstance(error, pixelbank.MissingError)
    assert (error.errno, error.filename) == (errno.ENOENT, str(tmp_path / "nothing.png"))


def test_folders_and_unreadable_files_are_os_errors(bank, tmp_path):
    with pytest.raises(OSError, match=tmp_path.name):
        bank.read(tmp_path)


def test_files_that_are_no_images_say_so(bank, tmp_path):
    path = tmp_path / "text.png"
    path.write_text("this is no picture")
    with pytest.raises(pixelbank.UnknownFormatError, match="text.png"):
        bank.read(path)
    path.write_bytes(b"")
    with pytest.raises(pixelbank.FileError, match="text.png"):
        bank.read(path)
    with pytest.raises(pixelbank.UnknownFormatError, match="bytes"):
        bank.read(b"neither is this")


def test_cut_files_are_damaged(bank, png):
    whole = png.read_bytes()
    png.write_bytes(whole[: len(whole) // 2])
    assert bank.spec(png).width == 300
    with pytest.raises(pixelbank.DamagedError, match="gradient.png"):
        bank.read(png)
    png.write_bytes(whole)
    bank.invalidate(png)
    assert bank.read(png).shape == (200, 300, 3)


def test_absurd_headers_are_refused_before_memory_is_taken(bank, tmp_path):
    path = tmp_path / "huge.ppm"
    path.write_bytes(b"P6 2000000 2000000 255\n")
    with pytest.raises(pixelbank.LimitError, match="huge.ppm"):
        bank.read(path)


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 301, 1),
        (300, 0, 1, 1),
        (-1, 0, 5, 5),
        (0, 0, 0, 5),
        (0, 0, 5, -5),
        (0, 0, 2**63 - 1, 1),
        (2**62, 2**62, 2**62, 2**62),
    ],
)
def test_regions_outside_are_named(bank, png, region):
    for call in [bank.read, bank.pin, bank.prefetch]:
        with pytest.raises(pixelbank.ArgumentError, match="region"):
            call(png, region)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"level": 99}, "level"),
        ({"level": -1}, "level"),
        ({"subimage": 1}, "subimage"),
        ({"subimage": -1}, "subimage"),
        ({"dtype": "float64"}, "dtype"),
        ({"dtype": ">u2"}, "dtype"),
        ({"channels": 3}, "channels"),
        ({"channels": "Z"}, "channels"),
        ({"channels": [0, 2]}, "channels"),
        ({"channels": []}, "channels"),
        ({"channels": slice(0, 3, 2)}, "channels"),
        ({"alpha": "grey"}, "alpha"),
        ({"timeout": -1.0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
    ],
)
def test_arguments_are_named(bank, png, arguments, name):
    with pytest.raises(pixelbank.ArgumentError, match=f"^{name}"):
        bank.read(png, **arguments)


def read_only():
    array = np.zeros((10, 10, 3), "uint8")
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((10, 10), "uint8"),
        np.zeros((10, 10, 4), "uint8"),
        np.zeros((11, 10, 3), "uint8"),
        np.zeros((1, 10, 10, 3), "uint8"),
        np.zeros((10, 10, 3), "float64"),
        np.zeros((10, 10, 3), ">u2"),
        np.zeros((10, 20, 3), "uint8")[:, ::2],
        np.zeros((10, 10, 3), "uint8")[::-1],
        np.zeros((3, 10, 10), "uint8").transpose(1, 2, 0),
        np.broadcast_to(np.zeros((1, 10, 3), "uint8"), (10, 10, 3)),
        np.zeros((0, 10, 3), "uint8"),
        read_only(),
        bytes(300),
        bytearray(300),
        np.zeros(100, "V3").reshape(10, 10),
    ],
)
def test_wrong_outs_are_named_and_untouched(bank, png, out):
    before = bytes(out) if isinstance(out, bytes | bytearray) else out.tobytes()
    for _ in range(2):
        with pytest.raises(pixelbank.ArgumentError, match="^out"):
            bank.read(png, (0, 0, 10, 10), out=out)
    assert before == (bytes(out) if isinstance(out, bytes | bytearray) else out.tobytes())


@pytest.mark.parametrize("path", [None, 5, 1.5, [], object(), ("a", "b")])
def test_what_is_no_path_is_a_type_error(bank, path):
    for call in [bank.read, bank.open, bank.spec, bank.attributes]:
        with pytest.raises(TypeError):
            call(path)


def test_odd_paths(bank, tmp_path, gradient):
    for name in ["ünïcödé 图.png", "with space.png", "new\nline.png", os.fsdecode(b"\xff\xfe.png")]:
        path = tmp_path / name
        Image.fromarray(gradient).save(path)
        assert np.array_equal(bank.read(path), gradient)
        assert np.array_equal(bank.read(str(path)), gradient)
    for path in ["", "a\0b.png"]:
        with pytest.raises((ValueError, OSError)):
            bank.read(path)


def test_files_that_fail_to_be_read(bank):
    class Broken(io.RawIOBase):
        def read(self, *_):
            raise OSError("the tape tore")

    with pytest.raises(OSError, match="the tape tore"):
        bank.read(Broken())

    class Text:
        def read(self):
            return "text"

    with pytest.raises((TypeError, BufferError)):
        bank.read(Text())


@pytest.mark.parametrize("index", [(0, 0, 0, 0), (..., ...), 200, (0, 300), -201, (0, 0, 3)], ids=repr)
def test_indices_outside(bank, png, index):
    with pytest.raises(IndexError):
        bank.open(png)[index]
    with pytest.raises(TypeError):
        bank.open(png)["row"]
    with pytest.raises(pixelbank.ArgumentError, match="empty"):
        bank.open(png)[5:5]


SLICES = st.one_of(st.integers(-250, 250), st.slices(200), st.just(Ellipsis))
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5), st.lists(st.integers(), max_size=5),
    st.tuples(st.integers(), st.integers(), st.integers(), st.integers()), st_numpy.arrays("uint8", st_numpy.array_shapes(max_dims=4)),
)  # fmt: skip
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
EXPECTED = (pixelbank.Error, TypeError, ValueError, OverflowError, IndexError, OSError, BufferError)


@FUZZ
@given(index=st.one_of(SLICES, st.tuples(SLICES), st.tuples(SLICES, SLICES), st.tuples(SLICES, SLICES, st.slices(3))))
def test_any_index_gives_what_an_array_gives(bank, png, gradient, index):
    try:
        expected = gradient[index]
    except IndexError:
        with pytest.raises(IndexError):
            bank.open(png)[index]
        return
    if expected.size == 0:
        with pytest.raises(pixelbank.ArgumentError):
            bank.open(png)[index]
        return
    assert np.array_equal(bank.open(png)[index], expected)


@FUZZ
@given(
    path=ANYTHING,
    region=ANYTHING,
    arguments=st.dictionaries(
        st.sampled_from(["level", "subimage", "channels", "dtype", "alpha", "out", "timeout", "cancel"]), ANYTHING
    ),
)
def test_no_argument_crashes_reading(bank, png, path, region, arguments):
    for target in [path, png]:
        try:
            bank.read(target, region, **arguments)
        except EXPECTED:
            pass
    assert bank.read(png, (0, 0, 1, 1)).tolist() == [[[0, 0, 0]]]


@FUZZ
@given(name=ANYTHING, source=ANYTHING, fraction=ANYTHING, limits=ANYTHING)
def test_no_argument_crashes_the_rest(bank, name, source, fraction, limits):
    calls = [
        lambda: bank.add(name, source),
        lambda: bank.open(name, subimage=fraction),
        lambda: bank.spec(source),
        lambda: bank.tile(name, fraction, source),
        lambda: bank.prefetch(name, source, priority=fraction),
        lambda: bank.pin(name, source),
        lambda: bank.trim(fraction),
        lambda: bank.invalidate(name),
        lambda: pixelbank.Bank(limits, tile=source, threads=fraction).close(),
        lambda: pixelbank.Bank("1M", accounts={name: limits} if isinstance(name, str) else limits).close(),
    ]
    for call in calls:
        try:
            call()
        except EXPECTED:
            pass


@FUZZ
@given(data=st.data())
def test_damaged_files_are_errors(bank, png, data):
    content = bytearray(png.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        bank.read(bytes(content))
    except pixelbank.Error:
        pass
