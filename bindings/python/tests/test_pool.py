"""Tensors, images and batches of the pool, and its figures."""

import gc
import weakref

import numpy as np
import pixelbank
import pytest
from pixelbank import Bank, errors

DTYPES = [
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
]


def live_bytes(bank: Bank) -> int:
    """What objects of the pool in use hold."""
    return bank.pool.current_bytes - bank.pool.idle_bytes


def test_a_tensor_is_what_was_asked_for(bank: Bank) -> None:
    tensor = bank.tensor((2, 5, 3), "uint16", layout="HWC", row_align=32)
    assert tensor.shape == (2, 5, 3)
    assert tensor.ndim == 3
    assert len(tensor) == 2
    assert tensor.dtype == np.dtype("uint16")
    assert tensor.itemsize == 2
    assert tensor.strides == (32, 6, 2)
    assert tensor.nbytes == 60
    assert tensor.booked_bytes == 4096
    assert tensor.layout == "HWC"
    assert tensor.device == "cpu"
    assert tensor.address % 4096 == 0
    assert not tensor.read_only
    assert not tensor.is_wrapper
    assert not tensor.is_packed
    assert repr(tensor) == "Tensor((2, 5, 3), 'uint16', layout='HWC')"


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_are_named_as_in_numpy(bank: Bank, dtype: str) -> None:
    for given in (dtype, np.dtype(dtype), np.dtype(dtype).type):
        tensor = bank.tensor((3,), given)
        assert tensor.dtype == np.dtype(dtype)
        assert np.asarray(tensor).dtype == np.dtype(dtype)
        assert tensor.numpy().dtype == np.dtype(dtype)


