#!/usr/bin/env python3
"""Makes the files of `jxl/` again: written by libjxl, and what libjxl reads of them. Needs numpy, Pillow and imagecodecs.

    python3 make_jxl.py
"""

import io
import pathlib

import imagecodecs as ic
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "jxl"


def picture(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    ramps = [(x * 3 + y) % 256, (y * 4) % 256, ((x + y) * 2) % 256, 255 - (x * 2) % 256]
    noise = np.random.default_rng(3).normal(0, 3, (height, width, channels))
    return (np.stack(ramps, -1)[..., :channels] + noise).clip(0, 255).astype(np.uint8)


def save(name, data):
    pixels = ic.jpegxl_decode(data)
    (HERE / f"{name}.jxl").write_bytes(data)
    (HERE / f"{name}.pixels").write_bytes(np.ascontiguousarray(pixels).tobytes())
    print(name, len(data), pixels.shape, pixels.dtype)


save("lossy", ic.jpegxl_encode(picture(70, 50, 3), distance=1.5, effort=7))
save("alpha", ic.jpegxl_encode(picture(61, 47, 4), distance=1.0, effort=7, usecontainer=True))
save("progressive", ic.jpegxl_encode(picture(61, 47, 3)[..., 0], lossless=True, effort=7))
save("float", ic.jpegxl_encode(picture(33, 21, 3).astype(np.float32) / 100, lossless=True, effort=3))
wide = (picture(33, 21, 3).astype(np.uint16) * 257) ^ np.arange(33, dtype=np.uint16)[None, :, None]
save("sixteen", ic.jpegxl_encode(wide, lossless=True, effort=5))

# A JPEG file on its side, packed without loss.
exif = Image.Exif()
exif[0x112] = 6
exif[0x10F] = "Maker"
jpeg = io.BytesIO()
Image.fromarray(picture(64, 40, 3)).save(jpeg, "JPEG", quality=85, exif=exif, subsampling=0)
save("jpeg", ic.jpegxl_encode_jpeg(jpeg.getvalue(), usecontainer=True))

y, x = np.mgrid[0:1100, 0:1500]
waves = np.sin(x / 50) * np.cos(y / 70) * 127 + 128
large = np.stack([x * 255 // 1500, y * 255 // 1100, waves], -1).astype(np.uint8)
(HERE / "large.jxl").write_bytes(ic.jpegxl_encode(large, distance=3, effort=7))
