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
