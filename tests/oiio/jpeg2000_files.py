"""JPEG 2000 and HTJ2K, by OpenJPEG (through Pillow and imagecodecs) and OpenJPH (through imagecodecs). What is stored without
loss is compared with what was written, and with OpenImageIO, which has OpenJPEG, too; the rest with OpenImageIO alone."""

import imagecodecs
import numpy as np
from PIL import Image

from case import EXACT, ONE_UNIT, Case
from pictures import rough, signed, smooth, whole


def saved(pixels, **options):
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return lambda path: image.save(str(path), "JPEG2000", no_jp2=path.suffix == ".j2k", **options)


def encoded(pixels, encode=imagecodecs.jpeg2k_encode, **options):
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return lambda path: path.write_bytes(encode(plane, **options))


def deeper(pixels, bits):
    """More bits from fewer, as we deliver them."""
    dtype = np.uint16 if bits > 8 else np.uint8
    return (pixels.astype(np.uint64) * np.iinfo(dtype).max // (2**bits - 1)).astype(dtype)


def written(pixels):
    return lambda path: {(0, 0): pixels}


def lossless():
    for channels in (1, 3, 4):
        pixels = whole("uint8", channels=channels)
        for ending in ("jp2", "j2k"):
            yield Case(f"pillow-{channels}.{ending}", saved(pixels), EXACT, more_levels=True)
            case = Case(f"pillow-written-{channels}.{ending}", saved(pixels), EXACT, more_levels=True)
            case.expect = written(pixels)
            yield case
    # OpenImageIO reads one, three or four components.
    pixels = whole("uint8", channels=2)
    yield Case("pillow-2.jp2", saved(pixels), EXACT, expect=written(pixels), more_levels=True)
    for dtype in ("uint8", "uint16"):
        for channels in (1, 3):
            pixels = whole(dtype, channels=channels)
            write = encoded(pixels, level=0, reversible=True, codecformat="jp2")
            yield Case(f"imagecodecs-{dtype}-{channels}.jp2", write, EXACT, more_levels=True)
    for bits in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 14, 15):
        dtype = "uint16" if bits > 8 else "uint8"
        pixels = whole(dtype, bits=bits, channels=1)
        write = encoded(pixels, level=0, reversible=True, bitspersample=bits, codecformat="jp2")
        # OpenImageIO repeats bits where we, as of TIFF, round down.
        yield Case(f"bits-{bits}.jp2", write, ONE_UNIT, more_levels=True)
        yield Case(
            f"bits-written-{bits}.jp2", write, EXACT, expect=written(deeper(pixels, bits)), more_levels=True
        )
    for dtype in ("int8", "int16"):
        pixels = signed(dtype, channels=1)
        moved = (pixels.astype(np.int64) - np.iinfo(dtype).min).astype("u" + dtype)
        write = encoded(pixels, level=0, reversible=True, codecformat="j2k")
        yield Case(f"signed-{dtype}.j2k", write, EXACT, expect=written(moved), more_levels=True)


def shapes():
    """Tiles, precincts, code-blocks, orders of packets and layers; sizes that halve badly."""
    pixels = whole("uint8", channels=3)
    for tile in ((64, 64), (50, 37), (203, 16), (7, 149)):
        write = saved(pixels, tile_size=tile, num_resolutions=3)
        yield Case(f"tiles-{tile[0]}x{tile[1]}.jp2", write, EXACT, more_levels=True)
    for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
        write = saved(
            pixels,
            progression=order,
            precinct_size=(64, 64),
            codeblock_size=(16, 32),
            tile_size=(128, 96),
            quality_layers=[30, 8, 0],
        )
        yield Case(f"order-{order}.jp2", write, EXACT, more_levels=True)
    for width, height in ((1, 1), (1, 200), (200, 1), (2, 3), (65, 33)):
        write = saved(whole("uint8", width=width, height=height, channels=3))
        yield Case(f"size-{width}x{height}.j2k", write, EXACT, more_levels=True)
    for levels in (1, 2, 7):
        write = saved(pixels, num_resolutions=levels)
        yield Case(f"resolutions-{levels}.jp2", write, EXACT, more_levels=True)


def levels():
    """A lower resolution, as OpenJPEG decodes it for Pillow, which does not get at more of them."""
    pixels = whole("uint8", channels=3)
    for name, options in (("one-tile", {}), ("tiles", {"tile_size": (64, 64)})):

        def expect(path):
            read = {}
            for level in range(2):
                with Image.open(path) as image:
                    image.reduce = level
                    read[0, level] = np.asarray(image)
            return read

        write = saved(pixels, num_resolutions=4, **options)
        yield Case(f"levels-{name}.jp2", write, EXACT, expect=expect, more_levels=True)


def lossy():
    for channels in (1, 3, 4):
        pixels = (smooth(channels=channels) * 255).astype(np.uint8)
        for loss in (34, 45):
            options = {"irreversible": True, "quality_mode": "dB", "quality_layers": [loss]}
            yield Case(f"lossy-{channels}-{loss}.jp2", saved(pixels, **options), ONE_UNIT, more_levels=True)
    pixels = (rough(channels=3) * 255).astype(np.uint8)
    options = {"irreversible": True, "quality_mode": "rates", "quality_layers": [80, 40, 20]}
    yield Case("lossy-tiles.jp2", saved(pixels, tile_size=(96, 80), **options), ONE_UNIT, more_levels=True)


def high_throughput():
    for channels in (1, 3):
        pixels = whole("uint8", channels=channels)
        write = encoded(pixels, imagecodecs.htj2k_encode, reversible=True)
        yield Case(f"high-throughput-{channels}.jph", write, EXACT, expect=written(pixels), more_levels=True)
        lossy = encoded(pixels, imagecodecs.htj2k_encode, level=0.01, reversible=False)
        # OpenImageIO has OpenJPH for these, whose values below 0 and above 255 come out at the other end.
        yield Case(f"high-throughput-lossy-{channels}.jph", lossy, ONE_UNIT, expect=by_openjpeg, more_levels=True)


def by_openjpeg(path):
    pixels = imagecodecs.jpeg2k_decode(path.read_bytes())
    return {(0, 0): pixels[..., None] if pixels.ndim == 2 else pixels}


def cases():
    return [case for part in (lossless, shapes, levels, lossy, high_throughput) for case in part()]
