"""Photographs for the benchmarks, made by `pixelbank sample` under bench/data the first time they are needed.

A set repeats a few dozen different pictures under many names, by hard links: to the program they are different files,
and making them takes a minute rather than an hour.
"""
import os
import shutil
import subprocess

from harness import DATA, PROGRAM, say


def _make(name, build):
    path = DATA / name
    if not path.exists():
        say(f'making {path.relative_to(DATA.parent.parent)}')
        partial = DATA / (name + '.partial')
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        build(partial)
        partial.rename(path)
    return path


def _sample(folder, *options):
    subprocess.run([PROGRAM, 'sample', folder, *options], check=True, stderr=subprocess.DEVNULL)


def _links(target, source, count, per_folder=100):
    """`count` names in folders of `per_folder`, taking the source's files in turn."""
    files = sorted(path for path in source.rglob('*') if path.is_file())
    for n in range(count):
        original = files[n % len(files)]
        folder = target / f'{n // per_folder:03}'
        folder.mkdir(parents=True, exist_ok=True)
        os.link(original, folder / f'{n:05}-{original.name}')


def mixed():
    """50 pictures of 12 to 48 MP, most of them JPEG, and one of each other format."""
    return _make('mixed', lambda to: _sample(to, '--count', '50', '--megapixels', '12-48'))


def pyramid():
    """A folder with one TIFF of 16,384 × 16,384: JPEG-compressed tiles of 256, with all smaller versions."""
    return _make('pyramid', lambda to: _sample(to, '--count', '1', '--megapixels', '0.1', '--jpeg', '--pyramid', '16384'))


def pyramid_file():
    return next(pyramid().rglob('*16384*.tif'))


def two_hundred():
    """What a budget of 128 MiB is to serve: 200 files of 12 to 48 MP and the pyramid."""

    def build(to):
        _links(to, mixed(), 200)
        os.link(pyramid_file(), to / 'pyramid.tif')

    return _make('two-hundred', build)


def twelve_megapixels():
    """200 JPEG files of 12 MP, 40 of them different."""
    originals = _make('12mp', lambda to: _sample(to, '--count', '40', '--megapixels', '12', '--jpeg'))
    return _make('12mp-200', lambda to: _links(to, originals, 200))


def ten_thousand():
    """10,000 small JPEG files, 40 of them different."""
    originals = _make('1mp', lambda to: _sample(to, '--count', '40', '--megapixels', '1', '--jpeg'))
    return _make('10000', lambda to: _links(to, originals, 10_000))


def texture(compression):
    """A TIFF of 16,384 × 16,384, RGBA, in tiles of 64, one level; `none` or `zip`."""

    def build(to):
        pixels = _waves(16384)
        _write_tiled(to / 'texture.tif', [pixels], compression)

    return _make(f'texture-{compression}', build) / 'texture.tif'


def textures(attributes=False):
    """2,000 TIFF textures of 256 × 256 with nine levels; on request with some fifty attributes and an ICC profile of 3 KB each."""

    def build(to):
        pixels = _waves(256)
        levels = [pixels[:: 1 << level, :: 1 << level] for level in range(9)]
        for n in range(2000):
            _write_tiled(to / f'{n:05}.tif', levels, 'zip', _attributes(n) if attributes else {})

    return _make('textures-attributes' if attributes else 'textures', build)


def many_textures(textures, count=50_000):
    """So many names for the 2,000 textures: different files to every program that goes by names."""
    return _make(f'textures-{count}', lambda to: _links(to, textures, count, per_folder=1000))


def _waves(side):
    """Smooth colour with some noise: neither flat nor without a pattern, so that deflate halves it."""
    import numpy

    noise = numpy.random.default_rng(1)
    across, down = numpy.arange(side, dtype=numpy.float32), numpy.arange(side, dtype=numpy.float32)[:, None]
    pixels = numpy.empty((side, side, 4), numpy.uint8)
    for channel in range(4):
        waves = (numpy.sin(across / (37 + 9 * channel)) + numpy.cos(down / (53 + 7 * channel))) * 50 + 127
        pixels[..., channel] = (waves + noise.normal(0, 2, (side, side)).astype(numpy.float32)).clip(0, 255)
    return pixels


IPTC = """City Sublocation State Country CountryCode Category SuppCategory Headline Source Instructions
    AuthorsPosition Credit CaptionWriter TransmissionReference ObjectName Provider Contact EditStatus ProgramVersion
    OriginatingProgram ReferenceService ContentLocationCode ContentLocationName SubjectReference""".split()
EXIF = """ExposureTime FNumber ApertureValue BrightnessValue ExposureBiasValue MaxApertureValue SubjectDistance FocalLength
    FlashEnergy FocalPlaneXResolution FocalPlaneYResolution ExposureIndex DigitalZoomRatio ShutterSpeedValue""".split()
TAGS = 'Artist Copyright DocumentName HostComputer ImageDescription Make Model Software PageName'.split()


def _attributes(n):
    """Some fifty values as cameras and archives leave them behind; the profile is the same in all files."""
    texts = {name: f'{name} of picture {n}' for name in [*(f'IPTC:{name}' for name in IPTC), *TAGS]}
    numbers = {f'Exif:{name}': 1.0 + n % 7 + place / 16 for place, name in enumerate(EXIF)}
    return {**texts, **numbers, 'ICCProfile': bytes(range(256)) * 12}


def _write_tiled(path, levels, compression, attributes=None):
    import numpy
    import OpenImageIO

    output = OpenImageIO.ImageOutput.create(str(path))
    for number, pixels in enumerate(levels):
        height, width, channels = pixels.shape
        spec = OpenImageIO.ImageSpec(width, height, channels, 'uint8')
        spec.tile_width = spec.tile_height = 64
        spec.attribute('compression', compression)
        # Without it, smaller versions are further images rather than levels.
        spec.attribute('textureformat', 'Plain Texture')
        for name, value in (attributes or {}).items() if number == 0 else []:
            if isinstance(value, bytes):
                spec.attribute(name, OpenImageIO.TypeDesc(f'uint8[{len(value)}]'), numpy.frombuffer(value, numpy.uint8))
            else:
                spec.attribute(name, value)
        if not output.open(str(path), spec, 'Create' if number == 0 else 'AppendSubimage'):
            raise SystemExit(f'{path}: {output.geterror()}')
        output.write_image(numpy.ascontiguousarray(pixels))
    output.close()
