#!/usr/bin/env python3
"""Makes the known-bad files of this folder again. Needs nothing but Python; `../bad_files.rs` says what each must give.

    python3 make.py
"""

import base64
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).parent
FILES = {}


def bad(name, data):
    assert len(data) < 10 << 10, name
    assert name not in FILES, name
    FILES[name] = data


# Files of no format.
bad("empty", b"")
bad("empty.jpg", b"")
bad("text.png", b"This is no picture, whatever its name says.\n")
bad("zeros.tif", bytes(512))
bad("html.jpg", b"<!doctype html><title>404 Not Found</title>")

# PNG.
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def ihdr(width=8, height=8, depth=8, color=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


ROWS = b"".join(b"\0" + bytes((x * 30 + y + c) % 256 for x in range(8) for c in range(3)) for y in range(8))
PIXELS = zlib.compress(ROWS)
IDAT = chunk(b"IDAT", PIXELS)
IEND = chunk(b"IEND", b"")

bad("png-signature-alone.png", SIGNATURE)
bad("png-cut-in-header.png", (SIGNATURE + ihdr())[:20])
bad("png-cut-in-pixels.png", (SIGNATURE + ihdr() + IDAT)[:60])
bad("png-no-pixels.png", SIGNATURE + ihdr() + IEND)
bad("png-half-the-rows.png", SIGNATURE + ihdr() + chunk(b"IDAT", zlib.compress(ROWS[:100])) + IEND)
bad("png-zero-width.png", SIGNATURE + ihdr(width=0) + IDAT + IEND)
bad("png-header-crc.png", SIGNATURE + ihdr()[:-4] + b"\0\0\0\0" + IDAT + IEND)
bad("png-pixels-crc.png", SIGNATURE + ihdr() + chunk(b"IDAT", PIXELS, 0) + IEND)
bad("png-no-palette.png", SIGNATURE + ihdr(color=3) + IDAT + IEND)
bad("png-depth-3.png", SIGNATURE + ihdr(depth=3) + IDAT + IEND)
bad("png-filter-9.png", SIGNATURE + ihdr() + chunk(b"IDAT", zlib.compress(b"\x09" + ROWS[1:])) + IEND)
bad("png-not-deflate.png", SIGNATURE + ihdr() + chunk(b"IDAT", b"\xff" * 50) + IEND)
bad("png-critical-chunk.png", SIGNATURE + ihdr() + chunk(b"XYZW", b"") + IDAT + IEND)
bad("png-apple.png", SIGNATURE + chunk(b"CgBI", bytes(4)) + ihdr() + IDAT + IEND)
bad("png-long-chunk.png", SIGNATURE + ihdr() + struct.pack(">I", 0xFFFFFFF0) + b"tEXt" + IDAT + IEND)
bad("png-100000-squared.png", SIGNATURE + ihdr(100_000, 100_000, color=6) + IDAT + IEND)
bad("png-100000-squared-interlaced.png", SIGNATURE + ihdr(100_000, 100_000, color=6, interlace=1) + IDAT + IEND)
bad("png-too-wide.png", SIGNATURE + ihdr(0x7FFFFFFF, 1) + IDAT + IEND)
bad("png-too-many-pixels.png", SIGNATURE + ihdr(1 << 20, 1 << 20) + IDAT + IEND)


# GIF.
def gif(width=4, height=4, frames=b"", palette=True):
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 if palette else 0, 0, 0)
    return head + (b"\0\0\0\xff\xff\xff" if palette else b"") + frames + b";"


FRAME = b"," + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\x02\x05\x84\x1d\x81\x7a\x50\0"
bad("gif-cut-in-header.gif", gif()[:9])
bad("gif-zero-size.gif", gif(0, 0, FRAME))
bad("gif-no-frame.gif", gif())
bad("gif-no-palette.gif", gif(frames=FRAME, palette=False))
bad("gif-cut-in-pixels.gif", gif(frames=FRAME)[:-6])
bad("gif-few-pixels.gif", gif(frames=FRAME[:10] + b"\x02\x02\x84\x51\0"))
bad("gif-code-size.gif", gif(frames=FRAME[:10] + b"\x1f\x02\x84\x51\0"))
bad("gif-unknown-block.gif", gif(frames=b"\x77\x77\x77"))


# BMP.
def bmp(width=4, height=4, bits=24, compression=0, extra=b"", pixels=bytes(48), planes=1, colors=0, size=40):
    start = 14 + size + len(extra)
    head = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    head += struct.pack("<IiiHHIIiiII", size, width, height, planes, bits, compression, 0, 0, 0, colors, 0)
    return head + bytes(size - 40) + extra + pixels


