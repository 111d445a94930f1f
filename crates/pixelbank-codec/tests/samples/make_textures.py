#!/usr/bin/env python3
"""Makes the files of `textures/` again: blocks of every mode, drawn by lot, and what OpenImageIO reads of them. Pillow
agrees on BC7, imagecodecs on BC6H. Needs numpy, Pillow, imagecodecs and OpenImageIO.

    python3 make_textures.py
"""

import pathlib
import struct

import imagecodecs
import numpy as np
import OpenImageIO as oiio
from PIL import Image

HERE = pathlib.Path(__file__).parent / "textures"
SIDE = 24
LOTS = np.random.default_rng(7)
BC6H_MODES = [0x00, 0x01, 0x02, 0x06, 0x0A, 0x0E, 0x12, 0x16, 0x1A, 0x1E, 0x03, 0x07, 0x0B, 0x0F]


def dds(dxgi, data):
    head = struct.pack("<7I44x", 124, 0x81007, SIDE, SIDE, len(data), 0, 0)
    pixels = struct.pack("<2I4s5I", 32, 4, b"DX10", 0, 0, 0, 0, 0)
    return b"DDS " + head + pixels + struct.pack("<5I", 0x1000, 0, 0, 0, 0) + struct.pack("<5I", dxgi, 3, 0, 1, 0) + data


def blocks(begin):
    data = b""
    for index in range((SIDE // 4) ** 2):
        block = bytearray(LOTS.integers(0, 256, 16, dtype=np.uint8).tobytes())
        block[0] = begin(index, block[0])
        data += block
    return data


def save(name, dxgi, data, kind):
    path = HERE / f"{name}.dds"
    path.write_bytes(dds(dxgi, data))
    pixels = oiio.ImageInput.open(str(path)).read_image(kind)
    (HERE / f"{name}.pixels").write_bytes(np.ascontiguousarray(pixels).tobytes())
    return path, pixels


def bc7(index, byte):
    bit = 1 << index % 8
    return byte & ~(2 * bit - 1) & 255 | bit


def bc6h(index, byte):
    mode = BC6H_MODES[index % len(BC6H_MODES)]
    return byte & (~3 if mode < 2 else ~31) & 255 | mode


path, pixels = save("bc7", 98, blocks(bc7), "uint8")
assert (pixels == np.array(Image.open(path).convert("RGBA"))).all()
for name, dxgi, kind in [("bc6h", 95, 6), ("bc6h-signed", 96, -6)]:
    data = blocks(bc6h)
    path, pixels = save(name, dxgi, data, "half")
    other = imagecodecs.bcn_decode(data, kind, shape=(SIDE, SIDE, 3))
    assert (other.view(np.uint16).reshape(pixels.shape) == pixels.view(np.uint16)).all()
