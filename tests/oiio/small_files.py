"""The smaller formats, by Pillow, imagecodecs, OpenImageIO, and by hand where no library writes them."""

import functools
import struct

import imagecodecs
import numpy as np
from PIL import Image

import oiio_writer
from case import Case
from pictures import bilevel, real, smooth, whole


Scaling = functools.partial(Case, more_levels=True)


def pillow(pixels, mode=None, **options):
    image = Image.fromarray(pixels if pixels.shape[-1] > 1 else pixels[..., 0])
    if mode:
        image = image.convert(mode)
    return lambda path: image.save(path, **options)


def codec(encode, pixels, **options):
    return lambda path: path.write_bytes(encode(pixels, **options))


def gif_as_ours(theirs):
    """OpenImageIO gives every frame an alpha channel, and colours to what cannot be seen."""
    alpha = theirs[..., 3:]
    return theirs[..., :3] if alpha.min() == 255 else np.where(alpha > 0, theirs, 0)


def with_pillow(path):
    """All frames by Pillow, for what OpenImageIO takes for damaged."""
    image = Image.open(path)
    frames = {}
    for number in range(image.n_frames):
        image.seek(number)
        frames[number, 0] = gif_as_ours(np.asarray(image.convert("RGBA")))
    return frames


def radiance():
    bright = (smooth() ** 4 * 30).astype(np.float32)
    noisy = np.abs(real("float32"))
    yield Case("oiio.hdr", oiio_writer.image(bright))
    yield Case("oiio-noise.hdr", oiio_writer.image(noisy))
    yield Case("imagecodecs.hdr", codec(imagecodecs.rgbe_encode, bright, header=True))
    yield Case("imagecodecs-runs.hdr", codec(imagecodecs.rgbe_encode, bright, header=True, rle=True))
    yield Case("narrow.hdr", oiio_writer.image(bright[:, :5].copy()))


def webp():
    for channels in (3, 4):
        rough = whole("uint8", channels=channels)
        soft = (smooth(channels=channels) * 255).astype(np.uint8)
        yield Scaling(f"pillow-lossless-{channels}.webp", pillow(rough, lossless=True, exact=True))
        yield Scaling(f"pillow-lossy-{channels}.webp", pillow(soft, quality=80))
        yield Scaling(f"imagecodecs-lossless-{channels}.webp", codec(imagecodecs.webp_encode, rough, lossless=True))
        yield Scaling(f"imagecodecs-lossy-{channels}.webp", codec(imagecodecs.webp_encode, soft, level=70))
        yield Scaling(f"oiio-{channels}.webp", oiio_writer.image(soft))
    yield Scaling("noise.webp", pillow(whole("uint8"), quality=40))


def gif():
    def frames(path):
        pictures = [Image.fromarray(whole("uint8", seed=seed)).quantize(64) for seed in (1, 2, 3)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50)

    def part_of_the_screen(path):
        """Frames that change a part alone, as animations do, with a transparent colour."""
        first = Image.fromarray(whole("uint8", seed=1)).quantize(32)
        pictures = [first]
        for n in range(3):
            picture = first.copy()
            picture.paste(Image.fromarray(whole("uint8", width=40, height=30, seed=n)).quantize(32), (20 + 30 * n, 40))
            pictures.append(picture)
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50, disposal=1)

    yield Case("grey.gif", pillow(whole("uint8", channels=1)), adapt=gif_as_ours)
    yield Case("palette.gif", lambda path: Image.fromarray(whole("uint8")).quantize(200).save(path), adapt=gif_as_ours)
    yield Case(
        "interlaced.gif",
        lambda path: Image.fromarray(whole("uint8")).quantize(99).save(path, interlace=True),
        adapt=gif_as_ours,
    )
    yield Case(
        "transparent.gif",
        lambda path: Image.fromarray(whole("uint8")).quantize(50).save(path, transparency=7),
        adapt=gif_as_ours,
    )
    yield Case("frames.gif", frames, adapt=gif_as_ours)
    yield Case("partial-frames.gif", part_of_the_screen, expect=with_pillow)
    yield Case("oiio.gif", oiio_writer.image(whole("uint8")))


def bmp():
    # OpenImageIO makes one channel of a grey palette.
    grey = pillow(whole("uint8", channels=1))
    yield Case("grey.bmp", grey, adapt=lambda theirs: np.repeat(theirs, 3, axis=-1))
    yield Case("rgb.bmp", pillow(whole("uint8")))
    # The fourth byte of a pixel means nothing in this version of the header; OpenImageIO takes it for alpha.
    yield Case("rgba.bmp", pillow(whole("uint8", channels=4)), adapt=lambda theirs: theirs[..., :3])
    yield Case("one-bit.bmp", lambda path: Image.fromarray(bilevel().astype(bool)).save(path))
    yield Case("palette.bmp", lambda path: Image.fromarray(whole("uint8")).quantize(100).save(path))
    yield Case("oiio-rgb.bmp", oiio_writer.image(whole("uint8")))
    padded = oiio_writer.image(whole("uint8", channels=4))
    yield Case("oiio-rgba.bmp", padded, adapt=lambda theirs: theirs[..., :3])
    yield Case("imagecodecs.bmp", codec(imagecodecs.bmp_encode, whole("uint8")))


    for name, masks in {"555": None, "565": (0xF800, 0x07E0, 0x001F), "444": (0x0F00, 0x00F0, 0x000F)}.items():
        yield Case(f"by-hand-{name}.bmp", bmp_by_hand(masks))


