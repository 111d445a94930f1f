#!/usr/bin/env python3
"""Makes the files of `avif/` again: written by libavif, and what libavif reads of them. Needs numpy, Pillow and imagecodecs.

    python3 make_avif.py
"""

import io
import pathlib

import imagecodecs as ic
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "avif"


def picture(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    ramps = [(x * 3 + y) % 256, (y * 4) % 256, ((x + y) * 2) % 256, 255 - (x * 2) % 256]
    return np.stack(ramps, -1)[..., :channels].astype(np.uint8)


def save(name, data, pixels):
    (HERE / f"{name}.avif").write_bytes(data)
    (HERE / f"{name}.pixels").write_bytes(np.ascontiguousarray(pixels).tobytes())
    print(name, len(data), pixels.shape, pixels.dtype)


def by_pillow(image, **options):
    out = io.BytesIO()
    image.save(out, "AVIF", **options)
    return out.getvalue()


def box(kind, *parts):
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def grid(streams, record, columns, rows, tile, size):
    """A picture of several streams, which neither module writes; as simple as may be."""
    number = lambda value, n: value.to_bytes(n, "big")
    full = lambda version=0: number(version << 24, 4)
    n = len(streams)
    info = lambda item, kind: box(b"infe", full(2), number(item, 2), number(0, 2), kind, b"\0")
    items = box(b"iinf", full(), number(n + 1, 2), info(1, b"grid"), *(info(i + 2, b"av01") for i in range(n)))
    dimg = box(b"dimg", number(1, 2), number(n, 2), *(number(i + 2, 2) for i in range(n)))
    extent = lambda width, height: box(b"ispe", full(), number(width, 4), number(height, 4))
    nclx = box(b"colr", b"nclx", number(1, 2), number(13, 2), number(0, 2), b"\x80")
    all_of = box(b"ipco", extent(*size), extent(*tile), box(b"av1C", record), nclx)
    has = lambda item, *which: number(item, 2) + bytes([len(which), *which])
    which = box(b"ipma", full(), number(n + 1, 4), has(1, 1, 4), *(has(i + 2, 2, 0x83, 4) for i in range(n)))
    derived = bytes([0, 0, rows - 1, columns - 1]) + number(size[0], 2) + number(size[1], 2)

    def described(start):
        places = [(1, 1, 0, len(derived))]
        for i, stream in enumerate(streams):
            places.append((i + 2, 0, start, len(stream)))
            start += len(stream)
        place = lambda item, method, at, length: (
            number(item, 2) + number(method, 2) + number(0, 2) + number(1, 2) + number(at, 4) + number(length, 4)
        )
        where = box(b"iloc", full(1), b"\x44\0", number(n + 1, 2), *(place(*one) for one in places))
        handler = box(b"hdlr", full(), number(0, 4), b"pict", bytes(13))
        primary = box(b"pitm", full(), number(1, 2))
        told = (handler, primary, where, items, box(b"iref", full(), dimg), box(b"iprp", all_of, which))
        return box(b"meta", full(), *told, box(b"idat", derived))

    head = box(b"ftyp", b"avif", number(0, 4), b"avifmif1miaf")
    start = len(head) + len(described(0)) + 8
    return head + described(start) + box(b"mdat", *streams)


def stream_of(data):
    """The stream of a file of one item, and its record."""
    at = data.index(b"av1C")
    length = int.from_bytes(data[at - 4 : at], "big")
    record = data[at + 4 : at - 4 + length]
    return data[data.index(b"mdat") + 4 :], record


HERE.mkdir(exist_ok=True)
for name, channels, layout in (("gray", 1, "yuv400"), ("rgb", 3, "yuv444"), ("rgba", 4, "yuv444")):
    pixels = picture(77, 43, channels)
    save(name, ic.avif_encode(pixels[..., 0] if channels == 1 else pixels, level=100, pixelformat=layout), pixels)
ten = picture(61, 47, 3).astype(np.uint16) * 4 + 3
data = ic.avif_encode(ten, level=100, bitspersample=10, pixelformat="yuv444")
save("ten", data, np.round(ten * (65535 / 1023)).astype(np.uint16))
twelve = picture(61, 47, 4).astype(np.uint16) * 16 + 15
data = ic.avif_encode(twelve, level=100, bitspersample=12, pixelformat="yuv444")
save("twelve", data, np.round(twelve * (65535 / 4095)).astype(np.uint16))
small = Image.fromarray(picture(70, 50, 3))
data = by_pillow(small, quality=90, subsampling="4:2:0")
save("lossy", data, np.asarray(Image.open(io.BytesIO(data))))
exif = Image.Exif()
exif[0x0112] = 6
exif[0x010F] = "maker"
data = by_pillow(small, quality=90, subsampling="4:4:4", exif=exif.tobytes(), xmp=b"<x:xmpmeta/>", icc_profile=b"profile" * 30)
save("described", data, np.asarray(Image.open(io.BytesIO(data))))
whole = picture(150, 100, 3)
parts = [whole[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64, 128)]
parts = [np.pad(part, ((0, 64 - part.shape[0]), (0, 64 - part.shape[1]), (0, 0)), "edge") for part in parts]
streams = [stream_of(ic.avif_encode(part, level=100, pixelformat="yuv444")) for part in parts]
save("grid", grid([one for one, _ in streams], streams[0][1], 3, 2, (64, 64), (150, 100)), whole)
large = np.random.default_rng(3).normal(0, 2, (900, 1200, 4)) + picture(1200, 900, 4)
large = large.clip(0, 255).astype(np.uint8)
(HERE / "large.avif").write_bytes(ic.avif_encode(large, level=25, pixelformat="yuv420"))