@pytest.mark.parametrize("shape", [7, (7,), [7], (np.int64(7),), np.array([7])])
def test_a_shape_is_anything_that_lists_numbers(bank: Bank, shape: object) -> None:
    assert bank.tensor(shape).shape == (7,)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"shape": ()}, "shape"),
        ({"shape": (3, 0)}, "shape"),
        ({"shape": (-1,)}, "shape"),
        ({"shape": (1,) * 9}, "shape"),
        ({"shape": (1 << 62, 1 << 62)}, "shape"),
        ({"shape": (1 << 70,)}, "shape"),
        ({"shape": (1.5,)}, "shape"),
        ({"shape": "3"}, "shape"),
        ({"shape": None}, "shape"),
        ({"dtype": "float33"}, "dtype"),
        ({"dtype": ">f4"}, "dtype"),
        ({"dtype": "M8[s]"}, "dtype"),
        ({"dtype": object()}, "dtype"),
        ({"layout": "hw"}, "layout"),
        ({"layout": "NHWC"}, "layout"),
        ({"row_align": 3}, "row_align"),
        ({"row_align": 8192}, "row_align"),
        ({"device": "gpu"}, "device"),
        ({"device": "cuda:0"}, "cuda:0"),
        ({"timeout": -1.0}, "timeout"),
    ],
)
def test_what_no_memory_can_be_is_refused_by_name(bank: Bank, arguments: dict[str, object], named: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        bank.tensor(**{"shape": (2, 2), **arguments})
    assert str(caught.value).startswith(named)
    assert live_bytes(bank) == 0


def test_more_than_the_budget_is_refused(bank: Bank) -> None:
    with pytest.raises(errors.BudgetError):
        bank.tensor((65 << 20,), "uint8")
    held = bank.tensor((40 << 20,), "uint8")
    with pytest.raises(errors.BudgetError):
        bank.tensor((40 << 20,), "uint8")
    with pytest.raises(errors.WaitError):
        bank.tensor((40 << 20,), "uint8", timeout=0.01)
    del held
    assert bank.tensor((40 << 20,), "uint8", timeout=10).nbytes == 40 << 20


def test_the_memory_is_used_again(bank: Bank) -> None:
    tensor = bank.tensor((100, 100))
    address = tensor.address
    tensor.fill(3)
    del tensor
    assert bank.pool.size() == 1
    again = bank.tensor((100, 100))
    assert again.address == address
    assert again.numpy()[5, 5] == 3


def test_a_larger_object_serves_on_request(bank: Bank) -> None:
    address = bank.tensor((100 << 10,), "uint8").address
    assert bank.tensor((90 << 10,), "uint8").address != address
    assert bank.tensor((95 << 10,), "uint8", larger_fit=25).address == address


def test_the_default_bank_is_the_one_that_is_set(bank: Bank) -> None:
    other = Bank("8M")
    for one in (bank, other, bank):
        pixelbank.set_default_bank(one)
        before = live_bytes(one)
        tensor = pixelbank.Tensor((1 << 16,), "uint8")
        assert live_bytes(one) == before + (1 << 16)
        del tensor
    gone = weakref.ref(other)
    del other, one
    gc.collect()
    assert gone() is None
    bank.close()
    with pytest.raises(errors.ClosedError):
        pixelbank.Tensor((1,))


def test_elements_are_set_and_copied(bank: Bank) -> None:
    tensor = bank.tensor((2, 3), "int32", row_align=64)
    tensor.fill(7)
    assert (tensor.numpy() == 7).all()
    tensor.copy_from([1, 2, 3])
    assert tensor.numpy().tolist() == [[1, 2, 3], [1, 2, 3]]
    other = bank.tensor((2, 3), "int32")
    other.copy_from(tensor)
    copy = tensor.copy()
    tensor.fill(0)
    for kept in (other, copy):
        assert kept.numpy().tolist() == [[1, 2, 3], [1, 2, 3]]
        assert kept.is_packed


@pytest.mark.parametrize(("array", "reason"), [(np.zeros((4, 4)), "broadcast"), (np.zeros((2, 3), complex), "cast"), (["a"], "")])
def test_what_does_not_fit_is_not_copied(bank: Bank, array: object, reason: str) -> None:
    tensor = bank.tensor((2, 3), "float32")
    with pytest.raises(errors.ArgumentError, match=f"^array: .*{reason}"):
        tensor.copy_from(array)
    with pytest.raises(errors.ArgumentError, match="^value: "):
        tensor.fill("x")


def test_a_part_keeps_the_whole(bank: Bank) -> None:
    tensor = bank.tensor((4, 6, 3), "uint8", layout="HWC")
    whole = tensor.numpy()
    whole[...] = np.arange(72).reshape(4, 6, 3)
    part = tensor[1:3, ..., 2]
    assert part.shape == (2, 6)
    assert part.layout == "HW"
    assert part.is_wrapper
    assert part.booked_bytes == 0
    assert (part.numpy() == whole[1:3, ..., 2]).all()
    part.fill(99)
    assert (whole[1:3, :, 2] == 99).all()
    expected = whole[1:3, ..., 2].copy()
    del tensor, whole
    assert live_bytes(bank) == 4096
    assert (part[-1].numpy() == expected[-1]).all()
    del part
    assert live_bytes(bank) == 0


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (4, IndexError),
        (-5, IndexError),
        ((0, 0, 0, 0), IndexError),
        ((..., ...), IndexError),
        (slice(2, 2), errors.ArgumentError),
        (slice(None, None, 2), errors.ArgumentError),
        ((0, 0, 0), errors.ArgumentError),
        ("x", errors.ArgumentError),
        (None, errors.ArgumentError),
        (1 << 70, errors.ArgumentError),
    ],
)
def test_parts_that_are_none_are_refused(bank: Bank, index: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        bank.tensor((4, 6, 3))[index]


def test_a_tensor_iterates_over_its_first_dimension(bank: Bank) -> None:
    tensor = bank.tensor((3, 2), "int32")
    tensor.copy_from([[0, 1], [2, 3], [4, 5]])
    assert [row.numpy().tolist() for row in tensor] == [[0, 1], [2, 3], [4, 5]]


def test_an_image_is_a_tensor_of_rows(bank: Bank) -> None:
    image = bank.image_buffer((5, 4), "rgba", "float16", row_align=64)
    assert isinstance(image, pixelbank.Tensor)
    assert (image.size, image.width, image.height) == ((5, 4), 5, 4)
    assert (image.channels, image.mode, image.row_bytes) == (4, "rgba", 64)
    assert (image.shape, image.strides, image.layout) == ((4, 5, 4), (64, 8, 2), "HWC")
    assert image.dtype == np.float16
    assert repr(image) == "ImageBuffer((5, 4), 'rgba', 'float16')"
    assert bank.image_buffer((5, 4), 7).mode is None
    assert bank.image_buffer((5, 4), 1).mode == "gray"
    assert bank.image_buffer((5, 4)).shape == (4, 5, 3)
    image.numpy()[:] = 0.5
    assert image[1:2].numpy().tolist() == [[[0.5] * 4] * 5]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"size": (0, 4)}, "size"),
        ({"size": (4, -1)}, "size"),
        ({"size": (1 << 40, 1)}, "size"),
        ({"channels": 0}, "channels"),
        ({"channels": 256}, "channels"),
        ({"channels": "bgr"}, "channels"),
        ({"dtype": "float64"}, "dtype"),
        ({"row_align": 5}, "row_align"),
        ({"device": "cpu:1"}, "device"),
    ],
)
def test_what_is_no_image_is_refused_by_name(bank: Bank, arguments: dict[str, object], named: str) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        bank.image_buffer(**{"size": (2, 2), **arguments})
    assert str(caught.value).startswith(named)


