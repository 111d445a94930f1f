"""JPEG files by Pillow, imagecodecs and OpenImageIO, each with a build of libjpeg-turbo of its own."""

import imagecodecs
from PIL import Image

import oiio_writer
from case import ONE_UNIT, Case, Refused
from pictures import smooth, whole


def picture(channels=3, **options):
    return (smooth(channels=channels, **options) * 255).round().astype("uint8")


def pillow(pixels, mode=None, **options):
    def write(path):
        image = Image.fromarray(pixels if pixels.shape[-1] > 1 else pixels[..., 0])
        if mode and image.mode != mode:
            image = Image.frombytes(mode, image.size, pixels.tobytes())
        image.save(path, "JPEG", **options)

    return write


def codec(encode, pixels, **options):
    return lambda path: path.write_bytes(encode(pixels, **options))


def cases():
    rgb, grey, ink = picture(), picture(1), picture(4)
    turbo = imagecodecs.jpeg8_encode
    writers = {
        "grey.jpg": pillow(grey, quality=90),
        "444.jpg": pillow(rgb, quality=95, subsampling=0),
        "422.jpg": pillow(rgb, quality=90, subsampling=1),
        "420.jpg": pillow(rgb, quality=85, subsampling=2),
        "low-quality.jpg": pillow(rgb, quality=20),
        "progressive-444.jpg": pillow(rgb, quality=95, subsampling=0, progressive=True),
        "progressive-420.jpg": pillow(rgb, quality=80, progressive=True),
        "progressive-grey.jpg": pillow(grey, quality=80, progressive=True),
        "restart-rows.jpg": pillow(rgb, quality=85, restart_marker_rows=1),
        "restart-blocks.jpg": pillow(rgb, quality=85, subsampling=0, restart_marker_blocks=3),
        "restart-progressive.jpg": pillow(rgb, quality=85, progressive=True, restart_marker_rows=2),
        "optimised.jpg": pillow(rgb, quality=85, optimize=True),
        "rgb-stored.jpg": pillow(rgb, quality=90, keep_rgb=True),
        "noise.jpg": pillow(whole("uint8"), quality=75),
        "one-pixel.jpg": pillow(rgb[:1, :1], quality=90),
        "one-column.jpg": pillow(rgb[:, :1].copy(), quality=90),
        "one-row.jpg": pillow(rgb[:1].copy(), quality=90),
        "cmyk.jpg": pillow(ink, "CMYK", quality=90),
        "cmyk-420.jpg": codec(turbo, ink, level=90, colorspace="CMYK", outcolorspace="CMYK", subsampling="420"),
        "ycck.jpg": codec(turbo, ink, level=90, colorspace="CMYK", outcolorspace="YCCK"),
        "ycck-444.jpg": codec(turbo, ink, level=90, colorspace="CMYK", outcolorspace="YCCK", subsampling="444"),
        "turbo-440.jpg": codec(turbo, rgb, level=90, subsampling="440"),
        "turbo-411.jpg": codec(turbo, rgb, level=90, subsampling="411"),
        "turbo-422.jpg": codec(turbo, rgb, level=90, subsampling="422"),
        "oiio.jpg": oiio_writer.image(rgb, Compression="jpeg:90"),
        "oiio-422.jpg": oiio_writer.image(rgb, **{"jpeg:subsampling": "4:2:2"}),
        "oiio-progressive.jpg": oiio_writer.image(rgb, **{"jpeg:progressive": 1}),
    }
    compared = [Case(name, write, ONE_UNIT, more_levels=True) for name, write in writers.items()]
    lossless = codec(turbo, rgb, lossless=True)
    twelve = codec(turbo, whole("uint16", bits=12), level=90, bitspersample=12)
    return compared + [
        Refused("lossless.jpg", lossless, "not supported"),
        Refused("twelve-bits.jpg", twelve, "not supported"),
    ]
