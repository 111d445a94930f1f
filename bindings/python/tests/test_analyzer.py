"""Where memory is: the walk over Python's objects, reports, snapshots, growth, holders."""

import gc
import json
import subprocess
import sys

import numpy as np
import pixelbank
import pytest
from pixelbank import analyzer


class Face:
    def __init__(self, n):
        self.a, self.b, self.c = n, n + 1, n + 2


class Slotted:
    __slots__ = ("a", "b", "c")

    def __init__(self, n):
        self.a, self.b, self.c = n, n + 1, n + 2


def name(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


def test_objects_are_counted_exactly():
    kept = [Face(n) for n in range(5000)], [Slotted(n) for n in range(3000)]
    heap = analyzer.heap()
    assert heap[name(Face)].count == 5000
    assert heap[name(Slotted)].count == 3000
    del kept
    assert name(Face) not in [row.name for row in analyzer.heap().rows]


def test_sizes_are_those_that_python_says():
    kept = [Slotted(n) for n in range(1000)]
    heap = analyzer.heap()
    assert heap[name(Slotted)].bytes == 1000 * sys.getsizeof(kept[0])
    strings = [f"some text {n:06}" for n in range(50_000)]
    grown = analyzer.diff(before := analyzer.snapshot(), analyzer.snapshot())["str"]
    assert abs(grown[0]) < 1000
    del strings
    count, size = analyzer.diff(before, analyzer.snapshot())["str"]
    assert count == pytest.approx(-50_000, abs=1000)
    assert size == pytest.approx(-50_000 * sys.getsizeof("some text 000000"), rel=0.05)


def test_atoms_are_seen_wherever_they_hide():
    kept = {"floats": tuple(n + 0.5 for n in range(7000))}
    before = analyzer.heap()["float"].count
    assert before >= 7000
    del kept
    gc.collect()
    assert before - analyzer.heap()["float"].count >= 7000


def test_looking_makes_no_dicts():
    faces = [Face(n) for n in range(20_000)]
    size = sys.getsizeof(faces[0])
    before = analyzer.heap()
    after = analyzer.heap()
    assert after["dict"].count - before["dict"].count < 100
    assert after[name(Face)].bytes == before[name(Face)].bytes
    assert sys.getsizeof(faces[0]) == size
    # Three attributes, in an array beside or behind each.
    assert before[name(Face)].average >= size + 3 * 8


def test_advice_is_given_where_it_pays():
    kept = [Face(n) for n in range(5000)], [Slotted(n) for n in range(5000)]
    heap = analyzer.heap()
    assert "__slots__ would save" in heap[name(Face)].advice
    assert "each of the 3 attributes" in heap[name(Face)].advice
    assert heap[name(Slotted)].advice == ""
    assert name(Face) in str(heap)
    assert "<table>" in heap._repr_html_()
    assert heap.by_module()["test_analyzer"] >= heap[name(Face)].bytes
    assert heap.to_dataframe()["bytes"].sum() == heap.bytes
    del kept


def test_a_class_with_its_own_sizeof_is_not_asked():
    class Odd:
        def __sizeof__(self):
            raise RuntimeError("must not be called")

    kept = [Odd() for _ in range(10)]
    assert analyzer.heap()[name(Odd)].count == len(kept)


def test_a_report_has_both_worlds(bank, png):
    kept = bank.read(png)
    report = analyzer.report(bank)
    figures = report.to_dict()
    tensors = [row for row in figures["banks"][0]["types"] if row["type"] == "tensor"]
    assert tensors[0]["live_bytes"] >= kept.nbytes
    assert figures["heap"]["count"] > 10_000
    assert figures["allocators"]["arenas"] >= figures["allocators"]["used"] > 0
    assert sum(row["used"] * row["block_bytes"] for row in figures["allocators"]["classes"]) == figures["allocators"]["used"]
    assert 0 < report.unclassified_bytes < report.resident_bytes
    text = str(report)
    for part in ["pool/tensor", "other types", "file backed", "unclassified", "average", "wasted"]:
        assert part in text
    rows = report.rows()
    assert sum(row["bytes"] for row in rows if row["owner"] == "Python") == figures["heap"]["bytes"]
    assert len(report.to_dataframe()) == len(rows) == len(report.to_csv().splitlines()) - 1
    json.dumps(figures)


def test_rows_are_sorted_by_any_column():
    heap = analyzer.heap()
    for by in ("count", "bytes", "average"):
        figures = [getattr(row, by) for row in heap.sorted(by).rows]
        assert figures == sorted(figures, reverse=True)
    names = [row.name for row in heap.sorted("name").rows]
    assert names == sorted(names)
    with pytest.raises(ValueError, match="by: 'age'"):
        heap.sorted("age")
    assert heap.to_csv().splitlines()[0] == "name,count,bytes,advice"


def test_what_is_released_is_told_step_by_step(bank):
    tensor = pixelbank.Tensor((32 << 20,), "uint8", bank=bank)
    np.from_dlpack(tensor)[:] = 1
    del tensor
    cycle = [bytearray(b"x" * (24 << 20))]
    cycle.append(cycle)
    del cycle
    released = analyzer.release(bank)
    assert released.collected >= 23 << 20
    assert released.trimmed >= 31 << 20
    assert released.bytes == released.collected + released.trimmed + released.returned
    assert analyzer.release(bank).trimmed < 1 << 20


def test_allocators_say_what_pins_their_memory():
    text = str(analyzer.allocator())
    assert "Python's small objects" in text
    assert "C library" in text
    kept = [(float(n), str(n)) for n in range(400_000)]
    # Every hundredth stays, and with it all arenas.
    kept = kept[::100]
    assert any("lie free between small objects" in advice for advice in analyzer.allocator().advice)
    del kept


def test_snapshots_are_kept_and_compared(bank, png):
    before = analyzer.snapshot(bank)
    kept = [Face(n) for n in range(100)], bank.read(png)
    after = analyzer.Snapshot.from_json(analyzer.snapshot(bank).to_json())
    diff = analyzer.diff(before, after)
    assert diff[name(Face)][0] == 100
    assert diff["pool/tensor of python"][1] >= kept[1].nbytes
    assert name(Face) in str(diff)
    assert analyzer.diff(after, after).rows == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"form": 2, "time_s": 1, "types": {}}', '{"form": 1, "time_s": 1, "types": {"a": 5}}']
)
def test_what_is_no_snapshot_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        analyzer.Snapshot.from_json(text)