bad("bmp-mark-alone.bmp", b"BM")
bad("bmp-cut-in-header.bmp", bmp()[:30])
bad("bmp-cut-in-pixels.bmp", bmp()[:-5])
bad("bmp-lowest-height.bmp", bmp(height=-(1 << 31)))
bad("bmp-low-height.bmp", bmp(height=-(1 << 31) + 1))
bad("bmp-negative-width.bmp", bmp(width=-4))
bad("bmp-zero-width.bmp", bmp(width=0))
bad("bmp-huge-runs.bmp", bmp(65535, 65535, 8, 1, bytes(1024)))
bad("bmp-huge.bmp", bmp(65535, 65535))
bad("bmp-planes.bmp", bmp(planes=3))
bad("bmp-depth-13.bmp", bmp(bits=13))
bad("bmp-jpeg-inside.bmp", bmp(compression=4))
bad("bmp-masks-with-holes.bmp", bmp(bits=32, compression=3, extra=struct.pack("<III", 0x00F0F000, 0xFF00, 0xFF)))
bad("bmp-palette-too-long.bmp", bmp(bits=4, colors=1 << 30, extra=bytes(64)))
bad("bmp-palette-cut.bmp", bmp(bits=8, extra=bytes(100), pixels=b""))
bad("bmp-run-past-the-end.bmp", bmp(bits=8, compression=1, extra=bytes(1024), pixels=b"\x00\x08\1\1\1\1\1\1\1\1"))
bad("bmp-runs-cut.bmp", bmp(bits=8, compression=1, extra=bytes(1024), pixels=b"\x04\1\0\0\x04"))

# PNM.
bad("pnm-mark-alone.ppm", b"P6\n")
bad("pnm-long-width.ppm", b"P6\n12345678901234567890 1\n255\n\0\0\0")
bad("pnm-huge.ppm", b"P6\n4294967295 4294967295\n255\n\0\0\0")
bad("pnm-zero-width.ppm", b"P6\n0 4\n255\n")
bad("pnm-white-is-0.pgm", b"P5\n2 2\n0\n\0\0\0\0")
bad("pnm-white-is-65536.pgm", b"P5\n2 2\n65536\n" + bytes(16))
bad("pnm-cut.ppm", b"P6\n4 4\n255\n" + bytes(40))
bad("pnm-cut-text.ppm", b"P3\n2 2\n255\n1 2 3 4 5 6 7 8 9\n")
bad("pnm-letters.ppm", b"P3\n2 2\n255\n1 2 3 4 five 6 7 8 9 10 11 12\n")
bad("pnm-minus.pgm", b"P5\n-2 2\n255\n\0\0\0\0")
bad("pam-no-depth.pam", b"P7\nWIDTH 2\nHEIGHT 2\nMAXVAL 255\nENDHDR\n" + bytes(12))
bad("pam-depth-9.pam", b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 9\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(36))
bad("pam-endless.pam", b"P7\n" + b"# nothing\n" * 900)

# PFM.
bad("pfm-mark-alone.pfm", b"PF\n")
bad("pfm-no-scale.pfm", b"PF\n2 2\n")
bad("pfm-scale-0.pfm", b"Pf\n2 2\n0\n" + bytes(16))
bad("pfm-scale-in-words.pfm", b"Pf\n2 2\nlittle\n" + bytes(16))
bad("pfm-minus.pfm", b"PF\n-2 2\n-1\n" + bytes(48))
bad("pfm-zero-width.pfm", b"PF\n0 2\n-1\n")
bad("pfm-huge.pfm", b"PF\n4294967295 4294967295\n-1\n" + bytes(48))
bad("pfm-cut.pfm", b"PF\n2 2\n-1\n" + bytes(40))


# TGA.
def tga(kind=2, width=4, height=4, depth=24, descriptor=0x20, map_type=0, map_first=0, map_length=0, map_bits=0, rest=b""):
    head = struct.pack("<BBBHHBHHHHBB", 0, map_type, kind, map_first, map_length, map_bits, 0, 0, width, height, depth, descriptor)
    return head + rest


TGA_FOOTER = bytes(8) + b"TRUEVISION-XFILE.\0"
bad("tga-cut-in-header.tga", tga()[:10])
bad("tga-zero-size.tga", tga(width=0, rest=bytes(48) + TGA_FOOTER))
bad("tga-cut-in-pixels.tga", tga(rest=bytes(20)))
bad("tga-map-cut.tga", tga(1, depth=8, map_type=1, map_length=256, map_bits=24, rest=bytes(100)))
bad("tga-index-beyond-map.tga", tga(1, depth=8, map_type=1, map_length=2, map_bits=24, rest=bytes(6) + b"\x07" * 16))
bad("tga-map-of-17-bits.tga", tga(1, depth=8, map_type=1, map_length=2, map_bits=17, rest=bytes(6 + 16) + TGA_FOOTER))
bad("tga-runs-cut.tga", tga(10, rest=b"\x87\1\2\3\x01\1\2"))
bad("tga-runs-cut-bottom-up.tga", tga(10, descriptor=0, rest=b"\x87\1\2\3\x01\1\2"))
bad("tga-alpha-of-15-bits.tga", tga(2, depth=8, descriptor=0x2F, rest=bytes(48)))