def test_a_batch_holds_what_it_has_room_for(bank: Bank) -> None:
    batch = bank.tensor_batch(2)
    assert (len(batch), batch.capacity) == (0, 2)
    first, second = bank.tensor((3,)), bank.tensor((4, 4), "uint8")
    batch.append(first)
    batch.append(second)
    with pytest.raises(errors.BatchFullError):
        batch.append(first)
    assert [tensor.address for tensor in batch] == [first.address, second.address]
    assert batch[-1].shape == (4, 4)
    assert [tensor.shape for tensor in batch[::-1]] == [(4, 4), (3,)]
    for index in (2, -3):
        with pytest.raises(IndexError):
            batch[index]
    with pytest.raises(errors.ArgumentError, match="^index"):
        batch["x"]
    held = live_bytes(bank)
    del first, second
    assert live_bytes(bank) == held
    assert batch.pop().shape == (4, 4)
    batch.clear()
    assert len(batch) == 0
    with pytest.raises(IndexError):
        batch.pop()
    assert live_bytes(bank) == held - 2 * 4096


def test_a_batch_of_images_has_images(bank: Bank) -> None:
    batch = bank.image_batch(3)
    batch.append(bank.image_buffer((8, 6), "gray"))
    assert batch[0].size == (8, 6)
    assert batch[0].mode == "gray"
    assert isinstance(batch.pop(), pixelbank.ImageBuffer)
    with pytest.raises(TypeError):
        batch.append(bank.tensor((3, 3)))


@pytest.mark.parametrize("capacity", [0, -1, 1 << 62])
def test_a_batch_of_nothing_is_refused(bank: Bank, capacity: int) -> None:
    for make in (bank.tensor_batch, bank.image_batch):
        with pytest.raises(errors.ArgumentError, match="^capacity"):
            make(capacity)


class Kernel:
    """An object that is worth keeping."""


def test_an_object_of_ones_own_is_kept_by_its_key(bank: Bank) -> None:
    item = bank.external((3, 4), Kernel, "1M")
    kernel = item.value
    assert item.key == (3, 4)
    assert live_bytes(bank) == 1 << 20
    assert bank.external((3, 4), Kernel).value is not kernel
    item.release()
    with pytest.raises(errors.ClosedError):
        item.value
    del item
    with bank.external((4, 3), Kernel) as other:
        assert other is not kernel
    found = [bank.external((3, 4), Kernel) for _ in range(2)]
    assert kernel in [item.value for item in found]
    gone = weakref.ref(kernel)
    del found, kernel
    assert gone() is not None
    bank.pool.clear()
    assert gone() is None
    assert bank.pool.current_bytes == 0


def test_what_the_factory_raises_is_raised(bank: Bank) -> None:
    def broken() -> None:
        raise KeyError("no such kernel")

    with pytest.raises(KeyError, match="no such kernel"):
        bank.external(1, broken, "1M")
    assert bank.pool.current_bytes == 0


def test_a_factory_may_use_the_pool(bank: Bank) -> None:
    item = bank.external(1, lambda: bank.tensor((4, 4)))
    assert item.value.shape == (4, 4)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((-1, Kernel), "key"),
        (((1,) * 9, Kernel), "key"),
        (("x", Kernel), "key"),
        ((1.5, Kernel), "key"),
        ((1, 2), "factory"),
        ((1, Kernel, -1), "nbytes"),
        ((1, Kernel, "much"), "nbytes"),
    ],
)
def test_keys_and_sizes_are_checked(bank: Bank, arguments: tuple[object, ...], named: str) -> None:
    with pytest.raises(errors.ArgumentError, match=f"^{named}"):
        bank.external(*arguments)