def test_growth_is_found_in_tests():
    leaked = []
    with pytest.raises(AssertionError, match=r"Face: \+50 objects"):
        with analyzer.assert_no_growth(types="Face"):
            leaked += [Face(n) for n in range(50)]
    with analyzer.assert_no_growth(types="Face"):
        [Face(n) for n in range(50)]
    with analyzer.assert_no_growth(allowed_bytes=10_000):
        pass


class Held(Slotted):
    __slots__ = ()


MODULE_LEVEL = {"deep": [Held(1)]}


def test_holders_are_named():
    kept = MODULE_LEVEL["deep"][0]
    paths = analyzer.holders(kept)
    assert any(path.startswith("test_analyzer.MODULE_LEVEL") and "deep" in path and "[0]" in path for path in paths), paths
    del kept


def test_the_worked_example_of_the_guide():
    """The classes of a modeller that holds faces as objects: found, changed, and smaller."""
    code = """
from pixelbank import analyzer
import numpy

class Point:
    def __init__(self, x, y, z): self.x, self.y, self.z = x, y, z
class Triangle:
    def __init__(self, n):
        self.points = [Point(n + k, n + k + 0.5, n * k + 0.25) for k in range(3)]
model = [Triangle(n) for n in range(5000)]
before = analyzer.heap()
assert [row.name for row in before.rows[:5] if row.name == "__main__.Point"], before
model = numpy.array([[[p.x, p.y, p.z] for p in t.points] for t in model], "float32")
print(before.bytes - analyzer.heap().bytes, model.nbytes)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    saved, left = map(int, ran.stdout.split())
    assert saved > 10 * left