# Radiance.
HDR = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n"
bad("hdr-mark-alone.hdr", b"#?RADIANCE")
bad("hdr-no-size.hdr", HDR)
bad("hdr-size-in-words.hdr", HDR + b"-Y four +X four\n")
bad("hdr-zero-size.hdr", HDR + b"-Y 0 +X 4\n")
bad("hdr-huge.hdr", HDR + b"-Y 4000000000 +X 4000000000\n")
bad("hdr-rotated.hdr", HDR + b"+X 4 -Y 4\n" + bytes(64))
bad("hdr-xyz.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 4 +X 4\n" + bytes(64))
bad("hdr-run-too-long.hdr", HDR + b"-Y 1 +X 8\n\2\2\0\x08" + b"\xff\x01" * 4)
bad("hdr-run-of-nothing.hdr", HDR + b"-Y 1 +X 8\n\2\2\0\x08" + bytes(100))
bad("hdr-begins-with-run.hdr", HDR + b"-Y 1 +X 8\n\1\1\1\x08" + bytes(32))
bad("hdr-cut.hdr", HDR + b"-Y 4 +X 4\n" + b"\x80\x80\x80\x80" * 10)


# QOI.
def qoi(width=4, height=4, channels=3, rest=b"\xcf" + bytes(7) + b"\1"):
    return b"qoif" + struct.pack(">IIBB", width, height, channels, 0) + rest


bad("qoi-mark-alone.qoi", b"qoif")
bad("qoi-huge.qoi", qoi(0xFFFFFFFF, 0xFFFFFFFF))
bad("qoi-zero-size.qoi", qoi(0, 0))
bad("qoi-5-channels.qoi", qoi(channels=5))
bad("qoi-cut.qoi", qoi(rest=b"\xfe\1\2\3\xfe\1"))

# JPEG: 16 × 16 grey, made once by libjpeg.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5a"
    "YVpQYEpRUk//wAALCAAQABABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABQYH/8QAIxAAAQIGAAcAAAAAAAAAAAAAAQIEAAUGESEyAxITFSMx"
    "Qf/aAAgBAQAAPwCbkrLXEaBJWWuICkrLXEMVNMux02vor5Xjvw8CxspN9lixBFh9HolMf//Z"
)
SOF = JPEG.index(b"\xff\xc0")
SOS = JPEG.index(b"\xff\xda")


def sized(height, width):
    return JPEG[: SOF + 5] + struct.pack(">HH", height, width) + JPEG[SOF + 9 :]


bad("jpeg-mark-alone.jpg", b"\xff\xd8\xff")
bad("jpeg-cut-in-tables.jpg", JPEG[:100])
bad("jpeg-cut-before-scan.jpg", JPEG[:SOS])
bad("jpeg-cut-in-scan.jpg", JPEG[: SOS + 30])
bad("jpeg-zero-width.jpg", sized(16, 0))
bad("jpeg-huge.jpg", sized(65500, 65500))
bad("jpeg-no-tables.jpg", JPEG[:2] + JPEG[SOF:])
bad("jpeg-no-frame.jpg", JPEG[:SOF] + JPEG[SOS:])
bad("jpeg-segment-too-long.jpg", b"\xff\xd8\xff\xe0\xff\xffJFIF\0" + JPEG[20:])
bad("jpeg-end-at-once.jpg", b"\xff\xd8\xff\xd9")

# WebP: 8 × 8, lossless and lossy, made once by libwebp.
LOSSLESS = base64.b64decode("UklGRi4AAABXRUJQVlA4TCIAAAAvB8ABALkyRPQ/dhHR/wBhtlFJzh90ryMYjxmLCaB6oP8A")
LOSSY = base64.b64decode(
    "UklGRkQAAABXRUJQVlA4IDgAAADQAQCdASoIAAgAAsBMJagCdAD0MYrqAAD+81QjP5vrxt3fHHFL9WaB9w9tOn/ald+IffT7n4BwAA=="
)


def riff(body):
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


bad("webp-mark-alone.webp", LOSSY[:12])
bad("webp-empty.webp", riff(b""))
bad("webp-cut.webp", LOSSY[:40])
bad("webp-cut-lossless.webp", LOSSLESS[:30])
bad("webp-chunk-too-long.webp", riff(b"VP8 " + struct.pack("<I", 0xFFFFFFF0) + LOSSY[20:]))
bad("webp-zero-size.webp", LOSSY[:26] + bytes(4) + LOSSY[30:])
bad("webp-no-picture.webp", riff(b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\x07\0\0\x07\0\0"))


# TIFF.
def tiff(entries, after=b"", next_at=0, big=False):
    """A little-endian file of one directory; an entry is (tag, kind, count, value)."""
    if big:
        head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", len(entries))
        body = b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
        return head + body + struct.pack("<Q", next_at) + after
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + body + struct.pack("<I", next_at) + after


def strips(width=4, height=4, compression=1, offset=200, length=16, bits=8, **other):
    fields = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, bits), 259: (3, 1, compression), 262: (3, 1, 1)}
    fields |= {273: (4, 1, offset), 277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, length)}
    fields |= {int(tag[1:]): value for tag, value in other.items()}
    return [(tag, *fields[tag]) for tag in sorted(fields) if fields[tag]]


