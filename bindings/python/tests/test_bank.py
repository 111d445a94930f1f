"""The budget: limits, the ledger, closing, configuration, waiting."""

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pixelbank
import pytest


def test_limits_are_bytes_or_text(bank):
    assert bank.limit_bytes == 64 << 20
    bank.limit_bytes = "32M"
    assert bank.limit_bytes == 32 << 20
    bank.limit_bytes = 1 << 25
    assert bank.ledger().host.limit_bytes == 1 << 25
    for wrong in ["many", "-5M", -1, 1 << 70]:
        with pytest.raises(pixelbank.ArgumentError, match="limit_bytes"):
            bank.limit_bytes = wrong
    with pytest.raises(TypeError):
        bank.limit_bytes = 1.5


def test_accounts_have_floors_and_ceilings(png):
    with pixelbank.Bank("64M", accounts={"tiles": ("1M", "2M"), "pool": "8M"}) as bank:
        rows = {row["account"]: row for row in bank.ledger().to_dict()["accounts"]}
        assert (rows["tiles"]["floor_bytes"], rows["tiles"]["ceiling_bytes"]) == (1 << 20, 2 << 20)
        assert rows["pool"]["ceiling_bytes"] == 8 << 20
    with pytest.raises(pixelbank.ArgumentError, match="accounts: 'tilez' is none of descriptors, tiles"):
        pixelbank.Bank("64M", accounts={"tilez": "1M"})
    with pytest.raises(pixelbank.ArgumentError, match="ceiling"):
        pixelbank.Bank("64M", accounts={"tiles": ("2M", "1M")})


def test_the_ledger_is_a_table(bank, png):
    bank.read(png)
    ledger = bank.ledger()
    text = str(ledger)
    assert text.splitlines()[0].startswith(ledger.host.live)
    assert any(line.split()[:3] == ["tiles", "tile", "python"] for line in text.splitlines())
    assert "<table>" in ledger._repr_html_()
    assert ledger.to_dict()["host"]["limit_bytes"] == 64 << 20
    assert ledger.host.live_bytes <= ledger.resident_bytes
    frame = ledger.to_dataframe()
    assert frame.loc[frame.type == "tile", "live_bytes"].sum() == ledger.account("tiles")
    with pytest.raises(KeyError):
        ledger.account("nothing")


def test_growth_waste_and_what_came_since_a_mark_are_told(bank):
    def row():
        return next(row for row in bank.ledger().to_dict()["types"] if row["type"] == "tensor")

    tensor = pixelbank.Tensor((100,), "uint8", bank=bank)
    assert row()["since_mark"] is None
    assert "since mark" not in str(bank.ledger())
    bank.sample()
    assert bank.mark() == 1
    other = pixelbank.Tensor((300, 300), "uint8", bank=bank)
    assert row()["since_mark"] == {"generation": 1, "count": 1, "live_bytes": row()["live_bytes"] - 4096}
    assert "since mark" in str(bank.ledger())
    assert bank.ledger().to_csv().startswith("account,type,owner,resource,count,live_bytes")
    del tensor, other


def test_what_happened_is_listed(bank):
    with pytest.raises(pixelbank.BudgetError):
        pixelbank.Tensor((1 << 30,), "uint8", bank=bank)
    bank.trim()
    bank.mark()
    events = bank.events()
    assert [event["kind"] for event in events][-2:] == ["trimmed", "marked"]
    refused = next(event for event in events if event["kind"] == "refused")
    assert refused["account"] == "pool"
    assert refused["amount"] >= 1 << 30


def test_pressure_is_told_where_it_is_watched(bank):
    assert bank.pressure is None
    with pixelbank.Bank("1M", watch_pressure=True) as watching:
        assert watching.pressure in ("none", "moderate", "high", "critical")


