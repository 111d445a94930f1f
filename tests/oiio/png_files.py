"""PNG files by Pillow, imagecodecs (libpng, spng), OpenImageIO, and by hand where no library writes them."""

import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image

import oiio_writer
from case import Case
from pictures import HEIGHT, WIDTH, bilevel, whole

# Where the seven passes of an interlaced file begin, and their steps: x, y, across, down.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def packed_rows(samples, depth):
    """Rows of samples (height, width × channels), each after the byte that says that it is not filtered."""
    for row in samples:
        if depth == 16:
            data = row.astype(">u2").tobytes()
        else:
            bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
            data = np.packbits(bits.reshape(-1)).tobytes()
        yield b"\0" + data


def by_hand(pixels, depth, interlaced=False, palette=None, transparency=None):
    """Depths and interlacing that libraries do not write."""
    height, width, channels = pixels.shape
    color = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def write(path):
        parts = PASSES if interlaced else [(0, 0, 1, 1)]
        rows = []
        for x, y, across, down in parts:
            part = pixels[y::down, x::across]
            if part.size:
                rows += packed_rows(part.reshape(part.shape[0], -1), depth)
        header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
        chunks = [chunk(b"IHDR", header)]
        if palette is not None:
            chunks.append(chunk(b"PLTE", palette.tobytes()))
        if transparency is not None:
            chunks.append(chunk(b"tRNS", transparency))
        chunks += [chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))

    return write


def pillow(pixels, **options):
    squeezed = pixels if pixels.shape[-1] > 1 else pixels[..., 0]
    return lambda path: Image.fromarray(squeezed).save(path, **options)


def paletted(bits, transparency=None):
    def write(path):
        indices = whole("uint8", bits=bits, channels=1)[..., 0]
        image = Image.fromarray(indices).convert("P")
        rng = np.random.default_rng(bits)
        image.putpalette(rng.integers(0, 256, 3 * 2**bits, dtype=np.uint8).tobytes())
        options = {} if transparency is None else {"transparency": transparency}
        image.save(path, bits=bits, **options)

    return write


def cases():
    every = [Case(f"pillow-{channels}.png", pillow(whole("uint8", channels=channels))) for channels in (1, 2, 3, 4)]
    every += [
        Case(f"imagecodecs-{bits}-{channels}.png", write_codec(whole(f"uint{bits}", channels=channels)))
        for bits in (8, 16)
        for channels in (1, 2, 3, 4)
    ]
    every += [
        Case(f"oiio-{bits}-{channels}.png", oiio_writer.image(whole(f"uint{bits}", channels=channels)))
        for bits in (8, 16)
        for channels in (1, 2, 3, 4)
    ]
    every.append(Case("one-bit.png", lambda path: Image.fromarray(bilevel().astype(bool)).save(path)))
    every += [Case(f"palette-{bits}.png", paletted(bits)) for bits in (1, 2, 4, 8)]
    alphas = bytes(range(0, 256, 5))
    every.append(Case("palette-transparent.png", paletted(8, alphas)))
    every.append(Case("palette-2-transparent.png", paletted(2, b"\0\x80\xff")))
    rgb, grey = whole("uint8"), whole("uint8", channels=1)
    every.append(Case("rgb-colour-key.png", pillow(rgb, transparency=tuple(int(v) for v in rgb[40, 50]))))
    every.append(Case("grey-colour-key.png", pillow(grey, transparency=int(grey[40, 50, 0]))))
    for depth in (1, 2, 4):
        small = whole("uint8", bits=depth, channels=1)
        every.append(Case(f"grey-{depth}.png", by_hand(small, depth)))
        every.append(Case(f"grey-{depth}-interlaced.png", by_hand(small, depth, interlaced=True)))
        colors = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), dtype=np.uint8)
        every.append(Case(f"palette-{depth}-interlaced.png", by_hand(small, depth, True, colors)))
    key = struct.pack(">H", 3)
    every.append(Case("grey-2-colour-key.png", by_hand(whole("uint8", bits=2, channels=1), 2, transparency=key)))
    for depth in (8, 16):
        for channels in (1, 2, 3, 4):
            pixels = whole(f"uint{depth}", channels=channels)
            every.append(Case(f"interlaced-{depth}-{channels}.png", by_hand(pixels, depth, True)))
    for width, height in [(1, 1), (3, 2), (1, HEIGHT), (WIDTH, 1), (5, 5)]:
        pixels = whole("uint8", width=width, height=height)
        every.append(Case(f"interlaced-{width}x{height}.png", by_hand(pixels, 8, True)))
    return every


def write_codec(pixels):
    return lambda path: path.write_bytes(imagecodecs.png_encode(pixels if pixels.shape[-1] > 1 else pixels[..., 0]))