def tiles(width, height, side, count, offsets_at):
    return strips(
        width, height, t273=None, t278=None, t279=None, t322=(4, 1, side), t323=(4, 1, side),
        t324=(4, count, offsets_at), t325=(4, count, offsets_at),
    )


bad("tiff-mark-alone.tif", b"II*\0")
bad("tiff-directory-beyond.tif", b"II*\0" + struct.pack("<I", 5000) + bytes(20))
bad("tiff-directory-cut.tif", tiff(strips())[:40])
bad("tiff-no-fields.tif", tiff([]))
bad("tiff-zero-width.tif", tiff(strips(width=0), bytes(200)))
bad("tiff-strip-beyond.tif", tiff(strips(offset=100_000)))
bad("tiff-strip-cut.tif", tiff(strips(offset=126), bytes(7)))
bad("tiff-bits-of-700.tif", tiff(strips(bits=700), bytes(200)))
bad("tiff-compression-999.tif", tiff(strips(compression=999), bytes(200)))
bad("tiff-lzw-rubbish.tif", tiff(strips(compression=5, offset=126), b"\xff" * 40))
bad("tiff-deflate-rubbish.tif", tiff(strips(compression=8, offset=126), b"\xff" * 40))
bad("tiff-huge-strip.tif", tiff(strips(100_000, 100_000, compression=8, offset=126), b"\xff" * 40))
bad("tiff-absurd-tiles.tif", tiff(tiles(1 << 20, 1 << 15, 16, 0x40000000, 200), bytes(200)))
bad("tiff-tile-of-nothing.tif", tiff(tiles(64, 64, 0, 1, 200), bytes(200)))
bad("tiff-tiles-missing.tif", tiff(tiles(4096, 4096, 16, 1, 200), bytes(200)))
bad("tiff-big-count.tif", tiff([(256, 4, 1 << 60, 100)], bytes(200), big=True))
bad("tiff-big-cut.tif", b"II+\0" + struct.pack("<HHQ", 8, 0, 1 << 62))
bad("tiff-fax2-rubbish.tif", tiff(strips(compression=2, bits=1, offset=122, length=40), bytes(40)))
bad("tiff-fax3-rubbish.tif", tiff(strips(compression=3, bits=1, offset=134, length=40, t292=(4, 1, 1)), b"\x5a" * 40))
bad("tiff-long-tables.tif", tiff(strips(compression=7, offset=134, t347=(7, 0xFFFFFFF0, 134)), bytes(16)))
bad("tiff-cyclic.tif", tiff(strips(offset=122), bytes(16), next_at=8))
bad("tiff-sub-cyclic.tif", tiff(strips(offset=134, t330=(4, 1, 8)), bytes(16)))
bad("tiff-sub-bomb.tif", tiff(strips(offset=134, t330=(4, 1 << 30, 8)), bytes(16)))
bad("tiff-long-text.tif", tiff(strips(offset=158, t270=(2, 0xFFFFFFF0, 8), t305=(2, 100, 8), t700=(1, 1 << 31, 8)), bytes(16)))

# Two pages that follow each other, and hang on each other.
SECOND = tiff(strips(offset=8, t330=(4, 1, 8)), next_at=8)[8:]
bad("tiff-cyclic-of-two.tif", tiff(strips(offset=8, t330=(4, 1, 134)), SECOND, next_at=134))
# Each directory begins two bytes after the last one, whose fields are its own.
bad("tiff-overlapping.tif", b"II*\0\x08\0\0\0" + b"".join(struct.pack("<I", n * 2 + 10) for n in range(2000)))
# The second page begins within the first.
bad("tiff-sharing.tif", tiff(strips(offset=122), bytes(16), next_at=20))


# OpenEXR.
def attribute(name, kind, data, length=None):
    return name + b"\0" + kind + b"\0" + struct.pack("<I", len(data) if length is None else length) + data


def exr_tiles(width, height):
    return attribute(b"tiles", b"tiledesc", struct.pack("<IIB", width, height, 0))


def exr(window=(0, 0, 3, 3), more=b"", rest=bytes(64), channels_length=None, compression=b"\0"):
    box = struct.pack("<iiii", *window)
    head = b"\x76\x2f\x31\x01\x02" + (b"\x02" if b"tiledesc" in more else b"\0") + b"\0\0"
    head += attribute(b"channels", b"chlist", b"Y\0" + struct.pack("<IIII", 1, 0, 1, 1) + b"\0", channels_length)
    head += attribute(b"compression", b"compression", compression)
    head += attribute(b"dataWindow", b"box2i", box) + attribute(b"displayWindow", b"box2i", box)
    head += attribute(b"lineOrder", b"lineOrder", b"\0") + attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1))
    head += attribute(b"screenWindowCenter", b"v2f", bytes(8)) + attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1))
    return head + more + b"\0" + rest


