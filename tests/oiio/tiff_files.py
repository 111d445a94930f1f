"""TIFF files by tifffile (with imagecodecs), Pillow (with libtiff) and OpenImageIO (with libtiff)."""

import numpy as np
import tifffile
from PIL import Image

import oiio_writer
from case import ONE_UNIT, Case, Refused
from pictures import bilevel, halves, real, signed, smooth, whole

# What OpenImageIO calls colours that are not RGB: as stored, not converted.
RAW = {"oiio:RawColor": 1}
TILED = {"tile": (64, 80)}


def scaled(pixels):
    """Signed numbers as we deliver them: as floats, the highest as 1."""
    return pixels.astype(np.float32) * (np.float32(1) / np.float32(np.iinfo(pixels.dtype).max))


def unread(pixels, name):
    """Whether OpenImageIO 3.2 reads zeros: doubles in tiles."""
    return pixels.dtype == np.float64 and "tiles" in name


def written(pixels):
    """What was written, where OpenImageIO's build cannot read it: it has no zstd."""
    if pixels.dtype.kind == "i":
        pixels = scaled(pixels)
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    return lambda path: {(0, 0): pixels}


def by_tifffile(pixels, **options):
    """One image; a single channel without an axis of its own, separate planes first."""
    options.setdefault("photometric", "minisblack" if pixels.shape[-1] in (1, 2) else "rgb")
    data = pixels
    if pixels.shape[-1] == 1:
        data = pixels[..., 0]
    elif options.get("planarconfig") == "separate":
        data = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return lambda path: tifffile.imwrite(path, data, metadata=None, software=False, **options)


def with_pillow(path):
    return {(0, 0): np.asarray(Image.open(path).convert("RGB"))}


def by_pillow(image, **options):
    return lambda path: image.save(path, "TIFF", **options)


def sample_types():
    every = {name: whole(name) for name in ("uint8", "uint16", "uint32")}
    every |= {name: signed(name) for name in ("int8", "int16", "int32")}
    return every | {name: real(name) for name in ("float16", "float32", "float64")}


def plain():
    """Every sample type, in strips and tiles, in both orders of bytes, as TIFF and BigTIFF."""
    for kind, pixels in sample_types().items():
        for order, order_name in (("<", "little"), (">", "big")):
            for layout, options in {"strips": {"rowsperstrip": 19}, "tiles": TILED}.items():
                big = layout == "tiles"
                name = f"{kind}-{order_name}-{layout}.tif"
                write = by_tifffile(pixels, byteorder=order, bigtiff=big, **options)
                yield Case(name, write, expect=written(pixels) if unread(pixels, name) else None)
    for channels in (1, 2, 4, 5):
        pixels = whole("uint8", channels=channels)
        yield Case(f"channels-{channels}.tif", by_tifffile(pixels, **TILED))
        planar = by_tifffile(pixels, planarconfig="separate", **TILED) if channels > 1 else None
        if planar:
            yield Case(f"channels-{channels}-planar.tif", planar)
    one = whole("uint8", width=1, height=1)
    yield Case("one-pixel.tif", by_tifffile(one))
    yield Case("tile-beyond-image.tif", by_tifffile(whole("uint8", width=7, height=5), tile=(256, 256)))
    yield Case("one-strip.tif", by_tifffile(whole("uint8")))
    yield Case("strips-of-one-row.tif", by_tifffile(whole("uint16"), rowsperstrip=1))


def compressed():
    """Compressions with the predictors that they may have."""
    samples = sample_types()

    def case(name, pixels, write):
        return Case(name, write, expect=written(pixels) if name.startswith("zstd") or unread(pixels, name) else None)

    for compression in ("lzw", "deflate", "zstd", "packbits"):
        for kind in ("uint8", "uint16", "uint32", "int16", "float16", "float32", "float64"):
            predictors = [None] if compression == "packbits" else [None, 3 if kind.startswith("float") else 2]
            for predictor in predictors:
                for layout, options in {"strips": {"rowsperstrip": 32}, "tiles": TILED}.items():
                    name = f"{compression}-{kind}-predictor-{predictor or 1}-{layout}.tif"
                    options = {**options, "compression": compression, "predictor": predictor}
                    # One order of bytes for strips, the other for tiles.
                    options["byteorder"] = "<" if layout == "tiles" else ">"
                    yield case(name, samples[kind], by_tifffile(samples[kind], **options))
        for kind in ("uint8", "uint16", "float32"):
            options = {"compression": compression, "planarconfig": "separate"}
            for layout, shape in {"strips": {"rowsperstrip": 11}, "tiles": TILED}.items():
                write = by_tifffile(samples[kind], **options, **shape)
                yield case(f"{compression}-{kind}-planar-{layout}.tif", samples[kind], write)


