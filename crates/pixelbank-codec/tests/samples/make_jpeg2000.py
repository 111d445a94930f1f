#!/usr/bin/env python3
"""Makes the files of `jpeg2000/` again: written by OpenJPEG (through Pillow, imagecodecs and glymur) and OpenJPH (through
imagecodecs). What must come out is what was written, or, where something is lost, what OpenJPEG reads. Needs numpy, Pillow,
imagecodecs and glymur.

    python3 make_jpeg2000.py
"""

import io
import pathlib
import struct
import tempfile

import glymur
import imagecodecs as ic
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "jpeg2000"


def picture(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    ramps = [(x * 3 + y) % 256, (y * 4) % 256, ((x + y) * 2) % 256, 255 - (x * 2) % 256]
    noise = np.random.default_rng(3).normal(0, 3, (height, width, channels))
    return (np.stack(ramps, -1)[..., :channels] + noise).clip(0, 255).astype(np.uint8)


def save(name, data, pixels):
    (HERE / name).write_bytes(data)
    (HERE / name).with_suffix(".pixels").write_bytes(np.ascontiguousarray(pixels).tobytes())
    print(name, len(data), pixels.shape, pixels.dtype)


def by_pillow(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(out, "JPEG2000", **options)
    return out.getvalue()


def by_glymur(pixels, suffix=".jp2", **options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"file{suffix}"
        glymur.Jp2k(path, data=pixels, **options)
        return path.read_bytes()


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def with_boxes(data, boxes):
    """A JP2 file with more boxes at the end of its header box."""
    at = data.index(b"jp2h")
    end = at - 4 + struct.unpack(">I", data[at - 4 : at])[0]
    longer = struct.pack(">I", end - at + 4 + len(boxes))
    return data[: at - 4] + longer + data[at:end] + boxes + data[end:]


def wider(pixels, bits):
    return (pixels.astype(np.uint64) * (65535 if bits > 8 else 255) // (2**bits - 1)).astype(
        np.uint16 if bits > 8 else np.uint8
    )


gray, rgb, rgba = (picture(77, 43, channels) for channels in (1, 3, 4))
save("gray.jp2", by_pillow(gray), gray)
save("gray-alpha.jp2", by_pillow(rgba[..., :2]), rgba[..., :2])
save("rgba.jp2", by_pillow(rgba, progression="RLCP"), rgba)
# Tiles that are cut at the edge, of a bare stream.
save("tiles.j2k", by_pillow(rgb, tile_size=(32, 16), num_resolutions=3, no_jp2=True), rgb)
# Small precincts and code-blocks, several layers, of which the last is without loss.
layered = by_pillow(
    picture(150, 100, 3), quality_layers=[40, 10, 0], progression="RPCL", precinct_size=(64, 64), codeblock_size=(16, 16)
)
save("layers.jp2", layered, picture(150, 100, 3))
marks = dict(eph=True, sop=True, prog="PCRL", cratios=[30, 5, 1], tilesize=(40, 50))
save("marks.jp2", by_glymur(picture(120, 81, 3), **marks), picture(120, 81, 3))
# Bypass, reset, termination, causal context, predictable termination, segmentation symbols.
save("modes.jp2", by_glymur(gray[..., 0], modesw=1 | 2 | 4 | 8 | 16 | 32), gray)
save("bypass.jp2", by_glymur(gray[..., 0], modesw=1), gray)
for bits in (1, 5, 12, 16):
    top = 2**bits - 1
    few = (picture(61, 47, 1)[..., 0].astype(np.float64) / 255 * top).round().astype(np.uint16 if bits > 8 else np.uint8)
    data = ic.jpeg2k_encode(few, level=0, reversible=True, bitspersample=bits, codecformat="jp2")
    save(f"bits-{bits}.jp2", data, wider(few, bits))
for dtype in ("int8", "int16"):
    info = np.iinfo(dtype)
    signed = np.linspace(info.min, info.max, 61 * 47).round().astype(dtype).reshape(47, 61)
    data = ic.jpeg2k_encode(signed, level=0, reversible=True, codecformat="j2k")
    save(f"{dtype}.j2k", data, (signed.astype(np.int64) - info.min).astype(f"u{dtype}"))
high = ic.htj2k_encode(rgb, reversible=True)
save("high-throughput.jph", high, rgb)

lossy = by_pillow(picture(150, 100, 3), irreversible=True, quality_mode="dB", quality_layers=[42])
save("lossy.jp2", lossy, np.asarray(Image.open(io.BytesIO(lossy))))

# Colours, red and blue in each other's place, in front of which alpha stands; multiplied by it.
order = struct.pack(">H12H", 4, 0, 2, 0, 1, 0, 3, 2, 0, 2, 3, 0, 1)
moved = by_pillow(np.ascontiguousarray(rgba))
start = moved.index(b"cdef")
save("order.jp2", moved[: start + 4] + order + moved[start + 4 + len(order) :], rgba[..., [3, 2, 1, 0]])

numbers = picture(61, 47, 1)[..., 0] % 7
palette = np.random.default_rng(5).integers(0, 256, (7, 3), dtype=np.uint8)
boxes = box(b"pclr", struct.pack(">HB3B", 7, 3, 7, 7, 7) + palette.tobytes())
boxes += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))
indexed = with_boxes(by_pillow(numbers), boxes).replace(
    b"colr\1\0\0" + struct.pack(">I", 17), b"colr\1\0\0" + struct.pack(">I", 16)
)
save("palette.jp2", indexed, palette[numbers])

# Luminance and colour differences, not by the code stream's own transform.
yuv = picture(90, 60, 3)
differences = bytearray(ic.jpeg2k_encode(yuv, level=0, reversible=True, mct=False, codecformat="jp2"))
at = differences.index(b"colr")
differences[at + 7 : at + 11] = struct.pack(">I", 18)
y, cb, cr = (yuv[..., at].astype(np.float64) for at in range(3))
cb, cr = cb - 128, cr - 128
sycc = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
save("sycc.jp2", bytes(differences), np.round(sycc).clip(0, 255).astype(np.uint8))

# A bare stream of them, the differences of half the density. Ordered by components, the packets of a picture are those of its
# components one after the other.
def segments(data):
    at, found = 2, {}
    while data[at : at + 2] != b"\xff\x93":
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        found[data[at : at + 2]] = data[at : at + 2 + length]
        at += 2 + length
    return found, data[at + 2 : -2]


planes = [picture(91, 61, 1), picture(46, 31, 3)[..., 1:2], picture(46, 31, 3)[..., 2:3]]
streams = [segments(by_pillow(plane, num_resolutions=4, progression="CPRL", no_jp2=True)) for plane in planes]
packets = b"".join(stream[1] for stream in streams)
head = streams[0][0]
grid = struct.pack(">H8IH", 0, 91, 61, 0, 0, 91, 61, 0, 0, 3) + bytes([7, 1, 1, 7, 2, 2, 7, 2, 2])
siz = struct.pack(">HH", 0xFF51, len(grid) + 2) + grid
sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(packets), 0, 1)
halves = b"\xff\x4f" + siz + head[b"\xff\x52"] + head[b"\xff\x5c"] + sot + b"\xff\x93" + packets + b"\xff\xd9"
y, cb, cr = (np.repeat(np.repeat(plane[..., 0].astype(np.float64), n, 0), n, 1) for plane, n in zip(planes, (1, 2, 2)))
cb, cr = cb[:61, :91] - 128, cr[:61, :91] - 128
sycc = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
save("halves.j2k", halves, np.round(sycc).clip(0, 255).astype(np.uint8))

y, x = np.mgrid[0:1100, 0:1500]
waves = np.sin(x / 50) * np.cos(y / 70) * 127 + 128
large = np.stack([x * 255 // 1500, y * 255 // 1100, waves], -1).astype(np.uint8)
large[::7, ::5] ^= 0x3C
lossy = dict(irreversible=True, quality_mode="rates")
(HERE / "large.jp2").write_bytes(by_pillow(large, quality_layers=[25], **lossy))
(HERE / "large-tiles.j2k").write_bytes(by_pillow(large, quality_layers=[60, 25], tile_size=(256, 300), no_jp2=True, **lossy))
(HERE / "large-gray.jp2").write_bytes(by_pillow(large[..., 2], num_resolutions=4))
(HERE / "large-high-throughput.jph").write_bytes(ic.htj2k_encode(large[..., 2], reversible=True))

# Not at the corner of the reference grid, and cut there by tiles.
save("offset.jp2", by_pillow(rgb, tile_size=(32, 32), offset=(5, 3), num_resolutions=3), rgb)