bad("exr-mark-alone.exr", b"\x76\x2f\x31\x01")
bad("exr-cut-in-header.exr", exr()[:100])
bad("exr-no-channels.exr", b"\x76\x2f\x31\x01\x02\0\0\0\0" + bytes(64))
bad("exr-long-attribute.exr", exr(more=attribute(b"owner", b"string", b"me", 0x7FFFFFF0)))
bad("exr-negative-attribute.exr", exr(more=attribute(b"owner", b"string", b"me", 0xFFFFFFF0)))
bad("exr-inside-out.exr", exr(window=(10, 10, 0, 0)))
bad("exr-huge-window.exr", exr(window=(-(1 << 30), -(1 << 30), 1 << 30, 1 << 30)))
bad("exr-no-chunks.exr", exr(rest=b""))
bad("exr-offsets-of-nothing.exr", exr())
bad("exr-many-channels.exr", exr(channels_length=0x7FFFFFF0))
bad("exr-absurd-tiles.exr", exr((0, 0, (1 << 20) - 1, (1 << 16) - 1), exr_tiles(1, 1)))
bad("exr-tiles-of-nothing.exr", exr(more=exr_tiles(0, 0)))
bad("exr-huge-tiles.exr", exr((0, 0, (1 << 20) - 1, (1 << 16) - 1), exr_tiles(1 << 20, 1 << 16), struct.pack("<Q", 400) + bytes(400)))
bad("exr-huge-preview.exr", exr(more=attribute(b"preview", b"preview", struct.pack("<II", 65535, 65535), 0x7FFFFFF0)))
bad("exr-compression-13.exr", exr(compression=b"\x0d"))
bad("exr-version-9.exr", b"\x76\x2f\x31\x01\x09" + exr()[5:])


# DDS.
def dds(width=8, height=8, levels=1, flags=4, kind=b"DXT1", bits=0, masks=(0, 0, 0, 0), caps=0, depth=0, size=124, rest=bytes(32)):
    head = struct.pack("<7I44x", size, 0x1007, height, width, 0, depth, levels)
    head += struct.pack("<2I4s5I", 32, flags, kind, bits, *masks) + struct.pack("<5I", 0x1000, caps, 0, 0, 0)
    return b"DDS " + head + rest


def dx10(dxgi=98, elements=1, misc=0):
    return struct.pack("<5I", dxgi, 3, misc, elements, 0)


bad("dds-mark-alone.dds", b"DDS ")
bad("dds-cut-in-header.dds", dds()[:100])
bad("dds-cut-in-long-header.dds", dds(kind=b"DX10", rest=dx10()[:8]))
bad("dds-header-of-100.dds", dds(size=100))
bad("dds-zero-height.dds", dds(height=0))
bad("dds-too-wide.dds", dds(width=0xFFFFFFFF))
bad("dds-too-many-pixels.dds", dds(1 << 20, 1 << 20))
bad("dds-cut-in-pixels.dds", dds(rest=bytes(31)))
bad("dds-too-many-levels.dds", dds(levels=5))
bad("dds-unknown-letters.dds", dds(kind=b"WHAT"))
bad("dds-unknown-number.dds", dds(kind=b"DX10", rest=dx10(dxgi=1000) + bytes(64)))
bad("dds-masks-with-holes.dds", dds(flags=0x40, bits=16, masks=(0xF00F, 0xF0, 0xF00, 0), rest=bytes(128)))
bad("dds-array-of-a-billion.dds", dds(kind=b"DX10", rest=dx10(elements=1 << 30) + bytes(64)))
bad("dds-cubes-that-overflow.dds", dds(kind=b"DX10", rest=dx10(elements=0x40000000, misc=4) + bytes(64)))
bad("dds-deep-volume.dds", dds(caps=0x200000, depth=0xFFFFFFFF))


# Icons.
def ico(entries, rest=b"", kind=1, count=None):
    head = struct.pack("<HHH", 0, kind, len(entries) if count is None else count)
    for length, at in entries:
        head += struct.pack("<BBBBHHII", 4, 4, 0, 0, 1, 32, length, at)
    return head + rest


def dib(width=4, height=8, bits=32, compression=0, colors=0, size=40):
    return struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colors, 0)


