"""Reading regions, levels, channels and types; images that are indexed like arrays."""

import io
import pickle
from pathlib import Path

import numpy as np
import pixelbank
import pytest
from PIL import Image


def test_a_whole_image_is_what_pillow_reads(bank, png, gradient):
    assert np.array_equal(bank.read(png), gradient)
    assert np.array_equal(bank.read(str(png)), np.asarray(Image.open(png)))
    assert np.array_equal(pixelbank.read(png), gradient)


def test_a_region_is_x_y_width_height(bank, png, gradient):
    read = bank.read(png, (100, 50, 70, 20))
    assert read.shape == (20, 70, 3)
    assert read.dtype == np.uint8
    assert np.array_equal(read, gradient[50:70, 100:170])
    # Now from memory.
    assert np.array_equal(bank.read(png, (100, 50, 70, 20)), read)


def test_arrays_are_the_callers_own(bank, png, gradient):
    first = bank.read(png, (0, 0, 10, 10))
    assert first.flags.writeable
    assert first.flags.c_contiguous
    first[:] = 77
    assert np.array_equal(bank.read(png, (0, 0, 10, 10)), gradient[:10, :10])
    assert (first == 77).all()


def test_what_is_read_is_on_the_books_until_it_goes(bank, png):
    bank.read(png, (0, 0, 1, 1))
    before = bank.ledger().account("pool")
    array = bank.read(png)
    view = array[10:20]
    del array
    bank.trim()
    assert bank.ledger().account("pool") - before >= 200 * 300 * 3 - before
    del view
    bank.trim()
    assert bank.ledger().account("pool") == 0


@pytest.mark.parametrize("name", ["uint8", "uint16", "float16", "float32"])
def test_samples_are_converted(bank, png, gradient, name):
    expected = {
        "uint8": gradient,
        "uint16": gradient.astype("uint16") * 257,
        "float16": (gradient / 255).astype("float16"),
        "float32": (gradient / 255).astype("float32"),
    }[name]
    for dtype in [name, np.dtype(name), getattr(np, name)]:
        read = bank.read(png, dtype=dtype)
        assert read.dtype == name
        assert np.allclose(read.astype("float64"), expected.astype("float64"), rtol=2e-3 if name == "float16" else 1e-6)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(0, [0]), (2, [2]), ("G", [1]), (slice(1, 3), [1, 2]), (["G", "B"], [1, 2]), (range(2), [0, 1]), (slice(-1, None), [2])],
)
def test_channels_that_follow_each_other(bank, png, gradient, channels, expected):
    assert np.array_equal(bank.read(png, channels=channels), gradient[:, :, expected])


def test_out_is_filled_and_returned(bank, png, gradient):
    out = np.zeros((20, 70, 3), "uint8")
    for _ in range(2):
        assert bank.read(png, (100, 50, 70, 20), out=out) is out
        assert np.array_equal(out, gradient[50:70, 100:170])
        out[:] = 0


def test_out_may_be_a_part_of_a_larger_array_and_of_another_type(bank, png, gradient):
    atlas = np.zeros((100, 400, 3), "float32")
    bank.read(png, (0, 0, 300, 40), out=atlas[30:70, 50:350])
    assert np.allclose(atlas[30:70, 50:350], gradient[:40] / 255)
    assert not atlas[:30].any()
    assert not atlas[:, :50].any()
    gray = np.zeros((5, 6), "uint8")
    bank.read(png, (9, 9, 6, 5), channels="R", out=gray)
    assert np.array_equal(gray, gradient[9:14, 9:15, 0])


def test_out_may_be_any_writable_buffer(bank, png, gradient):
    out = memoryview(bytearray(10 * 10 * 3)).cast("B", (10, 10, 3))
    assert bank.read(png, (0, 0, 10, 10), out=out) is out
    assert out.tobytes() == gradient[:10, :10].tobytes()


