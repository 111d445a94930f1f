"""3D models: loaded into flat arrays, on the books, and what is wrong with files."""

import gc
import struct

import numpy as np
import pixelbank
import pytest

CORNERS = np.array([[x, y, z] for x in (0, 2) for y in (0, 3) for z in (0, 4)], "float32")
# Two triangles a side, counter-clockwise from outside.
FACES = [
    (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
    (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
]  # fmt: skip


def stl(faces=FACES, corners=CORNERS):
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *corners[list(face)].ravel(), 0) for face in faces)
    return bytes(80) + struct.pack("<I", len(faces)) + body


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "box.stl"
    path.write_bytes(stl())
    return path


def test_a_model_is_two_arrays(bank, box):
    mesh = bank.load_mesh(box)
    assert (mesh.n_faces, mesh.n_vertices) == (12, 8)
    assert (mesh.vertices.shape, mesh.vertices.dtype) == ((8, 3), np.float32)
    assert (mesh.faces.shape, mesh.faces.dtype) == ((12, 3), np.uint16)
    found = {tuple(map(tuple, triangle)) for triangle in mesh.vertices[mesh.faces].tolist()}

    def turned(triangle):
        return {tuple(np.roll(triangle, n, axis=0).ravel()) for n in range(3)}

    wanted = [turned(CORNERS[list(face)]) for face in FACES]
    assert all(any(tuple(np.ravel(triangle)) in one for one in wanted) for triangle in found)
    assert len(found) == 12
    assert mesh.bounds == ((0, 0, 0), (2, 3, 4))
    assert mesh.volume == pytest.approx(24)
    assert mesh.area == pytest.approx(2 * (6 + 8 + 12))
    assert mesh.is_watertight
    assert mesh.report["format"].lower().startswith("stl")
    assert "12 faces" in repr(mesh)


def test_views_are_not_copied_and_keep_the_model(bank, box):
    mesh = bank.load_mesh(box)
    vertices, faces = mesh.vertices, mesh.faces
    assert vertices.base is mesh
    assert not vertices.flags.writeable
    assert bank.ledger().account("meshes") == mesh.nbytes
    del mesh, faces
    gc.collect()
    assert bank.ledger().account("meshes") > 0
    assert vertices.max() == 4
    del vertices
    gc.collect()
    assert bank.ledger().account("meshes") == 0


def test_outlines_at_a_height(bank, box):
    ((line, is_closed),) = bank.load_mesh(box).slice(1.5)
    assert is_closed
    x, y = line[:, 0], line[:, 1]
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2 == pytest.approx(6)
    assert bank.load_mesh(box).slice(99.0) == []
    with pytest.raises(pixelbank.ArgumentError, match="height"):
        bank.load_mesh(box).slice(float("nan"))


@pytest.mark.parametrize("ending", ["stl", "ply", "glb"])
def test_what_is_saved_is_read_again(bank, box, tmp_path, ending):
    path = tmp_path / f"again.{ending}"
    bank.load_mesh(box).save(path)
    again = pixelbank.load_mesh(path)
    assert (again.n_faces, again.n_vertices, again.volume) == (12, 8, pytest.approx(24))


def test_wrong_files_and_arguments_are_named(bank, box, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        bank.load_mesh(tmp_path / "nothing.stl")
    wrong = tmp_path / "wrong.stl"
    wrong.write_bytes(b"no model")
    with pytest.raises(pixelbank.FileError, match="wrong.stl"):
        bank.load_mesh(wrong)
    for merge in [-1.0, 0.0, float("inf"), float("nan")]:
        with pytest.raises(pixelbank.ArgumentError, match="merge"):
            bank.load_mesh(box, merge=merge)
    with pytest.raises(pixelbank.ArgumentError):
        bank.load_mesh(box).save(tmp_path / "box.txt")
    lying = bytearray(stl())
    lying[80:84] = struct.pack("<I", 4_000_000_000)
    wrong.write_bytes(lying)
    assert bank.load_mesh(wrong).report["is_truncated"]


def test_a_model_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "large.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n" + "f 1 2 3\n" * 200_000)
    with pixelbank.Bank("1M") as bank:
        with pytest.raises(pixelbank.BudgetError, match="large.obj|meshes"):
            bank.load_mesh(path)
        assert bank.ledger().account("meshes") == 0
