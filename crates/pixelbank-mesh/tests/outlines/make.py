#!/usr/bin/env python3
"""Makes the drawings that the tests read, and what other readers find in them: points on every line, close together.

    pip install ezdxf==1.4.5 svgpathtools==1.8.0 && python3 make.py
"""
import json
import math
import tempfile
from pathlib import Path

import ezdxf
from ezdxf import disassemble, path as paths
from svgpathtools import Document

HERE = Path(__file__).parent


def drawing():
    """A DXF with an entity of each kind that we read, placed in the ways that there are."""
    doc = ezdxf.new('R2010')
    doc.header['$INSUNITS'] = 4
    doc.header['$TDCREATE'] = doc.header['$TDUPDATE'] = 0
    space = doc.modelspace()
    space.add_line((0, 0, 5), (10, 5, 7))
    space.add_lwpolyline([(20, 0, 0.5), (30, 0, 0), (30, 10, -1), (20, 10, 0)], format='xyb', close=True)
    space.add_lwpolyline([(40, 0, 2.5), (45, 0, -0.1), (50, 5, 0)], format='xyb')
    space.add_polyline2d([(60, 0, 0.3), (70, 0, 0), (70, 8, 0)], format='xyb', close=True)
    space.add_polyline3d([(80, 0, 0), (85, 5, 5), (90, 0, 10)])
    space.add_circle((5, 25), 4)
    space.add_arc((20, 25), 5, 300, 80)
    # Seen from below, and from the side.
    space.add_arc((-35, 25), 5, 10, 100, dxfattribs={'extrusion': (0, 0, -1)})
    space.add_circle((3, 50, 25), 5, dxfattribs={'extrusion': (1, 1, 1)})
    space.add_ellipse((60, 25), (6, 3), 0.4, 0.5, 5)
    space.add_ellipse((80, 25), (0, 5), 0.5)
    space.add_open_spline([(0, 45), (5, 55), (10, 40), (15, 55), (20, 45)])
    space.add_rational_spline([(30, 45), (35, 60), (40, 45), (45, 40), (50, 50)], [1, 3, 1, 0.5, 1], degree=3)
    space.add_open_spline([(60, 45), (70, 45), (70, 55), (60, 55), (55, 50)], degree=2)
    part = doc.blocks.new('PART', base_point=(1, 1))
    part.add_circle((1, 1), 1)
    part.add_lwpolyline([(1, 1, 1), (3, 1, 0)], format='xyb')
    whole = doc.blocks.new('WHOLE')
    whole.add_blockref('PART', (0, 0), dxfattribs={'xscale': 2, 'yscale': 1, 'rotation': 30})
    whole.add_line((0, 0), (0, 4))
    space.add_blockref('WHOLE', (10, 70), dxfattribs={'xscale': -1.5, 'yscale': 1.5, 'rotation': 45})
    space.add_blockref('PART', (30, 70), dxfattribs={
        'column_count': 3, 'column_spacing': 8, 'row_count': 2, 'row_spacing': 5, 'rotation': 15})
    space.add_text('no line')
    doc.saveas(HERE / 'shapes.dxf')
    found = []
    for entity in disassemble.recursive_decompose(space):
        if entity.dxftype() != 'TEXT':
            found.append([[p.x, p.y] for p in paths.make_path(entity).flattening(0.004, segments=4)])
    return found


PICTURE = '''<?xml version="1.0"?>
<!-- Every shape, and every command of paths. -->
<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 420 594">
 <g transform="translate(10,20) rotate(10)">
  <line x1="0" y1="0" x2="30" y2="10"/>
  <polyline points="0,20 10,25 20,20 30 25"/>
  <g transform="scale(1.5 -1) skewX(20)"><polygon points="0,-40 10,-45 20,-40"/></g>
  <circle cx="60" cy="20" r="15"/>
  <ellipse cx="110" cy="20" rx="20" ry="8" transform="matrix(1 0.2 -0.3 1 5 6)"/>
  <rect x="150" y="5" width="40" height="20"/>
 </g>
 <path d="M10 150 L 30 150 l 10 10 H 60 h 5 V 140 v-5 Z m 0 20 10 10"/>
 <path d="M10 200 C 20 180 40 180 50 200 S 80 220 90 200 c 10 -30 20 -30 30 0 s 5 5 9 9"/>
 <path d="M10 250 Q 20 230 30 250 T 50 250 t 20 0 q 5 -5 10 20"/>
 <path d="M10 300 A 20 20 0 0 1 50 300 a 30 10 30 1 0 40 10 A 5 5 0 0 0 130 300 a20,15 -20 0,0 30-10 a 20 15 60 1 1 5 5 z"/>
 <defs><path d="M0 0 L 100 100"/></defs>
 <path style="fill:none; display : none" d="M0 0 L 100 100"/>
 <text x="0" y="0">no line</text>
</svg>
'''


def picture():
    """An SVG; what is within each is told by svgpathtools, which draws `defs` and what is not displayed as well."""
    (HERE / 'shapes.svg').write_text(PICTURE)
    seen = PICTURE.replace('<defs><path d="M0 0 L 100 100"/></defs>', '').replace(
        '<path style="fill:none; display : none" d="M0 0 L 100 100"/>', '')
    found = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'seen.svg'
        file.write_text(seen)
        for path in Document(str(file)).paths():
            for part in path.continuous_subpaths():
                points = []
                for segment in part:
                    n = max(1 if type(segment).__name__ == 'Line' else 24, math.ceil(segment.length() * 0.8))
                    points += [segment.point(k / n) for k in range(n + 1)]
                # The second axis runs up for us.
                found.append([[point.real, -point.imag] for point in points])
    return found


def main():
    for name, found in [('dxf', drawing()), ('svg', picture())]:
        lines = [[[round(value, 3) for value in point] for point in line] for line in found]
        (HERE / f'shapes-{name}.json').write_text(json.dumps(lines, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