BITMAP = dib() + bytes(64 + 16)
bad("ico-cut-in-directory.ico", ico([(len(BITMAP), 38), (1, 1)])[:35])
bad("ico-beyond-the-end.ico", ico([(len(BITMAP), 5000)], BITMAP))
bad("ico-beyond-everything.ico", ico([(0xFFFFFFFF, 0xFFFFFFFF)], BITMAP))
bad("ico-too-many.ico", ico([(len(BITMAP), 16 * 65535 + 6)], BITMAP, count=65535))
bad("ico-neither.ico", ico([(64, 22)], b"what is this" * 6))
bad("ico-cut-in-pixels.ico", ico([(len(BITMAP), 22)], BITMAP[:-30]))
bad("ico-cut-in-mask.ico", ico([(40 + 48 + 16, 22)], dib(bits=24) + bytes(48 + 10)))
bad("ico-zero-height.ico", ico([(len(BITMAP), 22)], dib(height=0) + bytes(80)))
bad("ico-upside-down.ico", ico([(len(BITMAP), 22)], dib(height=-8) + bytes(80)))
bad("ico-huge.ico", ico([(len(BITMAP), 22)], dib(0x7FFFFFFF, 0x7FFFFFFE) + bytes(80)))
bad("ico-depth-7.ico", ico([(len(BITMAP), 22)], dib(bits=7) + bytes(80)))
bad("ico-runs.ico", ico([(len(BITMAP), 22)], dib(bits=8, compression=1) + bytes(80)))
bad("ico-palette-of-a-billion.ico", ico([(len(BITMAP), 22)], dib(bits=8, colors=1 << 30) + bytes(80)))
INNER = SIGNATURE + ihdr() + IDAT + IEND
bad("ico-png-cut.ico", ico([(len(INNER), 22)], INNER[:60]))
bad("ico-png-beyond-its-entry.ico", ico([(60, 22)], INNER))


# Animated PNG.
def frame(number, width=8, height=8, x=0, y=0, dispose=0, blend=0, crc=None):
    data = struct.pack(">IIIIIHHBB", number, width, height, x, y, 1, 10, dispose, blend)
    return chunk(b"fcTL", data, crc)


def fdat(number, data=PIXELS, crc=None):
    return chunk(b"fdAT", struct.pack(">I", number) + data, crc)


MOVES = SIGNATURE + ihdr() + chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(0) + IDAT
bad("apng-frame-crc.png", MOVES + frame(1) + fdat(2, crc=0) + IEND)
bad("apng-frame-cut.png", MOVES + frame(1) + fdat(2)[:-40])
bad("apng-frame-with-few-rows.png", MOVES + frame(1) + fdat(2, zlib.compress(ROWS[:100])) + IEND)
bad("apng-small-first-frame.png", SIGNATURE + ihdr() + chunk(b"acTL", struct.pack(">II", 1, 0)) + frame(0, 4, 4) + IDAT + IEND)
bad("apng-frame-beyond-the-edge.png", MOVES + frame(1, x=1) + fdat(2) + IEND)
bad("apng-control-crc.png", MOVES + frame(1, crc=0) + fdat(2) + IEND)


# JPEG XL.
def box(kind, data, size=None):
    return struct.pack(">I", len(data) + 8 if size is None else size) + kind + data