def by_libtiff():
    """The same compressions by libtiff, whose streams differ from those of imagecodecs."""
    rgb, deep, floats = whole("uint8"), whole("uint16"), real("float32")
    for compression in ("none", "lzw", "zip", "packbits"):
        for kind, pixels in {"uint8": rgb, "uint16": deep, "float": floats}.items():
            name = f"oiio-{compression}-{kind}.tif"
            yield Case(name, oiio_writer.image(pixels, tile=(64, 64), Compression=compression))
            name = f"oiio-{compression}-{kind}-separate.tif"
            separate = oiio_writer.image(pixels, Compression=compression, planarconfig="separate")
            yield Case(name, separate)
    for bits in (2, 4, 6, 10, 12, 14):
        kind = "uint8" if bits < 8 else "uint16"
        values = whole(kind, channels=1)
        yield Case(f"oiio-{bits}-bits.tif", oiio_writer.image(values, **{"oiio:BitsPerSample": bits}))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
        yield Case(f"pillow-{compression}.tif", by_pillow(Image.fromarray(rgb), compression=compression))
    reverse = by_pillow(Image.fromarray(rgb), compression="tiff_lzw", tiffinfo={266: 2})
    yield Case("pillow-bits-reversed.tif", reverse)


def fax_and_bits():
    bits = bilevel()
    page = Image.fromarray(bits.astype(bool))
    for compression in ("raw", "packbits", "tiff_lzw", "group3", "group4"):
        yield Case(f"bilevel-{compression}.tif", by_pillow(page, compression=compression))
        inverted = by_pillow(page, compression=compression, tiffinfo={262: 0})
        yield Case(f"bilevel-white-is-zero-{compression}.tif", inverted)
    wide = Image.fromarray(bilevel(2480, 300).astype(bool))
    yield Case("fax-page-group3.tif", by_pillow(wide, compression="group3", tiffinfo={262: 0, 278: 64}))
    yield Case("fax-page-group4.tif", by_pillow(wide, compression="group4", tiffinfo={262: 0, 278: 64}))
    yield Case("fax-two-dimensional.tif", by_pillow(wide, compression="group3", tiffinfo={292: 1}))
    yield Case("fax-aligned.tif", by_pillow(wide, compression="group3", tiffinfo={292: 4}))
    yield Case("fax-huffman.tif", by_pillow(page, compression="tiff_ccitt"))
    yield Case("fax-reversed.tif", by_pillow(wide, compression="group4", tiffinfo={266: 2}))
    yield Case("bilevel-tifffile.tif", by_tifffile(bits[..., None].astype(bool)))
    for n_bits in (2, 4, 10, 12, 14):
        kind = "uint8" if n_bits < 8 else "uint16"
        values = whole(kind, bits=n_bits, channels=1)
        yield Case(f"grey-{n_bits}-bits.tif", by_tifffile(values, bitspersample=n_bits))
    yield Case("rgb-12-bits.tif", by_tifffile(whole("uint16", bits=12), bitspersample=12))


def colours():
    """Meanings of samples other than RGB and grey."""
    for kind in ("uint8", "uint16"):
        grey = whole(kind, channels=1)
        write = by_tifffile(grey, photometric="miniswhite", **TILED)
        # OpenImageIO turns 8 bits over, and leaves 16 as they are.
        turned = (lambda theirs: 65535 - theirs) if kind == "uint16" else None
        yield Case(f"white-is-zero-{kind}.tif", write, adapt=turned)
        ink = whole(kind, channels=4)
        yield Case(f"cmyk-{kind}.tif", by_tifffile(ink, photometric="separated"), settings=RAW)
        planar = by_tifffile(ink, photometric="separated", planarconfig="separate", **TILED)
        yield Case(f"cmyk-{kind}-planar.tif", planar, settings=RAW)
        for alpha in ("unassalpha", "assocalpha", "unspecified"):
            rgba = whole(kind, channels=4)
            if alpha == "assocalpha":
                rgba[..., :3] = np.minimum(rgba[..., :3], rgba[..., 3:])
            yield Case(f"{alpha}-{kind}.tif", by_tifffile(rgba, extrasamples=[alpha], compression="deflate"))
    rng = np.random.default_rng(1)
    colormap = rng.integers(0, 65536, (3, 256), dtype=np.uint16)
    indices = whole("uint8", channels=1)
    for layout, options in {"strips": {"rowsperstrip": 8}, "tiles": TILED}.items():
        write = by_tifffile(indices, photometric="palette", colormap=colormap, compression="lzw", **options)
        yield Case(f"palette-{layout}.tif", write)
    few = Image.fromarray(whole("uint8", bits=4, channels=1)[..., 0]).convert("P")
    few.putpalette(rng.integers(0, 256, 48, dtype=np.uint8).tobytes())
    # Pillow writes 16-bit entries that are 256 times those of 8 bits, as libtiff expects; OpenImageIO makes 254 of the
    # 255 there. What was meant is what Pillow reads again.
    yield Case("palette-pillow.tif", by_pillow(few), expect=with_pillow)


