"""OpenEXR files by OpenEXR's own Python module and by OpenImageIO, which writes the levels."""

import struct

import numpy as np
import OpenEXR

import oiio_writer
from case import EXACT, HALF_PRECISION, Case, Refused
from pictures import halves, real, smooth, whole

LOSSLESS = ("none", "rle", "zips", "zip", "piz")
LOSSY = ("pxr24", "b44", "b44a", "dwaa", "dwab")
COMPRESSIONS = {
    "none": OpenEXR.NO_COMPRESSION,
    "rle": OpenEXR.RLE_COMPRESSION,
    "zips": OpenEXR.ZIPS_COMPRESSION,
    "zip": OpenEXR.ZIP_COMPRESSION,
    "piz": OpenEXR.PIZ_COMPRESSION,
    "pxr24": OpenEXR.PXR24_COMPRESSION,
    "b44": OpenEXR.B44_COMPRESSION,
    "b44a": OpenEXR.B44A_COMPRESSION,
    "dwaa": OpenEXR.DWAA_COMPRESSION,
    "dwab": OpenEXR.DWAB_COMPRESSION,
}


def soft(dtype, channels=3, **options):
    """What lossy kinds keep well: no noise, some of it brighter than 1."""
    return (smooth(channels=channels, **options) ** 2 * 4).astype(dtype)


def channels_of(pixels, names="RGBA"):
    return {name: np.ascontiguousarray(pixels[..., n]) for n, name in zip(range(pixels.shape[-1]), names)}


def by_openexr(pixels, compression, tile=None, window=None, names="RGBA", **attributes):
    """One part. `window` is x, y of the pixels and the display window's corners."""
    return parts_by_openexr([part(pixels, compression, tile, window, names, **attributes)])