def test_the_figures_are_those_of_the_ledger(bank: Bank) -> None:
    pool = bank.pool
    tensor = bank.tensor((1 << 20,), "uint8")
    assert pool.current_bytes == bank.ledger().account("pool") == 1 << 20
    assert pool.idle_bytes == 0
    del tensor
    assert (pool.current_bytes, pool.idle_bytes, pool.size(), pool.size("thread")) == (1 << 20, 1 << 20, 1, 1)
    assert pool.trim(1) == 1 << 20
    assert (pool.current_bytes, pool.peak_bytes) == (0, 1 << 20)
    row = next(row for row in pool.stats()["classes"] if row["class"] == "tensor")
    assert (row["misses"], row["evictions"], row["live_count"]) == (1, 1, 0)
    assert "host" in str(pool)
    assert "0 of" in repr(pool)


def test_the_limit_says_what_is_kept(bank: Bank) -> None:
    pool = bank.pool
    pool.limit_bytes = "1M"
    assert pool.limit_bytes == 1 << 20
    held = [bank.tensor((300 << 10,), "uint8") for _ in range(4)]
    del held
    assert pool.current_bytes == 900 << 10
    pool.limit_bytes = 0
    assert pool.current_bytes == 0
    with pytest.raises(errors.ArgumentError):
        pool.limit_bytes = -1
    with pytest.raises(errors.ArgumentError):
        pool.set_limit("1M", "cuda:0")
    for scope in ("all", "thread"):
        pool.clear(scope)
    for ask in (pool.clear, pool.size):
        with pytest.raises(errors.ArgumentError, match="^scope"):
            ask("some")


def test_a_profile_counts_what_happens_within(bank: Bank) -> None:
    before = bank.tensor((4096,), "uint8")
    with bank.pool.profile("step") as step:
        with pytest.raises(errors.ClosedError):
            step.taken
        bank.tensor((8192,), "uint8")
        kept = bank.tensor((4096,), "uint8")
    assert (step.name, step.taken, step.let_go) == ("step", 2, 1)
    assert (step.bytes_before, step.bytes_after, step.peak_bytes) == (4096, 8192, 12288)
    assert step.seconds >= 0
    del before, kept


def test_outstanding_objects_say_which_line_asked_for_them(bank: Bank) -> None:
    bank.pool.trace_origins()
    large = bank.tensor((1 << 20,), "uint8")
    small = pixelbank.ImageBuffer((4, 4), bank=bank)
    lines = [row["made_at"].rsplit(":", 1) for row in bank.pool.outstanding()]
    first = test_outstanding_objects_say_which_line_asked_for_them.__code__.co_firstlineno
    assert lines == [[__file__, str(first + 2)], [__file__, str(first + 3)]]
    assert [row["bytes"] for row in bank.pool.outstanding()] == [1 << 20, 4096]
    bank.pool.trace_origins(False)
    del large, small
    assert bank.pool.outstanding() == []


def test_a_closed_bank_makes_nothing_and_keeps_what_is_in_use(bank: Bank) -> None:
    tensor = bank.tensor((4,), "int32")
    tensor.fill(5)
    pool = bank.pool
    bank.close()
    for call in (lambda: bank.tensor((4,)), lambda: bank.stream(), lambda: bank.pool, lambda: pool.current_bytes):
        with pytest.raises(errors.ClosedError):
            call()
    assert tensor.numpy().tolist() == [5, 5, 5, 5]


def test_a_simulated_device_has_books_of_its_own() -> None:
    with Bank("16M", devices={"simulated:1": "4M"}) as bank:
        tensor = bank.tensor((1 << 20,), "uint8", device="simulated:1")
        assert tensor.device == "simulated:1"
        assert bank.pool.current_bytes == 0
        with pytest.raises(errors.BudgetError):
            bank.tensor((4 << 20,), "uint8", device="simulated:1")
        for use in (tensor.numpy, tensor.copy, lambda t=tensor: t.fill(1)):
            with pytest.raises(errors.ArgumentError, match="^device"):
                use()
        for export in (lambda t=tensor: memoryview(t), tensor.__dlpack_device__, tensor.__dlpack__):
            with pytest.raises(BufferError):
                export()
        del tensor, use, export
        gc.collect()
        assert bank.pool.trim(device="simulated:1") == 1 << 20