def bmp_by_hand(masks):
    """16 bits a pixel, rows from the bottom to the top: 5 bits each, or as the masks say."""

    def write(path):
        pixels = np.random.default_rng(1).integers(0, 0x8000 if masks is None else 0x10000, (50, 40), dtype="<u2")
        height, width = pixels.shape
        behind = b"" if masks is None else struct.pack("<3I", *masks)
        start = 14 + 40 + len(behind)
        head = struct.pack("<2sIHHI", b"BM", start + pixels.nbytes, 0, 0, start)
        head += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 16, 3 if masks else 0, pixels.nbytes, 0, 0, 0, 0)
        path.write_bytes(head + behind + pixels[::-1].tobytes())

    return write


def targa_by_hand(bits, attribute_bits):
    """15 and 16 bits a pixel: 5 each, the last one for transparency where the head says so."""

    def write(path):
        pixels = np.random.default_rng(1).integers(0, 0x10000, (50, 40), dtype="<u2")
        height, width = pixels.shape
        head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, bits, 0x20 | attribute_bits)
        path.write_bytes(head + pixels.tobytes())

    return write


def targa():
    for bits, attribute_bits in ((15, 0), (16, 0), (16, 1)):
        yield Case(f"by-hand-{bits}-{attribute_bits}.tga", targa_by_hand(bits, attribute_bits))
    for rle in (False, True):
        suffix = "-runs" if rle else ""
        options = {"compression": "tga_rle"} if rle else {}
        for channels in (1, 3, 4):
            yield Case(f"pillow-{channels}{suffix}.tga", pillow(whole("uint8", channels=channels), **options))
            settings = {"compression": "rle" if rle else "none"}
            yield Case(f"oiio-{channels}{suffix}.tga", oiio_writer.image(whole("uint8", channels=channels), **settings))
        palette = Image.fromarray(whole("uint8")).quantize(100)
        yield Case(f"palette{suffix}.tga", lambda path, image=palette, options=options: image.save(path, **options))
        upright = {"orientation": -1, **options}
        yield Case(f"bottom-up{suffix}.tga", pillow(whole("uint8"), **upright))


def netpbm():
    yield Case("grey.pgm", pillow(whole("uint8", channels=1)))
    yield Case("rgb.ppm", pillow(whole("uint8")))
    yield Case("bits.pbm", lambda path: Image.fromarray(bilevel().astype(bool)).save(path))
    yield Case("grey-16.pgm", lambda path: Image.fromarray(whole("uint16", channels=1)[..., 0]).save(path))
    yield Case("oiio-16.ppm", oiio_writer.image(whole("uint16")))
    yield Case("oiio-text.ppm", oiio_writer.image(whole("uint8"), **{"pnm:binary": 0}))
    yield Case("oiio-text.pgm", oiio_writer.image(whole("uint8", channels=1), **{"pnm:binary": 0}))
    for order in ("<", ">"):
        for channels in (1, 3):
            pixels = real("float32", channels=channels)
            yield Case(f"by-hand-{'little' if order == '<' else 'big'}-{channels}.pfm", portable_float(pixels, order))
    yield Case("oiio.pfm", oiio_writer.image(real("float32")))
    yield Case("scaled.pfm", portable_float(real("float32"), "<", scale=2.5))


def portable_float(pixels, order, scale=1.0):
    """PFM: rows from the bottom to the top, the sign of the scale says the order of bytes."""

    def write(path):
        height, width, channels = pixels.shape
        sign = -scale if order == "<" else scale
        header = f"{'PF' if channels == 3 else 'Pf'}\n{width} {height}\n{sign}\n"
        path.write_bytes(header.encode() + pixels[::-1].astype(f"{order}f4").tobytes())

    return write


def qoi():
    # OpenImageIO does not read it.
    for channels in (3, 4):
        pixels = whole("uint8", channels=channels)
        write = codec(imagecodecs.qoi_encode, pixels)
        yield Case(f"imagecodecs-{channels}.qoi", write, expect=lambda path, pixels=pixels: {(0, 0): pixels})


def cases():
    return [case for part in (radiance, webp, gif, bmp, targa, netpbm, qoi) for case in part()]
