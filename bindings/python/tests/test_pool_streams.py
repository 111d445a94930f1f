"""Work on streams."""

import gc
import threading
import weakref

import pytest
from pixelbank import Bank, Stream, errors


def test_jobs_run_in_turn_on_another_thread(bank: Bank) -> None:
    stream, said = bank.stream(), []
    for i in range(20):
        stream.submit(lambda i=i: said.append((i, threading.get_ident())))
    stream.synchronize()
    assert [i for i, _ in said] == list(range(20))
    assert len({thread for _, thread in said} - {threading.get_ident()}) == 1
    assert stream.is_done()
    assert repr(stream) == "<Stream on cpu, done>"
    assert stream.raw == 0


def test_a_tensor_stays_in_use_until_its_job_has_finished(bank: Bank) -> None:
    go, stream = threading.Event(), bank.stream()
    tensor = bank.tensor((1 << 16,), "uint8")
    address = tensor.address
    stream.submit(go.wait, tensor)
    assert not stream.is_done()
    del tensor
    assert bank.pool.idle_bytes == 0
    other = bank.tensor((1 << 16,), "uint8")
    assert other.address != address
    # The stream itself need not wait for its own work.
    assert bank.tensor((1 << 16,), "uint8", stream=stream).address == address
    go.set()
    stream.synchronize()


def test_a_tensor_used_on_a_stream_waits_for_what_is_there(bank: Bank) -> None:
    go, stream = threading.Event(), bank.stream()
    tensor = bank.tensor((1 << 16,), "uint8")
    stream.submit(go.wait)
    tensor.used_on(stream)
    del tensor
    assert bank.pool.idle_bytes == 0
    go.set()
    stream.synchronize()
    other = bank.tensor((1 << 16,), "uint8")
    assert bank.pool.current_bytes == 1 << 16
    del other


def test_what_goes_after_its_bank_does_not_wait_for_work(bank: Bank) -> None:
    go, done = threading.Event(), threading.Event()
    other = Bank("16M")
    tensor, stream = other.tensor((16,)), other.stream()
    stream.submit(go.wait, tensor)
    stream.submit(done.set)
    del other
    gc.collect()
    del tensor, stream
    go.set()
    assert done.wait(30)


def test_a_job_may_be_the_last_to_have_its_bank() -> None:
    go, done = threading.Event(), threading.Event()
    bank = Bank("16M")
    gone = weakref.ref(bank, lambda _: done.set())
    stream, tensor = bank.stream(), bank.tensor((16,))

    def job(bank: Bank = bank) -> None:
        go.wait()
        bank.tensor((4,))

    stream.submit(job, tensor)
    del bank, job, stream, tensor
    go.set()
    assert done.wait(30)
    assert gone() is None


def test_a_stream_waits_for_another(bank: Bank) -> None:
    go, said = threading.Event(), []
    first, second = bank.stream(), bank.stream()
    first.submit(go.wait)
    first.submit(lambda: said.append("first"))
    second.wait_for(first)
    second.submit(lambda: said.append("second"))
    assert said == []
    go.set()
    second.synchronize()
    assert said == ["first", "second"]


def test_synchronize_raises_what_a_job_raised(bank: Bank) -> None:
    def broken() -> None:
        raise KeyError("a job")

    stream, said = bank.stream(), []
    stream.submit(broken)
    stream.submit(lambda: said.append("after"))
    with pytest.raises(KeyError, match="a job"):
        stream.synchronize()
    assert said == ["after"]
    stream.synchronize()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_nobody_asked_for_is_reported(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: reported.append(report.exc_value))
    stream, done = bank.stream(), threading.Event()

    def broken() -> None:
        raise KeyError("nobody asks")

    stream.submit(broken)
    stream.submit(broken)
    stream.submit(done.set)
    assert done.wait(30)
    del stream
    # The last job's closure goes on the stream's own thread.
    other = bank.stream()
    other.synchronize()
    gc.collect()
    assert [str(error) for error in reported] == ["'nobody asks'"] * 2


def test_waiting_ends_in_time(bank: Bank) -> None:
    go, stream = threading.Event(), bank.stream()
    stream.submit(go.wait)
    with pytest.raises(errors.WaitError):
        stream.synchronize(timeout=0.01)
    go.set()
    stream.synchronize(timeout=30)


def test_many_jobs_wait_without_the_interpreter(bank: Bank) -> None:
    stream, counted = bank.stream(), []
    for i in range(3000):
        stream.submit(lambda i=i: counted.append(i))
    stream.synchronize()
    assert counted == list(range(3000))


def test_what_is_no_work_is_refused(bank: Bank) -> None:
    with pytest.raises(errors.ArgumentError, match="^job"):
        bank.stream().submit(3)
    with pytest.raises(errors.ArgumentError, match="^tensors"):
        bank.stream().submit(print, 3)
    with pytest.raises(errors.ArgumentError):
        bank.stream("cuda:7")
    with Bank("16M", devices={"simulated:0": "4M"}) as other:
        tensor = other.tensor((4,), device="simulated:0")
        with pytest.raises(errors.ArgumentError, match="^stream"):
            bank.stream().submit(print, tensor)
        with pytest.raises(errors.ArgumentError, match="^stream"):
            tensor.used_on(bank.stream())
        with pytest.raises(errors.ArgumentError, match="^stream"):
            bank.tensor((4,), stream=Stream("simulated:0", bank=other))