JXL = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
bad("jxl-mark-alone.jxl", b"\xff\x0a")
bad("jxl-container-alone.jxl", JXL)
bad("jxl-empty-stream.jxl", JXL + box(b"jxlc", b""))
bad("jxl-box-of-nothing.jxl", JXL + box(b"jxlc", b"\xff\x0a", size=4))
bad("jxl-box-beyond.jxl", JXL + box(b"jxlp", b"\0\0\0\0\xff\x0a", size=0x7FFFFFFF))
bad("jxl-rubbish.jxl", b"\xff\x0a" + bytes(range(255, 100, -1)))
# Two sides of 2^30 pixels: small = 0, and 30 bits each for height and width; everything else, and the frame, by default.
HUGE = 3 << 1 | (1 << 30) - 1 << 3 | 3 << 36 | (1 << 30) - 1 << 38 | 1 << 68 | 1 << 72
bad("jxl-huge.jxl", b"\xff\x0a" + HUGE.to_bytes(10, "little") + bytes(4096))
LOSSY = (HERE.parent / "samples/jxl/lossy.jxl").read_bytes()
bad("jxl-cut.jxl", LOSSY[: len(LOSSY) * 2 // 3])
bad("jxl-cut-in-header.jxl", LOSSY[:5])
# Found by fuzzing: a transfer function that is none, of which the library is to make a profile.
bad("jxl-transfer-of-nothing.jxl", bytes.fromhex("ff0a885b310000000900000000000000010000000000001500018a") + bytes(35))


# AVIF.
AVIF = (HERE.parent / "samples/avif/rgb.avif").read_bytes()
GRID = (HERE.parent / "samples/avif/grid.avif").read_bytes()


def avif_with(old, new, whole=AVIF):
    """With some bytes changed, which are there once."""
    assert whole.count(old) == 1, old
    return whole.replace(old, new)


def size_of(width, height):
    return struct.pack(">4sIII", b"ispe", 0, width, height)


NCLX = AVIF[AVIF.index(b"nclx") :][:11]
STREAM = AVIF[AVIF.index(b"mdat") + 4 :]
FRAMES = avif_with(struct.pack(">I", len(STREAM)), struct.pack(">I", 9 * len(STREAM)))
bad("avif-mark-alone.avif", AVIF[: AVIF.index(b"meta") - 4])
bad("avif-cut.avif", AVIF[:-30])
bad("avif-cut-in-description.avif", AVIF[: AVIF.index(b"iprp")])
bad("avif-box-of-nothing.avif", avif_with(struct.pack(">I4s", 14, b"pitm"), struct.pack(">I4s", 3, b"pitm")))
bad("avif-another-size.avif", avif_with(size_of(77, 43), size_of(78, 43)))
bad("avif-zero-height.avif", avif_with(size_of(77, 43), size_of(77, 0)))
bad("avif-too-wide.avif", avif_with(size_of(77, 43), size_of(0x7FFFFFFF, 43)))
bad("avif-too-many-pixels.avif", avif_with(size_of(77, 43), size_of(60000, 60000)))
bad("avif-rubbish.avif", AVIF[: -len(STREAM)] + bytes(range(256))[: len(STREAM)].ljust(len(STREAM), b"\x77"))
bad("avif-damaged-stream.avif", AVIF[: -len(STREAM)] + STREAM[:40] + bytes(byte ^ 0x5A for byte in STREAM[40:]))
bad("avif-nine-frames.avif", FRAMES + 8 * STREAM)
bad("avif-matrix-14.avif", avif_with(NCLX, NCLX[:8] + b"\0\x0e" + NCLX[10:]))
bad("avif-cropped.avif", avif_with(b"pixi", b"clap"))
bad("avif-grid-of-more.avif", avif_with(b"\0\0\1\2\0\x96\0\x64", b"\0\0\3\2\0\x96\0\x64", GRID))
bad("avif-grid-too-large.avif", avif_with(b"\0\0\1\2\0\x96\0\x64", b"\0\0\1\2\xff\xff\0\x64", GRID))
bad("avif-grid-of-others.avif", avif_with(b"dimg\0\1\0\6\0\2", b"dimg\0\1\0\6\0\x63", GRID))
bad("avif-grid-of-itself.avif", avif_with(b"dimg\0\1\0\6\0\2", b"dimg\0\1\0\6\0\1", GRID))
bad("avif-nothing-shown.avif", avif_with(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\x63"))

# JPEG 2000. A picture of 64×48 in tiles of 32×32, one component of 8 bits without loss, made of headers alone where a file is
# to be refused for what they say.
J2K = (HERE.parent / "samples/jpeg2000/tiles.j2k").read_bytes()
JP2 = (HERE.parent / "samples/jpeg2000/gray.jp2").read_bytes()
INDEXED = (HERE.parent / "samples/jpeg2000/palette.jp2").read_bytes()


def segment(marker, content):
    return struct.pack(">HH", marker, len(content) + 2) + content


def siz(width=64, height=48, x=0, y=0, tile=(32, 32), tile_at=(0, 0), components=((7, 1, 1),), rsiz=0):
    grid = struct.pack(">H8I", rsiz, width, height, x, y, *tile, *tile_at)
    return segment(0xFF51, grid + struct.pack(">H", len(components)) + b"".join(map(bytes, components)))


def cod(levels=0, layers=1, progression=0, block=(4, 4), precincts=b""):
    style = bytes([1 if precincts else 0, progression]) + struct.pack(">HB", layers, 0)
    return segment(0xFF52, style + bytes([levels, *block, 0, 1]) + precincts)


QCD = segment(0xFF5C, bytes([0x40] + [0x48] * 16))


def part(tile=0, number=0, count=1, packets=bytes(8), header=b"", length=None):
    whole = 14 + len(header) + len(packets)
    sot = struct.pack(">HIBB", tile, whole if length is None else length, number, count)
    return segment(0xFF90, sot) + header + b"\xff\x93" + packets


def stream(*headers, parts=(part(),)):
    return b"\xff\x4f" + b"".join(headers) + b"".join(parts) + b"\xff\xd9"


ONE = dict(width=32, height=32)
bad("j2k-mark-alone.j2k", b"\xff\x4f\xff\x51")
bad("j2k-cut-in-header.j2k", J2K[:60])
bad("j2k-cut-in-a-tile.j2k", J2K[:-200])
bad("j2k-no-tiles.j2k", stream(siz(), cod(), QCD, parts=()))
bad("j2k-no-coding.j2k", stream(siz(), QCD))
bad("j2k-zero-width.j2k", stream(siz(width=0), cod(), QCD))
bad("j2k-huge.j2k", stream(siz(0x7FFFFFFF, 0x7FFFFFFF, tile=(0x7FFFFFFF, 0x7FFFFFFF)), cod(), QCD))
bad("j2k-beyond-31-bits.j2k", stream(siz(0xFFFFFFFF, 4, 0xFFFFFFF0, 0), cod(), QCD))
bad("j2k-too-many-tiles.j2k", stream(siz(1 << 19, 1 << 19, tile=(1, 1)), cod(), QCD))
bad("j2k-tiles-of-nothing.j2k", stream(siz(tile=(0, 32)), cod(), QCD))
bad("j2k-tile-outside.j2k", stream(siz(x=40, tile=(32, 32)), cod(), QCD))
bad("j2k-no-components.j2k", stream(siz(components=()), cod(), QCD))
bad("j2k-components.j2k", stream(siz(components=((7, 1, 1),) * 2000), cod(), QCD))
bad("j2k-density-of-nothing.j2k", stream(siz(components=((7, 0, 1),)), cod(), QCD))
bad("j2k-24-bits.j2k", stream(siz(components=((23, 1, 1),)), cod(), QCD))
bad("j2k-tile-missing.j2k", stream(siz(), cod(), QCD, parts=(part(1), part(2), part(3))))
bad("j2k-part-missing.j2k", stream(siz(**ONE), cod(), QCD, parts=(part(count=2),)))
bad("j2k-parts-out-of-order.j2k", stream(siz(**ONE), cod(), QCD, parts=(part(number=1), part(number=0))))
bad("j2k-part-too-long.j2k", stream(siz(**ONE), cod(), QCD, parts=(part(length=5000),)))
# Headers that ask for more than their few bytes can hold: a precinct and packet for each sample, all the layers there can be.
TOP = dict(width=30000, height=30000, tile=(30000, 30000))
bad("j2k-precincts-of-one-sample.j2k", stream(siz(**TOP), cod(precincts=b"\0"), QCD))
MANY = dict(width=1000, height=1000, tile=(1000, 1000))
bad("j2k-packets-of-one-sample.j2k", stream(siz(**MANY), cod(precincts=b"\0"), QCD))
bad("j2k-all-the-layers.j2k", stream(siz(**ONE), cod(layers=65535), QCD))
bad("j2k-least-code-blocks.j2k", stream(siz(**TOP), cod(block=(0, 0)), QCD))
bad("j2k-code-blocks-too-large.j2k", stream(siz(**ONE), cod(block=(8, 8)), QCD))
bad("j2k-33-levels.j2k", stream(siz(**ONE), cod(levels=33), QCD))
bad("j2k-progression-9.j2k", stream(siz(**ONE), cod(progression=9), QCD))
# Thin precincts, lying in one resolution and standing in another: a walk by position
# would stop at every other pixel of 2^28.
THIN = dict(width=1 << 14, height=1 << 14, tile=(1 << 14, 1 << 14))
CROSSED = cod(levels=1, progression=2, precincts=b"\xf0\x1f")
bad("j2k-crossed-precincts.j2k", stream(siz(**THIN), CROSSED, QCD))
bad("j2k-part-2.j2k", stream(siz(rsiz=0x8000), segment(0xFF77, bytes(4)), cod(), QCD))
bad("j2k-packed-headers.j2k", stream(siz(**ONE), cod(), QCD, segment(0xFF60, bytes(8))))
# Of what follows the headers: lengths that cannot be, the ends of packets missing, a packet less than there should be.
bad("j2k-rubbish.j2k", stream(siz(**ONE), cod(), QCD, parts=(part(packets=b"\xfe" * 40),)))
LAST = J2K.rindex(b"\xff\x90\0\x0a")
LENGTH = struct.unpack(">I", J2K[LAST + 6 : LAST + 10])[0]
SHORT = J2K[LAST : LAST + 6] + struct.pack(">I", LENGTH - 60) + J2K[LAST + 10 : LAST + LENGTH - 60]
bad("j2k-fewer-packets.j2k", J2K[:LAST] + SHORT + b"\xff\xd9")
bad("jp2-mark-alone.jp2", JP2[:12])
bad("jp2-no-stream.jp2", JP2[: JP2.index(b"jp2c") - 4])
bad("jp2-no-description.jp2", JP2.replace(b"jp2h", b"free"))
bad("jp2-box-of-nothing.jp2", JP2.replace(struct.pack(">I", 15) + b"colr", struct.pack(">I", 3) + b"colr"))
bad("jp2-lab.jp2", JP2.replace(b"colr\1\0\0\0\0\0\x11", b"colr\1\0\0\0\0\0\x0e"))
bad("jp2-palette-of-nothing.jp2", INDEXED.replace(b"pclr\0\7\3", b"pclr\0\0\3"))
bad("jp2-palette-unused.jp2", INDEXED.replace(b"cmap", b"free"))
bad("jp2-column-missing.jp2", INDEXED.replace(b"\0\0\1\2", b"\0\0\1\7"))
bad("jp2-component-missing.jp2", INDEXED.replace(b"\0\0\1\2", b"\0\5\1\2"))

for old in HERE.iterdir():
    if old.suffix != ".py" and old.name not in FILES:
        old.unlink()
for name, data in FILES.items():
    (HERE / name).write_bytes(data)
print(len(FILES), "files")
