"""AVIF, which OpenImageIO's package does not read: written by libavif's encoders through imagecodecs and Pillow, and compared
with what libavif reads of the same file, or with what was written where nothing is lost."""

import imagecodecs
import numpy as np
from PIL import Image

from case import EXACT, Case, Within
from pictures import rough, smooth, whole


class Even(Within):
    """Without the last column and row of odd sizes: chroma of half the density is not blended there by libyuv, to which libavif
    leaves the conversion, while its own converter and ours blend it."""

    def problem(self, ours, theirs):
        height, width = (max(1, side // 2 * 2) for side in ours.shape[:2])
        return super().problem(ours[:height, :width], theirs[:height, :width])


# Of 8 bits: libyuv's coefficients have 6 bits behind the point, so that it is off by up to two.
CLOSE = Within(units=2)
BLENDED = Even(units=3)
# Of 10 and 12 bits, which libavif delivers as they are, and we as 16 bits.
CLOSE_WIDE = {10: Within(units=65535 / 1023 * 1.01), 12: Within(units=65535 / 4095 * 1.01)}


def depth_of(pixels, bits):
    """16 bits from fewer, as we deliver them."""
    return np.round(pixels.astype(np.float64) * 65535 / (2**bits - 1)).astype(np.uint16)


def read_by_libavif(path):
    pixels = imagecodecs.avif_decode(path.read_bytes())
    return pixels[..., None] if pixels.ndim == 2 else pixels


def encoded(pixels, **options):
    return lambda path: path.write_bytes(imagecodecs.avif_encode(pixels, **options))


def saved(image, **options):
    return lambda path: image.save(str(path), "AVIF", **options)


def lossless():
    """Written and read again without a change."""
    for channels in (1, 3, 4):
        pixels = whole("uint8", channels=channels)
        plane = pixels[..., 0] if channels == 1 else pixels
        write = encoded(plane, level=100, pixelformat="yuv400" if channels == 1 else "yuv444")
        yield Case(f"lossless-{channels}.avif", write, EXACT, expect=lambda path, pixels=pixels: {(0, 0): pixels})
    for bits in (10, 12):
        pixels = whole("uint16", bits=bits, channels=3)
        write = encoded(pixels, level=100, bitspersample=bits, pixelformat="yuv444")
        expected = depth_of(pixels, bits)
        yield Case(f"lossless-{bits}-bits.avif", write, EXACT, expect=lambda path, expected=expected: {(0, 0): expected})


def lossy():
    """What was lost is lost to both readers."""
    for layout in ("yuv444", "yuv422", "yuv420", "yuv400"):
        for width, height in ((203, 149), (64, 64), (3, 5), (1, 1)):
            pixels = (smooth(width=width, height=height) * 255).astype(np.uint8)
            write = encoded(pixels, level=70, pixelformat=layout)
            gray = layout == "yuv400"

            def expect(path, gray=gray):
                read = read_by_libavif(path)
                return {(0, 0): read[..., :1] if gray else read}

            compare = BLENDED if layout in ("yuv422", "yuv420") else CLOSE
            yield Case(f"lossy-{layout}-{width}x{height}.avif", write, compare, expect=expect)
    for bits in (10, 12):
        for layout in ("yuv444", "yuv420"):
            pixels = np.round(smooth(channels=4) * (2**bits - 1)).astype(np.uint16)
            write = encoded(pixels, level=70, bitspersample=bits, pixelformat=layout)
            yield Case(
                f"lossy-{bits}-bits-{layout}.avif",
                write,
                CLOSE_WIDE[bits],
                expect=lambda path, bits=bits: {(0, 0): depth_of(read_by_libavif(path), bits)},
            )


def by_pillow():
    """Alpha, orientation, ranges, grids of encoder's tiles; as Pillow reads them."""
    pixels = (rough(channels=4) * 255).astype(np.uint8)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        for value_range in ("full", "limited"):
            image = Image.fromarray(pixels[..., :3])
            write = saved(image, quality=80, subsampling=subsampling, range=value_range)
            name = f"pillow-{subsampling.replace(':', '')}-{value_range}.avif"
            yield Case(name, write, CLOSE if subsampling == "4:4:4" else BLENDED, expect=read_by_pillow)
    write = saved(Image.fromarray(pixels), quality=80, subsampling="4:4:4")
    yield Case("pillow-alpha.avif", write, CLOSE, expect=read_by_pillow)
    tiles = saved(Image.fromarray((rough(width=700, height=500) * 255).astype(np.uint8)), tile_rows=1, tile_cols=1)
    yield Case("pillow-tiles.avif", tiles, BLENDED, expect=read_by_pillow)


def read_by_pillow(path):
    with Image.open(path) as image:
        return {(0, 0): np.asarray(image)}


def cases():
    return [case for part in (lossless, lossy, by_pillow) for case in part()]