def test_levels_are_halves(bank, png):
    image = bank.open(png)
    assert image.spec.levels[:2] == [(300, 200), (150, 100)]
    assert bank.read(png, level=1).shape == (100, 150, 3)
    half = image.at_level(1)
    assert half.shape == (100, 150, 3)
    assert np.array_equal(half[:], bank.read(png, level=1))
    assert image.at_scale(0.4).level == 1
    assert image.at_scale(1.0).level == 0
    assert image.at_scale(0.01).level == image.n_levels - 1
    # A box filter over two by two pixels, rounded.
    full = bank.read(png).astype(int)
    mean = full.reshape(100, 2, 150, 2, 3).mean(axis=(1, 3))
    assert np.abs(half[:].astype(int) - mean).max() <= 1


INDICES = np.s_[
    :, 10:20, 5, -1, 10:20:3, ::-1, 190:, ..., (..., 0), (5, 6), (5, 6, 1), (slice(None), -1), (slice(10, 90, 7), slice(280, 20, -11)),
    (slice(None, None, -40), ..., slice(None, None, -1)), (0, ..., 2), (slice(150, 1000), slice(-1000, 4)),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_image_is_indexed_like_an_array(bank, png, gradient, index):
    assert np.array_equal(bank.open(png)[index], gradient[index])


def test_an_image_converts_to_an_array(bank, png, gradient):
    image = bank.open(png)
    assert np.array_equal(np.asarray(image), gradient)
    assert np.asarray(image, dtype="float64").dtype == np.float64
    assert len(image) == 200
    assert (image.shape, image.ndim, image.dtype) == ((200, 300, 3), 3, np.uint8)
    with pytest.raises(ValueError, match="no array"):
        np.array(image, copy=False)
    assert Image.fromarray(np.asarray(image)).size == (300, 200)
    assert image._repr_png_().startswith(b"\x89PNG")


def test_only_what_is_asked_for_is_read(bank):
    asked = []

    class Wide:
        width, height, channels, tile = 1 << 20, 1 << 20, 1, (64, 64)

        def read(self, x, y, width, height, level):
            asked.append((x, y))
            return np.zeros((height, width, 1), "uint8")

    bank.add("wide", Wide())
    image = bank.open("wide")
    assert image.shape == (1 << 20, 1 << 20, 1)
    image[500_000:500_010, 600_000:600_010]
    assert 1 <= len(asked) <= 4


def test_bytes_and_open_files_are_images(bank, png, gradient):
    content = png.read_bytes()
    for source in [content, bytearray(content), memoryview(content), io.BytesIO(content)]:
        assert np.array_equal(bank.read(source), gradient)
    with png.open("rb") as file:
        image = bank.open(file)
    assert np.array_equal(image[:], gradient)
    del image
    bank.trim()
    # Their copies have gone.
    assert bank.ledger().account("encoded") == 0


def test_urls_are_read_by_fsspec(bank, png, gradient):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://pictures/gradient.png", "wb") as file:
        file.write(png.read_bytes())
    assert np.array_equal(bank.read("memory://pictures/gradient.png"), gradient)
    assert np.array_equal(bank.read(f"file://{png}", (0, 0, 5, 5)), gradient[:5, :5])
    with pytest.raises(FileNotFoundError):
        bank.read("memory://pictures/missing.png")


def test_a_spec_says_what_is_read_and_what_the_file_has(bank, tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((40, 30), 40_000, "uint16")).save(path)
    spec = bank.spec(path)
    assert (spec.width, spec.height, spec.channels, spec.shape) == (30, 40, 1, (40, 30, 1))
    assert spec.dtype == np.uint16
    assert spec.native["sample"] == "uint16"
    assert spec.format == "PNG"
    assert Path(spec.path) == path
    assert spec.orientation == 1
    assert spec.data_window == (0, 0, 30, 40)
    assert spec == bank.spec(str(path))
    assert "30×40" in repr(spec)


def test_alpha_is_brought_to_the_kind_asked_for(bank, tmp_path):
    path = tmp_path / "alpha.png"
    Image.fromarray(np.tile(np.array([200, 100, 50, 128], "uint8"), (4, 4, 1))).save(path)
    assert bank.spec(path).alpha == "straight"
    assert bank.read(path)[0, 0].tolist() == [200, 100, 50, 128]
    premultiplied = bank.read(path, alpha="premultiplied")[0, 0].tolist()
    assert premultiplied == pytest.approx([100, 50, 25, 128], abs=1)
    with pytest.raises(pixelbank.ArgumentError, match="alpha"):
        bank.read(path, alpha="none")


def test_tiles_are_shown_without_copying(bank, png, gradient):
    tile = bank.tile(png, 1, 2)
    assert tile.region == (64, 128, 64, 64)
    array = np.asarray(tile)
    assert np.array_equal(array, gradient[128:192, 64:128])
    assert not array.flags.writeable
    assert array.base is not None
    again = np.asarray(bank.tile(png, 1, 2))
    assert again.__array_interface__["data"] == array.__array_interface__["data"]
    # The array alone keeps the tile.
    del tile, again
    bank.trim()
    assert bank.ledger().account("tiles") >= array.nbytes
    assert np.array_equal(array, gradient[128:192, 64:128])


def test_a_pin_keeps_and_a_prefetch_brings(bank, gradient):
    # Not a PNG: a pass over one may still be putting coarser tiles away.
    bank.add(path := "gradient", gradient)
    prefetch = bank.prefetch(path, (0, 0, 128, 128))
    prefetch.wait(30)
    assert prefetch.done()
    before = bank.stats()["misses"]
    bank.read(path, (0, 0, 128, 128))
    assert bank.stats()["misses"] == before
    with bank.pin(path) as pin:
        assert pin.n_tiles == 2
        bank.trim()
        assert bank.ledger().account("tiles") >= 300 * 200 * 3
    assert pin.n_tiles == 0
    bank.trim()
    assert bank.ledger().account("tiles") == 0


def test_what_changed_is_read_again_after_it_was_invalidated(bank, png, gradient):
    assert bank.read(png, (7, 0, 1, 1)).tolist() == [[[7, 0, 7]]]
    Image.fromarray(255 - gradient).save(png)
    assert bank.invalidate_changed() == [png]
    assert bank.read(png, (7, 0, 1, 1)).tolist() == [[[248, 255, 248]]]
    bank.invalidate(png)
    bank.invalidate()


def test_metadata_is_read_by_group(bank, tmp_path):
    path = tmp_path / "exif.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0110] = "Model 5"
    exif[0x0112] = 6
    Image.new("RGB", (64, 32)).save(path, exif=exif)
    assert bank.attributes(path)["Camera"]["Model"] == "Model 5"
    info = bank.info(path)
    assert info["orientation"] == 6
    assert info["camera"] == "Maker Model 5"
    assert info["subimages"][0]["width"] == 64
    assert bank.spec(path).orientation == 6


def test_pages_are_subimages(bank, tmp_path):
    path = tmp_path / "pages.tif"
    pages = [Image.fromarray(np.full((8, 8 + n, 3), 10 * n, "uint8")) for n in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    image = bank.open(path)
    assert image.n_subimages == 3
    for n in range(3):
        assert bank.read(path, subimage=n).shape == (8, 8 + n, 3)
        assert image.at_subimage(n)[0, 0].tolist() == [10 * n] * 3
        assert bank.spec(path, subimage=n).width == 8 + n


def test_images_and_banks_are_pickled(bank, png, gradient):
    again = pickle.loads(pickle.dumps(bank))
    assert again.limit_bytes == bank.limit_bytes
    image = pickle.loads(pickle.dumps(bank.open(png).at_level(1)))
    assert image.level == 1
    assert np.array_equal(image[:], bank.read(png, level=1))
    bank.add("array", gradient)
    with pytest.raises(ValueError, match="pickled"):
        pickle.dumps(bank.open("array"))
