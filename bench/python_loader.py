#!/usr/bin/env python3
"""A PyTorch DataLoader over 12-megapixel JPEGs, at 224 pixels: the package beside Pillow and torchvision.

TORCH_PYTHON names an interpreter that has torch, torchvision, Pillow and the wheel: they are too large to be installed unasked.
"""
import json
import os
import subprocess
import sys
import time

N_WORKERS, SIDE, BUDGET_MB = 4, 224, 256


def ours(path):
    import pixelbank
    import torch

    image = pixelbank.open(path)
    scale = SIDE / min(image.shape[:2])
    level = image.at_scale(scale)
    edge = min(level.shape[:2])
    x, y = (level.width - edge) // 2, (level.height - edge) // 2
    square = torch.from_numpy(level.read((x, y, edge, edge), channels=slice(0, 3), dtype='float32')).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(square, (SIDE, SIDE), mode='bilinear', antialias=True)[0]


def by_pillow(path):
    from PIL import Image
    from torchvision.transforms import functional

    with Image.open(path) as image:
        image = image.convert('RGB')
        image = functional.center_crop(image, min(image.size))
        return functional.to_tensor(functional.resize(image, SIDE))


def by_pillow_draft(path):
    from PIL import Image
    from torchvision.transforms import functional

    with Image.open(path) as image:
        image.draft('RGB', (2 * SIDE, 2 * SIDE))
        image = image.convert('RGB')
        image = functional.center_crop(image, min(image.size))
        return functional.to_tensor(functional.resize(image, SIDE))


def by_torchvision(path):
    import torchvision
    from torchvision.transforms import functional

    image = torchvision.io.decode_jpeg(torchvision.io.read_file(path), torchvision.io.ImageReadMode.RGB)
    image = functional.center_crop(image, min(image.shape[1:]))
    return functional.resize(image, SIDE, antialias=True).float() / 255


HOW = {'pixelbank': ours, 'Pillow': by_pillow, 'Pillow, draft': by_pillow_draft, 'torchvision': by_torchvision}


class Pictures:
    def __init__(self, how, paths):
        self.how, self.paths = how, paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        return HOW[self.how](self.paths[number])


def start(_):
    import torch

    torch.set_num_threads(1)
    if 'pixelbank' in sys.argv:
        import pixelbank

        pixelbank.set_default_bank(pixelbank.Bank((BUDGET_MB << 20) // N_WORKERS, threads=1))


def load(how, folder):
    from pathlib import Path

    import torch.utils.data

    from harness import tree_peak_bytes

    paths = sorted(str(path) for path in Path(folder).rglob('*.jp*g'))
    loader = torch.utils.data.DataLoader(Pictures(how, paths), batch_size=20, num_workers=N_WORKERS, worker_init_fn=start)
    began, n, peak, mean = time.perf_counter(), 0, 0, 0.0
    for batch in loader:
        n += len(batch)
        mean += float(batch.mean()) * len(batch)
        peak = max(peak, tree_peak_bytes(os.getpid()))
    print(json.dumps({'images_a_second': n / (time.perf_counter() - began), 'megabytes': peak / 1e6, 'mean': mean / n}))


def main():
    import data
    from harness import alternate, median_spread, save

    python = os.environ.get('TORCH_PYTHON')
    if not python:
        print('python_loader: TORCH_PYTHON names no interpreter with torch; left out')
        return
    folder = data.twelve_megapixels()
    results = alternate(HOW, lambda how: json.loads(subprocess.check_output([python, __file__, how, folder])))
    rows = [
        {
            'loaded by': how,
            'images a second': median_spread([one['images_a_second'] for one in found]),
            'ours / theirs': median_spread([a['images_a_second'] / b['images_a_second'] for a, b in zip(results['pixelbank'], found)]),
            'peak of all processes, MB': median_spread([one['megabytes'] for one in found]),
            'mean sample': median_spread([one['mean'] for one in found]),
        }
        for how, found in results.items()
    ]
    save('python_loader', {'rows': rows, 'notes': [
        f'200 JPEGs of 12 megapixels to {SIDE} × {SIDE} floats, {N_WORKERS} workers, batches of 20; the budget of all workers together is {BUDGET_MB} MiB.'
    ]})


if __name__ == '__main__':
    load(*sys.argv[1:]) if len(sys.argv) == 3 else main()
