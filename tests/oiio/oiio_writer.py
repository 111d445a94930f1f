"""Files by OpenImageIO's own writers."""

import numpy as np
import OpenImageIO as oiio

TYPES = {"float16": "half", "float32": "float", "float64": "double"}


def spec_of(pixels, attributes, tile=None, names=None):
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, TYPES.get(str(pixels.dtype), str(pixels.dtype)))
    if names:
        spec.channelnames = names
        spec.alpha_channel = names.index("A") if "A" in names else -1
    if tile:
        spec.tile_width, spec.tile_height = tile
        spec.tile_depth = 1
    for name, value in attributes.items():
        spec.attribute(name, value)
    return spec


def check(done, what):
    if not done:
        raise RuntimeError(f"OpenImageIO cannot {what}: {oiio.geterror()}")


def write_pixels(out, spec, pixels):
    pixels = np.ascontiguousarray(pixels)
    done = (
        out.write_tiles(spec.x, spec.x + spec.width, spec.y, spec.y + spec.height, 0, 1, pixels)
        if (spec.tile_width)
        else out.write_image(pixels)
    )
    if not done:
        raise RuntimeError(f"OpenImageIO cannot write pixels: {out.geterror()}")


def image(pixels, tile=None, names=None, windows=None, **attributes):
    """One image. `windows` are x and y of the pixels, and x, y, width and height of the display window."""

    def write(path):
        spec = spec_of(pixels, attributes, tile, names)
        if windows:
            spec.x, spec.y = windows[0]
            spec.full_x, spec.full_y, spec.full_width, spec.full_height = windows[1]
        out = oiio.ImageOutput.create(str(path))
        check(out and out.open(str(path), spec), f"open {path}")
        write_pixels(out, spec, pixels)
        out.close()

    return write


def levels(pyramid, tile, **attributes):
    """One image with the mip levels of `pyramid`, finest first."""

    def write(path):
        out = oiio.ImageOutput.create(str(path))
        for number, pixels in enumerate(pyramid):
            spec = spec_of(pixels, attributes, tile)
            mode = "Create" if number == 0 else "AppendMIPLevel"
            check(out.open(str(path), spec, mode), f"open {path}, level {number}")
            write_pixels(out, spec, pixels)
        out.close()

    return write


def texture(pixels, tile, **attributes):
    """A mip-mapped texture file, its levels filtered by OpenImageIO."""

    def write(path):
        config = oiio.ImageSpec()
        for name, value in {"maketx:filtername": "box", **attributes}.items():
            config.attribute(name, value)
        config.tile_width, config.tile_height = tile
        height, width, channels = pixels.shape
        source = oiio.ImageBuf(oiio.ImageSpec(width, height, channels, str(pixels.dtype)))
        source.set_pixels(oiio.ROI(), np.ascontiguousarray(pixels))
        check(oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, source, str(path), config), f"make {path}")

    return write


def subimages(parts, tile=None, **attributes):
    """Several images, each with attributes of its own: pairs of pixels and attributes."""

    def write(path):
        specs = [spec_of(pixels, {**attributes, **own}, tile) for pixels, own in parts]
        out = oiio.ImageOutput.create(str(path))
        check(out.open(str(path), specs), f"open {path}")
        for number, (pixels, _) in enumerate(parts):
            if number:
                check(out.open(str(path), specs[number], "AppendSubimage"), f"open {path}, subimage {number}")
            write_pixels(out, specs[number], pixels)
        out.close()

    return write