def part(pixels, compression, tile=None, window=None, names="RGBA", **attributes):
    header = {"compression": COMPRESSIONS[compression], "type": OpenEXR.scanlineimage, **attributes}
    if tile:
        header |= {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
        header["tiles"].xSize, header["tiles"].ySize = tile
    if window:
        (x, y), display = window
        height, width = pixels.shape[:2]
        corner = np.array([x, y], dtype=np.int32)
        header["dataWindow"] = (corner, corner + np.array([width - 1, height - 1], dtype=np.int32))
        header["displayWindow"] = tuple(np.array(point, dtype=np.int32) for point in display)
    return OpenEXR.Part(header, channels_of(pixels, names))


def parts_by_openexr(parts):
    return lambda path: OpenEXR.File(parts).write(str(path))


def plain():
    """Every compression of halves and floats, in lines and tiles."""
    for compression in LOSSLESS + LOSSY:
        is_lossy = compression in LOSSY
        for kind in ("float16", "float32"):
            pixels = soft(kind) if is_lossy else real(kind)
            compare = HALF_PRECISION if is_lossy else EXACT
            yield Case(f"{compression}-{kind}.exr", by_openexr(pixels, compression), compare)
            tiles = oiio_writer.image(pixels, tile=(64, 32), compression=compression)
            yield Case(f"oiio-{compression}-{kind}-tiles.exr", tiles, compare)
        four = soft("float16", channels=4)
        yield Case(f"oiio-{compression}-rgba.exr", oiio_writer.image(four, compression=compression), HALF_PRECISION)
        grey = soft("float16", channels=1)
        write = by_openexr(grey, compression, names="Y")
        yield Case(f"{compression}-grey.exr", write, HALF_PRECISION if is_lossy else EXACT)
    for compression in (*LOSSLESS, "pxr24", "b44", "dwaa"):
        numbers = whole("uint32", channels=1)
        yield Case(f"{compression}-uint.exr", by_openexr(numbers, compression, names="Y"))


def sizes_and_windows():
    for width, height in [(1, 1), (3, 40), (300, 2), (65, 33)]:
        for compression in ("zip", "piz", "dwaa", "b44", "pxr24"):
            pixels = soft("float16", width=width, height=height)
            write = by_openexr(pixels, compression)
            yield Case(f"{compression}-{width}x{height}.exr", write, HALF_PRECISION)
    windows = {
        "inside": ((20, 30), ((0, 0), (399, 299))),
        "negative": ((-17, -23), ((0, 0), (99, 99))),
        "elsewhere": ((1000, 2000), ((0, 0), (9, 9))),
    }
    for name, window in windows.items():
        for compression in ("zip", "piz"):
            yield Case(f"window-{name}-{compression}.exr", by_openexr(real("float16"), compression, window=window))
        corner, ((x0, y0), (x1, y1)) = window
        display = (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
        tiles = oiio_writer.image(real("float16"), tile=(32, 32), windows=(corner, display), compression="zip")
        yield Case(f"window-{name}-tiles.exr", tiles)
    for order in ("decreasingY", "randomY"):
        tiles = oiio_writer.image(real("float16"), tile=(32, 32), **{"openexr:lineOrder": order})
        yield Case(f"order-{order}-tiles.exr", tiles)
    lines = oiio_writer.image(real("float16"), **{"openexr:lineOrder": "decreasingY"})
    yield Case("order-decreasingY-lines.exr", lines)


def several():
    """Levels and parts."""
    # Without it, OpenImageIO writes one level.
    texture = {"textureformat": "Plain Texture"}
    for width, height in [(256, 256), (203, 149), (300, 17)]:
        pyramid = halves(real("float16", width=width, height=height))
        for compression in ("zip", "piz"):
            write = oiio_writer.levels(pyramid, (64, 64), compression=compression, **texture)
            yield Case(f"levels-{width}x{height}-{compression}.exr", write)
    for mode in ("mip", "rip"):
        for up in (False, True):
            name = f"by-hand-{mode}-{'up' if up else 'down'}.exr"
            pyramid = Pyramid(whole("uint32", width=75, height=44, channels=1), mode, up)
            # OpenImageIO asks a rip map for tiles that its levels do not have.
            expect = (lambda path, pyramid=pyramid: pyramid.alike()) if mode == "rip" else None
            yield Case(name, pyramid.write, expect=expect)
    # All parts of a file have one display window.
    display = ((0, 0), (99, 99))
    parts = [
        part(real("float16"), "zip", window=((0, 0), display), name="first"),
        part(real("float32", width=90, height=70, seed=2), "piz", (32, 32), ((5, 6), display), name="second"),
        part(whole("uint32", width=50, height=40, channels=1), "none", None, ((0, 0), display), "Z", name="third"),
    ]
    yield Case("parts.exr", parts_by_openexr(parts))
    both = [(real("float16"), {"name": "left"}), (real("float16", seed=2), {"name": "right"})]
    yield Case("parts-oiio.exr", oiio_writer.subimages(both, compression="zip"))


def layers():
    """Channels beyond colour, of several types, in lines and tiles and with levels."""
    kinds = {"float16": real, "float32": real, "uint32": whole}
    sets = {
        "depth": {"R": "float16", "G": "float16", "B": "float16", "A": "float16", "Z": "float32"},
        "halves": dict.fromkeys(("R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B", "diffuse.A"), "float16"),
        "mixed": {
            **dict.fromkeys("RGBA", "float16"),
            **dict.fromkeys(("N.X", "N.Y", "N.Z"), "float32"),
            "Z": "float32",
            "id": "uint32",
        },
        "no-main": {"beauty.R": "float16", "beauty.G": "float16", "beauty.B": "float16", "albedo.R": "float32"},
        "positions": dict.fromkeys(("P.x", "P.y", "P.z", "x", "y", "z", "u"), "float32"),
        "words": dict.fromkeys(("red", "green", "blue", "alpha", "depth", "Aux", "aux"), "float16"),
        "numbers": dict.fromkeys(("object", "material", "a.b.c"), "uint32"),
        "many": dict.fromkeys([f"aov{n // 3}.{'RGB'[n % 3]}" for n in range(120)], "float16"),
    }
    for name, channels in sets.items():
        planes = {
            channel: np.ascontiguousarray(kinds[kind](kind, channels=1, seed=seed)[..., 0])
            for seed, (channel, kind) in enumerate(channels.items())
        }
        for compression, tile in (("zip", None), ("piz", (32, 48)), ("none", (64, 64))):
            head = {"compression": COMPRESSIONS[compression], "type": OpenEXR.scanlineimage}
            if tile:
                head |= {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
                head["tiles"].xSize, head["tiles"].ySize = tile
            write = parts_by_openexr([OpenEXR.Part(head, planes)])
            yield Case(f"channels-{name}-{compression}.exr", write)
    seven = real("float16", channels=7)
    names = ["R", "G", "B", "A", "Z", "mask.a", "mask.b"]
    yield Case("channels-oiio-seven.exr", oiio_writer.image(seven, names=names, tile=(32, 32), compression="zip"))


def header(channels, window, *others, tiled=False):
    """The head of a file of one part that is not compressed; a channel is its name, kind and step between samples."""

    def attribute(name, kind, value):
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", kind, 0, step, step) for name, kind, step in channels
    )
    attributes = [
        ("channels", "chlist", listed + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", struct.pack("<4i", *window)),
        ("displayWindow", "box2i", struct.pack("<4i", *window)),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
        *others,
    ]
    version = 2 | (0x200 if tiled else 0)
    return struct.pack("<II", 20000630, version) + b"".join(attribute(*one) for one in attributes) + b"\0"


def write_blocks(path, head, blocks):
    """The head, the table of the places of all blocks, and the blocks."""
    at = len(head) + 8 * len(blocks)
    offsets = []
    for block in blocks:
        offsets.append(at)
        at += len(block)
    path.write_bytes(head + struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(blocks))


class Pyramid:
    """One channel of whole numbers with all levels, which no module for Python writes: of a rip map, each width with
    each height. The pixels of a level are some of those of the first."""

    TILE = 32

    def __init__(self, pixels, mode, up):
        def sides(side):
            found = [side]
            while found[-1] > 1:
                found.append((found[-1] + 1) // 2 if up else found[-1] // 2)
            return found

        self.pixels = pixels
        self.is_rip = mode == "rip"
        self.levels = (2 if self.is_rip else 1) | (0x10 if up else 0)
        self.widths, self.heights = sides(pixels.shape[1]), sides(pixels.shape[0])

    def level(self, x, y):
        width = self.widths[min(x, len(self.widths) - 1)]
        height = self.heights[min(y, len(self.heights) - 1)]
        rows = np.arange(height)[:, None] * self.pixels.shape[0] // height
        return self.pixels[rows, np.arange(width) * self.pixels.shape[1] // width]

    def alike(self):
        """The levels that are reduced alike in both directions."""
        return {(0, n): self.level(n, n) for n in range(min(len(self.widths), len(self.heights)))}

    def write(self, path):
        if self.is_rip:
            places = [(x, y) for y in range(len(self.heights)) for x in range(len(self.widths))]
        else:
            places = [(n, n) for n in range(max(len(self.widths), len(self.heights)))]
        blocks = []
        for x, y in places:
            level = self.level(x, y)
            for row in range(0, level.shape[0], self.TILE):
                for column in range(0, level.shape[1], self.TILE):
                    data = level[row : row + self.TILE, column : column + self.TILE].astype("<u4").tobytes()
                    at = (column // self.TILE, row // self.TILE, x, y, len(data))
                    blocks.append(struct.pack("<5i", *at) + data)
        height, width = self.pixels.shape[:2]
        tiles = ("tiles", "tiledesc", struct.pack("<IIB", self.TILE, self.TILE, self.levels))
        head = header([("Y", 0, 1)], (0, 0, width - 1, height - 1), tiles, tiled=True)
        write_blocks(path, head, blocks)


def subsampled(path):
    """Luminance of every pixel, chroma of every fourth, a line in each block."""
    planes = {"BY": (soft("float16", channels=1), 2), "RY": (soft("float16", channels=1, seed=2), 2)}
    planes["Y"] = (soft("float16", channels=1, seed=3), 1)
    blocks = []
    for y in range(48):
        data = b"".join(
            pixels[y, 0:64:step, 0].astype("<f2").tobytes() for pixels, step in planes.values() if y % step == 0
        )
        blocks.append(struct.pack("<2i", y, len(data)) + data)
    head = header([(name, 1, step) for name, (_, step) in planes.items()], (0, 0, 63, 47))
    write_blocks(path, head, blocks)


def write_planes(planes, compression=OpenEXR.ZIP_COMPRESSION):
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    planes = {name: np.ascontiguousarray(plane) for name, plane in planes.items()}
    return lambda path: OpenEXR.File(header, planes).write(str(path))


def channels():
    """Channels of other names, types and kinds."""
    half, float_, number = real("float16"), real("float32", seed=2), whole("uint32", bits=20)
    mixed = {"R": half[..., 0], "G": float_[..., 1], "B": float_[..., 2]}
    yield Case("mixed-types.exr", write_planes(mixed))
    # Whole numbers next to floats keep their value.
    mixed = {"R": half[..., 0], "G": float_[..., 1], "B": number[..., 2]}
    yield Case("mixed-with-uint.exr", write_planes(mixed))
    yield Case("alpha.exr", by_openexr(real("float16", channels=4), "zip"))
    yield Case("grey-alpha.exr", by_openexr(real("float16", channels=2), "zip", names="YA"))
    yield Case("depth.exr", by_openexr(real("float32", channels=1), "zip", names="Z"))


def not_read():
    ripe = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.deepscanline}
    depths = np.empty((8, 9), dtype=object)
    for index in np.ndindex(depths.shape):
        depths[index] = np.arange(1 + sum(index) % 3, dtype=np.float32)
    yield Refused(
        "deep.exr", lambda path: OpenEXR.File(ripe, {"Z": depths}).write(str(path)), "deep data is not supported"
    )
    yield Refused("subsampled.exr", subsampled, "channel subsampling is not supported")
    planes = channels_of(real("float16"))
    # As new as the library that writes them.
    htj2k = write_planes(planes, OpenEXR.HTJ2K256_COMPRESSION)
    yield Refused("htj2k.exr", htj2k, "ht j2k 256 compression")
    yield Refused("zstd.exr", write_planes(planes, OpenEXR.ZSTD_COMPRESSION), "compression 13 is not supported")


def cases():
    return [case for part in (plain, sizes_and_windows, several, channels, layers, not_read) for case in part()]