def ask(path, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(request + b"\n")
        return json.loads(b"".join(iter(lambda: client.recv(65536), b"")))


def test_other_processes_can_look_at_it_until_it_is_closed(tmp_path, monkeypatch, png):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pixelbank.Bank("8M") as bank, pixelbank.Bank("4M", publish=False):
        (path,) = (tmp_path / "pixelbank").iterdir()
        assert path.name.startswith(f"{os.getpid()}-")
        kept = bank.read(png)
        view = ask(path, b"view")
        assert view["host"]["limit_bytes"] == 8 << 20
        assert sum(row["live_bytes"] for row in view["types"]) >= kept.nbytes
        assert ask(path, b"mark")["generation"] == 1
    assert not path.exists()


def test_what_cannot_fit_is_refused_with_the_figures(bank):
    bank.add("large", np.broadcast_to(np.uint8(5), (20_000, 20_000, 3)))
    with pytest.raises(pixelbank.BudgetError, match="1.1 GiB .* wanted for pool") as caught:
        bank.read("large")
    assert isinstance(caught.value, MemoryError)
    assert bank.read("large", (0, 0, 100, 100)).shape == (100, 100, 3)


def test_what_is_in_use_is_named_where_nothing_fits(bank):
    bank.add("large", np.broadcast_to(np.uint8(5), (4000, 4000, 3)))
    kept = bank.read("large")
    with pytest.raises((pixelbank.BudgetError, pixelbank.WaitError), match="pool/tensor"):
        bank.read("large", timeout=0.01)
    del kept
    assert bank.read("large").shape == (4000, 4000, 3)


def test_trim_gives_back_what_is_idle(bank, gradient):
    # Not a PNG: a pass over one may still be putting coarser tiles away.
    bank.add("gradient", gradient)
    bank.read("gradient")
    assert bank.trim() > 0
    assert bank.ledger().account("tiles") == 0
    for wrong in [-0.1, 1.1, float("nan")]:
        with pytest.raises(pixelbank.ArgumentError, match="fraction"):
            bank.trim(wrong)


def test_a_closed_bank_refuses_and_what_is_in_use_stays(png, gradient):
    with pixelbank.Bank("64M") as bank:
        array, tile, image = bank.read(png), bank.tile(png, 0, 0), bank.open(png)
    for call in [lambda: bank.read(png), lambda: bank.open(png), lambda: image[0], lambda: bank.stats()]:
        with pytest.raises(pixelbank.ClosedError):
            call()
    assert np.array_equal(array, gradient)
    assert np.asarray(tile)[5, 6].tolist() == gradient[5, 6].tolist()
    # Only what is in use is left on the books.
    held = {row["type"] for row in bank.ledger().to_dict()["types"] if row["live_bytes"] and row["account"] in ("tiles", "pool")}
    assert held == {"tile", "tensor"}
    bank.close()


def test_a_bank_goes_with_its_last_user(png):
    bank = pixelbank.Bank("64M")
    image = bank.open(png)
    image[0]
    del bank
    gc.collect()
    assert image[0].shape == (300, 3)


def test_two_banks_do_not_see_each_other(bank, png):
    with pixelbank.Bank("8M") as other:
        bank.read(png)
        assert other.stats()["misses"] == 0
        assert other.ledger().host.live_bytes == 0


def test_a_cancelled_read_ends(bank):
    begun, go_on = threading.Event(), threading.Event()

    class Stuck:
        width, height, channels = 64, 64, 3

        def read(self, x, y, width, height, level):
            begun.set()
            assert go_on.wait(30)
            return np.zeros((height, width, 3), "uint8")

    bank.add("stuck", Stuck())
    cancel = pixelbank.Cancel()
    failed = []

    def read():
        try:
            bank.read("stuck", cancel=cancel)
        except pixelbank.WaitError as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(30)
    assert not cancel.cancelled
    cancel.cancel()
    thread.join(30)
    assert len(failed) == 1
    go_on.set()


def test_coroutines_read(bank, png, gradient):
    async def read():
        whole, part = await asyncio.gather(bank.aread(png), pixelbank.aread(png, (5, 6, 7, 8)))
        return whole, part

    whole, part = asyncio.run(read())
    assert np.array_equal(whole, gradient)
    assert np.array_equal(part, gradient[6:14, 5:12])


def test_a_cancelled_task_ends_its_read(bank):
    begun, go_on = threading.Event(), threading.Event()

    class Stuck:
        width, height, channels = 64, 64, 3

        def read(self, x, y, width, height, level):
            begun.set()
            assert go_on.wait(30)
            return np.zeros((height, width, 3), "uint8")

    bank.add("stuck", Stuck())

    async def read():
        task = asyncio.create_task(bank.aread("stuck"))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(read())
    go_on.set()


def test_threads_read_at_once(bank, png, gradient):
    wrong = []

    def read(seed):
        random = np.random.default_rng(seed)
        for _ in range(200):
            x, y = random.integers(0, 250), random.integers(0, 150)
            if not np.array_equal(bank.read(png, (x, y, 50, 50)), gradient[y : y + 50, x : x + 50]):
                wrong.append((x, y))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def run(code, **variables):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, timeout=120
    )


def test_settings_come_from_the_environment():
    code = "import pixelbank; print(pixelbank.default_bank().limit_bytes)"
    assert run(code, PIXELBANK_MEMORY="123M").stdout.strip() == str(123 << 20)
    bad = run(code, PIXELBANK_MEMORY="lots")
    assert bad.returncode == 1
    assert "PIXELBANK_MEMORY" in bad.stderr
    assert "ArgumentError" in bad.stderr


def test_what_happens_unasked_is_logged(png, caplog):
    caplog.set_level("INFO", "pixelbank")
    pixelbank.set_default_bank(None)
    pixelbank.spec(png)
    pixelbank.spec(png)
    assert [record.name for record in caplog.records] == ["pixelbank"]
    assert "default bank" in caplog.text


def test_importing_loads_nothing_large():
    code = "import sys, pixelbank; print([m for m in ('numpy', 'asyncio', 'PIL', 'pandas', 'logging') if m in sys.modules])"
    assert run(code).stdout.strip() == "[]"
