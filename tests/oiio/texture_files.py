"""Textures, icons, animated PNG and JPEG XL: by OpenImageIO, Pillow, libjxl (imagecodecs) and by hand."""

import struct

import imagecodecs
import numpy as np
from PIL import Image, ImageSequence

import oiio_writer
from case import EXACT, ONE_UNIT, Case, Within
from pictures import real, rough, smooth, whole

# Blocks of BC1 to BC5 leave open how to round between two colours.
ROUNDED = ONE_UNIT
# By their numbers in DXGI: the name, bytes of a block, and how close.
BLOCKS = {
    71: ("bc1", 8, ROUNDED),
    74: ("bc2", 16, ROUNDED),
    77: ("bc3", 16, ROUNDED),
    80: ("bc4", 8, ROUNDED),
    83: ("bc5", 16, ROUNDED),
    95: ("bc6h", 16, EXACT),
    98: ("bc7", 16, EXACT),
}
BC6H_MODES = (0x00, 0x01, 0x02, 0x06, 0x0A, 0x0E, 0x12, 0x16, 0x1A, 0x1E, 0x03, 0x07, 0x0B, 0x0F)


def surface(number, width, height, data, levels=1):
    mips = 0x20000 if levels > 1 else 0
    head = struct.pack("<7I44x", 124, 0x81007 | mips, height, width, 0, 0, levels)
    pixels = struct.pack("<2I4s5I", 32, 4, b"DX10", 0, 0, 0, 0, 0)
    caps = struct.pack("<5I", 0x1000 | (0x400008 if levels > 1 else 0), 0, 0, 0, 0)
    return b"DDS " + head + pixels + caps + struct.pack("<5I", number, 3, 0, 1, 0) + data


def blocks(number, count):
    """Any bytes are blocks of most kinds; the newer ones begin with their mode."""
    _, length, _ = BLOCKS[number]
    data = np.random.default_rng(number).integers(0, 256, (count, length), dtype=np.uint8)
    for at, block in enumerate(data):
        if number == 98:
            bit = 1 << at % 8
            block[0] = int(block[0]) & ~(2 * bit - 1) & 255 | bit
        elif number == 95:
            mode = BC6H_MODES[at % len(BC6H_MODES)]
            block[0] = int(block[0]) & ~(3 if mode < 2 else 31) & 255 | mode
    return data.tobytes()


def textures():
    for number, (name, _, compare) in BLOCKS.items():
        for width, height in ((64, 48), (37, 22), (3, 1)):
            levels = [(max(1, width >> n), max(1, height >> n)) for n in range(3)]
            for n_levels in (1, min(3, max(width, height).bit_length())):
                data = b"".join(blocks(number, -(-w // 4) * -(-h // 4)) for w, h in levels[:n_levels])
                content = surface(number, width, height, data, n_levels)
                write = lambda path, content=content: path.write_bytes(content)
                yield Case(f"{name}-{width}x{height}-{n_levels}.dds", write, compare)
    for channels in (3, 4):
        image = Image.fromarray(whole("uint8", channels=channels))
        yield Case(f"pillow-{channels}.dds", lambda path, image=image: image.save(path))


def icons():
    picture = Image.fromarray(whole("uint8", width=128, height=128, channels=4))
    sizes = [(16, 16), (32, 32), (48, 48), (128, 128)]
    for form in ("png", "bmp"):
        write = lambda path, form=form: picture.save(path, sizes=sizes, bitmap_format=form)
        yield Case(f"pillow-{form}.ico", write)
    yield Case("oiio.ico", oiio_writer.image(whole("uint8", width=48, height=32, channels=4)))


def animations():
    frames = [Image.fromarray(whole("uint8", channels=4, seed=seed)) for seed in range(3)]
    opaque = [frame.convert("RGB") for frame in frames]

    def shown(path):
        """Each frame over those before; of opaque frames, Pillow is right about that."""
        with Image.open(path) as image:
            return {(n, 0): np.asarray(frame) for n, frame in enumerate(ImageSequence.Iterator(image))}

    for name, pictures in (("opaque", opaque), ("replaced", frames)):
        options = {"save_all": True, "append_images": pictures[1:], "blend": 0, "duration": 40}
        write = lambda path, pictures=pictures, options=options: pictures[0].save(path, **options)
        yield Case(f"{name}-frames.png", write, expect=shown)
    part = opaque[0].copy()
    part.paste(opaque[1].crop((20, 30, 90, 80)), (20, 30))
    write = lambda path: opaque[0].save(path, save_all=True, append_images=[part], blend=0, duration=40)
    yield Case("part-of-a-frame.png", write, expect=shown)


def jpeg_xl():
    encode = imagecodecs.jpegxl_encode
    for dtype in ("uint8", "uint16", "float32"):
        for channels in (1, 3, 4):
            if dtype == "float32" and channels == 4:
                continue
            pixels = real(dtype, channels=channels) if dtype == "float32" else whole(dtype, channels=channels)
            plane = pixels[..., 0] if channels == 1 else pixels
            write = lambda path, plane=plane: path.write_bytes(encode(plane, lossless=True))
            yield Case(f"lossless-{dtype}-{channels}.jxl", write, expect=lambda path, pixels=pixels: {(0, 0): pixels})
    for channels in (1, 3, 4):
        pixels = (smooth(channels=channels) * 255).astype(np.uint8)
        plane = pixels[..., 0] if channels == 1 else pixels
        for level in (60, 90):
            write = lambda path, plane=plane, level=level: path.write_bytes(encode(plane, level=level))
            yield Case(f"lossy-{channels}-{level}.jxl", write, ONE_UNIT)
    write = lambda path: path.write_bytes(encode((rough() * 255).astype(np.uint8), level=70, effort=3))
    yield Case("noise.jxl", write, Within(units=2))


def cases():
    return [case for part in (textures, icons, animations, jpeg_xl) for case in part()]
