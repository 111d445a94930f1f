"""One file of the test set, and what its pixels are compared with."""

import dataclasses
import typing

import numpy as np
import OpenImageIO as oiio

# The sample type in which we deliver what OpenImageIO calls so. Whole numbers with a sign, and double precision, come
# as floats, as they do from OpenImageIO's own cache.
DELIVERED = {
    "uint8": "uint8",
    "uint16": "uint16",
    "uint": "uint32",
    "half": "float16",
    "float": "float32",
    "double": "float32",
    "int8": "float32",
    "int16": "float32",
    "int": "float32",
}


class Exact:
    """Every sample is the same; two that are not a number are the same, too."""

    def problem(self, ours, theirs):
        if np.array_equal(ours, theirs, equal_nan=theirs.dtype.kind == "f"):
            return None
        differing = (ours != theirs).any(-1)
        y, x = np.argwhere(differing)[0] if differing.any() else (0, 0)
        return (
            f"{differing.sum()} of {differing.size} pixels differ, the first at {x}, {y}: "
            f"{ours[y, x].tolist()} instead of {theirs[y, x].tolist()}"
        )


@dataclasses.dataclass
class Within:
    """Samples differ by at most so much, absolutely or as a share of the value."""

    units: float = 0
    share: float = 0

    def problem(self, ours, theirs):
        wide = np.float64
        differing = np.abs(ours.astype(wide) - theirs.astype(wide)) - self.share * np.abs(theirs.astype(wide))
        worst = differing.max()
        if not worst <= self.units:
            y, x, _ = np.unravel_index(np.argmax(differing), differing.shape)
            return f"off by {worst:g} at {x}, {y}: {ours[y, x].tolist()} instead of {theirs[y, x].tolist()}"
        return None


EXACT = Exact()
ONE_UNIT = Within(units=1)
# Two roundings of a half's 11 bits.
HALF_PRECISION = Within(units=2**-14, share=2**-10)


@dataclasses.dataclass
class Case:
    """A file that both must read alike."""

    name: str
    # Called with the path to write.
    write: typing.Callable
    compare: typing.Any = EXACT
    # Other settings of OpenImageIO's reader than those below.
    settings: dict = dataclasses.field(default_factory=dict)
    # The pixels by (subimage, level), instead of OpenImageIO's; given the path. For what it does not read.
    expect: typing.Callable | None = None
    # Turns OpenImageIO's pixels into what we say that they are, where both are right.
    adapt: typing.Callable | None = None
    # Levels that we offer behind those that the file has: JPEG decoded to a half, a quarter and an eighth.
    more_levels: bool = False


@dataclasses.dataclass
class Refused:
    """A file that we say we cannot read, in these words."""

    name: str
    write: typing.Callable
    words: str


# Alpha as it is stored: OpenImageIO would multiply the colours of PNG, TIFF and others by it.
SETTINGS = {"oiio:UnassociatedAlpha": 1}


def read_with_oiio(path, settings):
    """Every subimage and level as OpenImageIO reads them, in the sample type in which we deliver them."""
    config = oiio.ImageSpec()
    for name, value in {**SETTINGS, **settings}.items():
        config.attribute(name, value)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        raise RuntimeError(f"OpenImageIO cannot open it: {oiio.geterror()}")
    pixels = {}
    subimage = 0
    while image.seek_subimage(subimage, 0):
        level = 0
        while image.seek_subimage(subimage, level):
            spec = image.spec()
            formats = [str(one) for one in spec.channelformats]
            if len(set(formats)) > 1:
                # As one type, OpenImageIO would make whole numbers a share of the greatest; they are identifiers.
                read = [
                    read_channels(image, subimage, level, n, n + 1, DELIVERED[one]).astype("float32")
                    for n, one in enumerate(formats)
                ]
                pixels[subimage, level] = np.concatenate(read, -1)
            else:
                delivered = DELIVERED[formats[0] if formats else str(spec.format)]
                pixels[subimage, level] = read_channels(image, subimage, level, 0, spec.nchannels, delivered)
            level += 1
        subimage += 1
    image.close()
    return pixels


def read_channels(image, subimage, level, first, end, dtype):
    spec = image.spec(subimage, level)
    read = image.read_image(subimage, level, first, end, oiio.TypeDesc(oiio_name(dtype)))
    if read is None:
        raise RuntimeError(f"OpenImageIO cannot read subimage {subimage}, level {level}: {image.geterror()}")
    return np.asarray(read).reshape(spec.height, spec.width, end - first)


def oiio_name(dtype):
    return {"float16": "half", "float32": "float", "uint32": "uint"}.get(dtype, dtype)