def jpeg_inside():
    rgb = (smooth() * 255).round().astype(np.uint8)
    grey = rgb[..., :1]
    inside = {"compression": "jpeg", "compressionargs": {"level": 90}}
    for layout, options in {"strips": {"rowsperstrip": 32}, "tiles": {"tile": (64, 64)}}.items():
        yield Case(f"jpeg-rgb-{layout}.tif", by_tifffile(rgb, **inside, **options), ONE_UNIT)
        for sampling in ((1, 1), (2, 1), (2, 2)):
            write = by_tifffile(rgb, photometric="ycbcr", subsampling=sampling, **inside, **options)
            yield Case(f"jpeg-ycbcr-{sampling[0]}{sampling[1]}-{layout}.tif", write, ONE_UNIT)
    yield Case("jpeg-pillow.tif", by_pillow(Image.fromarray(rgb), compression="jpeg", quality=90), ONE_UNIT)
    yield Case("jpeg-pillow-grey.tif", by_pillow(Image.fromarray(grey[..., 0]), compression="jpeg"), ONE_UNIT)
    yield Case("jpeg-grey-strips.tif", oiio_writer.image(grey, Compression="jpeg:90"), ONE_UNIT)
    yield Case("jpeg-grey-tiles.tif", oiio_writer.image(grey, tile=(64, 64), Compression="jpeg:90"), ONE_UNIT)
    tiles = oiio_writer.image(rgb, tile=(64, 64), Compression="jpeg:90")
    yield Case("jpeg-oiio-tiles.tif", tiles, ONE_UNIT)
    yield Case("jpeg-oiio-strips.tif", oiio_writer.image(rgb, Compression="jpeg:90"), ONE_UNIT)


def pages():
    """Several images in a file, and several resolutions of one."""
    three = [whole("uint8"), whole("uint16", width=70, height=60, channels=1, seed=2), real("float32", seed=3)]

    def write_pages(path):
        with tifffile.TiffWriter(path) as out:
            for pixels in three:
                rgb = pixels.shape[-1] == 3
                out.write(
                    pixels if rgb else pixels[..., 0],
                    photometric="rgb" if rgb else "minisblack",
                    compression="deflate",
                    metadata=None,
                )

    yield Case("pages.tif", write_pages)
    yield Case("pages-oiio.tif", oiio_writer.subimages([(pixels, {}) for pixels in three]))
    pyramid = halves(whole("uint8", width=512, height=300))
    yield Case("levels-oiio.tif", oiio_writer.texture(pyramid[0], (64, 64)))
    deep = whole("uint16", width=300, height=300)
    yield Case("levels-oiio-16.tif", oiio_writer.texture(deep, (64, 64), Compression="lzw"))
    few = pyramid[:4]

    def write_below(path):
        with tifffile.TiffWriter(path, bigtiff=True) as out:
            options = {"photometric": "rgb", "tile": (64, 64), "compression": "zstd", "metadata": None}
            out.write(few[0], subifds=len(few) - 1, **options)
            for level in few[1:]:
                out.write(level, subfiletype=1, **options)

    # OpenImageIO does not look below the pages.
    yield Case("levels-below.tif", write_below, expect=lambda path: {(0, n): level for n, level in enumerate(few)})


def not_read():
    rgb, grey = whole("uint8"), whole("uint8", channels=1)
    kinds = {"lerc": "LERC", "webp": "WebP", "jpeg2000": "JPEG 2000", "jpegxl": "JPEG XL", "lzma": "LZMA"}
    for compression, words in kinds.items():
        write = by_tifffile(rgb, compression=compression)
        yield Refused(f"{compression}.tif", write, f"{words} compression is not supported")
    yield Refused("complex.tif", by_tifffile(grey.astype(np.complex64)), "complex samples is not supported")
    yield Refused("lab.tif", by_tifffile(rgb, photometric="cielab"), "L*a*b* colour is not supported")


def cases():
    parts = (plain, compressed, by_libtiff, fax_and_bits, colours, jpeg_inside, pages, not_read)
    return [case for part in parts for case in part()]
