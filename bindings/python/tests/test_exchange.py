"""Memory that is exchanged with other libraries, without copying."""

import gc
import importlib
import os
import weakref
from types import ModuleType
from typing import Any

import numpy as np
import pixelbank
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixelbank import Bank, errors
from test_pool import DTYPES, live_bytes


def library(name: str) -> ModuleType:
    """A library that may be missing, unless all are asked for."""
    if os.environ.get("PIXELBANK_ALL_LIBRARIES") == "1":
        return importlib.import_module(name)
    return pytest.importorskip(name)


def numbers(bank: Bank) -> pixelbank.Tensor:
    """Those from 0 to 23."""
    tensor = bank.tensor((2, 3, 4), "float32")
    tensor.copy_from(np.arange(24).reshape(2, 3, 4))
    return tensor


@pytest.fixture
def ramp(bank: Bank) -> pixelbank.Tensor:
    """For tests that don't ask when it goes."""
    return numbers(bank)


def from_torch(tensor: pixelbank.Tensor) -> Any:
    return library("torch").from_dlpack(tensor)


def from_jax(tensor: pixelbank.Tensor) -> Any:
    return library("jax.dlpack").from_dlpack(tensor)


def from_arrow(tensor: pixelbank.Tensor) -> Any:
    return library("pyarrow").py_buffer(tensor)


def from_arrow_tensor(tensor: pixelbank.Tensor) -> Any:
    return library("pyarrow").Tensor.from_numpy(tensor.numpy())


# What takes a tensor in, and how its result is looked at as an array.
CONSUMERS = {
    "numpy()": (pixelbank.Tensor.numpy, np.asarray),
    "numpy.asarray": (np.asarray, np.asarray),
    "numpy.from_dlpack": (np.from_dlpack, np.asarray),
    "memoryview": (memoryview, np.asarray),
    "torch": (from_torch, lambda tensor: tensor.numpy()),
    "jax": (from_jax, np.asarray),
    "arrow buffer": (from_arrow, lambda buffer: np.frombuffer(buffer, "float32").reshape(2, 3, 4)),
    "arrow tensor": (from_arrow_tensor, lambda tensor: tensor.to_numpy()),
}


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_what_is_exported_stays_on_the_books(bank: Bank, consumer: str) -> None:
    take, look = CONSUMERS[consumer]
    ramp = numbers(bank)
    address, expected = ramp.address, ramp.numpy().copy()
    taken = take(ramp)
    array = look(taken)
    assert array.ctypes.data == address
    assert (array == expected).all()
    del ramp, array
    gc.collect()
    assert live_bytes(bank) == 4096
    assert bank.ledger().account("pool") == 4096
    assert (look(taken) == expected).all()
    del taken
    gc.collect()
    assert live_bytes(bank) == 0
    again = bank.tensor((2, 3, 4), "float32")
    assert again.address == address


def test_pillow_shows_the_same_pixels(bank: Bank) -> None:
    images = library("PIL.Image")
    image = bank.image_buffer((6, 4), "gray")
    image.copy_from(np.arange(24, dtype="uint8").reshape(4, 6, 1))
    shown = images.frombuffer("L", image.size, image, "raw", "L", 0, 1)
    assert shown.getpixel((1, 1)) == 7
    image.fill(9)
    assert shown.getpixel((1, 1)) == 9
    del image
    gc.collect()
    assert live_bytes(bank) == 4096
    del shown
    gc.collect()
    assert live_bytes(bank) == 0
    colour = bank.image_buffer((5, 3), "rgb", row_align=32)
    colour.fill(3)
    assert images.fromarray(colour.numpy()).getpixel((4, 2)) == (3, 3, 3)


def test_opencv_draws_into_an_image(bank: Bank) -> None:
    cv2 = library("cv2")
    image = bank.image_buffer((32, 16), "rgb", row_align=64)
    image.fill(0)
    cv2.rectangle(image.numpy(), (2, 2), (9, 9), (1, 2, 3), -1)
    assert image.numpy()[5, 5].tolist() == [1, 2, 3]
    half = bank.image_buffer((16, 8), "rgb")
    cv2.resize(image.numpy(), (16, 8), dst=half.numpy(), interpolation=cv2.INTER_NEAREST)
    assert half.numpy()[2, 2].tolist() == [1, 2, 3]


def test_torch_writes_into_the_tensor(bank: Bank, ramp: pixelbank.Tensor) -> None:
    torch = library("torch")
    torch.from_dlpack(ramp[:, 1:]).mul_(2)
    assert ramp.numpy()[0, :, 0].tolist() == [0, 8, 16]
    assert bank.tensor((3,), torch.bfloat16).dtype == bank.tensor((3,), "bfloat16").dtype
    half = bank.tensor((4,), "bfloat16")
    torch.from_dlpack(half).fill_(1.5)
    assert torch.from_dlpack(half.copy()).tolist() == [1.5] * 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_goes_to_torch_and_comes_back(bank: Bank, dtype: str) -> None:
    torch = library("torch")
    tensor = bank.tensor((3,), dtype)
    tensor.copy_from(np.array([0, 1, 1]).astype(dtype))
    there = torch.from_dlpack(tensor)
    assert str(there.dtype) == f"torch.{dtype}"
    back = bank.wrap(there)
    assert back.dtype == np.dtype(dtype)
    assert back.address == tensor.address
    assert (back.numpy() == tensor.numpy()).all()


def producer_numpy() -> tuple[Any, int]:
    array = np.arange(6, dtype="int32").reshape(2, 3)
    return array, array.ctypes.data


def producer_torch() -> tuple[Any, int]:
    tensor = library("torch").arange(6, dtype=library("torch").int32).reshape(2, 3)
    return tensor, tensor.data_ptr()


def producer_jax() -> tuple[Any, int]:
    array = library("jax.numpy").arange(6, dtype="int32").reshape(2, 3)
    return array, array.unsafe_buffer_pointer()


def producer_pixelbank() -> tuple[Any, int]:
    tensor = pixelbank.Tensor((2, 3), "int32")
    tensor.copy_from(np.arange(6).reshape(2, 3))
    return tensor, tensor.address


@pytest.mark.parametrize("produce", [producer_numpy, producer_torch, producer_jax, producer_pixelbank])
def test_what_is_imported_is_not_copied_nor_counted(bank: Bank, produce: Any) -> None:
    array, address = produce()
    tensor = bank.wrap(array)
    assert tensor.address == address
    assert (tensor.shape, tensor.dtype, tensor.device) == ((2, 3), np.int32, "cpu")
    assert tensor.is_wrapper
    assert tensor.booked_bytes == 0
    assert bank.pool.current_bytes == 0
    assert tensor.numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    del array
    gc.collect()
    part = tensor[1, 1:]
    del tensor
    assert part.numpy().tolist() == [4, 5]


def test_what_is_imported_keeps_its_owner_until_the_last_use(bank: Bank) -> None:
    class Array(np.ndarray):
        """One that can be referred to weakly."""

    array = np.zeros(8).view(Array)
    gone = weakref.ref(array)
    tensor = bank.wrap(array)
    exported = np.asarray(tensor[2:])
    del array, tensor
    gc.collect()
    assert gone() is not None
    exported[:] = 1
    del exported
    gc.collect()
    assert gone() is None


class Producer:
    """What hands out a tensor's capsule, and notes how it was asked for."""

    def __init__(self, tensor: Any, *, knows_versions: bool = True) -> None:
        self.tensor, self.knows_versions = tensor, knows_versions
        self.asked: list[dict[str, Any]] = []

    def __dlpack__(self, **options: Any) -> Any:
        self.asked.append(options)
        if "max_version" in options and not self.knows_versions:
            raise TypeError("unexpected keyword argument 'max_version'")
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()


@pytest.mark.parametrize("knows_versions", [True, False])
def test_both_forms_of_the_protocol_are_taken(bank: Bank, ramp: pixelbank.Tensor, knows_versions: bool) -> None:
    producer = Producer(ramp, knows_versions=knows_versions)
    assert bank.wrap(producer).address == ramp.address
    assert ("max_version" in producer.asked[-1]) is knows_versions
    name = "dltensor_versioned" if knows_versions else "dltensor"
    version = (1, 0) if knows_versions else None
    assert f'"{name}"' in repr(ramp.__dlpack__(max_version=version))


@pytest.mark.parametrize("version", [None, (0, 8), (1, 0), (7, 3)])
def test_a_capsule_that_nobody_takes_lets_go(bank: Bank, version: tuple[int, int] | None) -> None:
    capsule = bank.tensor((3,)).__dlpack__(max_version=version)
    assert live_bytes(bank) == 4096
    del capsule
    assert live_bytes(bank) == 0


def test_a_capsule_is_taken_once(bank: Bank) -> None:
    ramp = numbers(bank)
    held = [ramp.__dlpack__(max_version=(1, 0))]

    class Again:
        def __dlpack__(self, **_: Any) -> Any:
            return held[0]

    taken = bank.wrap(Again())
    with pytest.raises(errors.ArgumentError, match="^array: .*capsule"):
        bank.wrap(Again())
    held.clear()
    address = ramp.address
    del ramp
    assert live_bytes(bank) == 4096
    assert taken.address == address
    del taken
    assert live_bytes(bank) == 0


def test_a_copy_is_of_the_same_pool(bank: Bank, ramp: pixelbank.Tensor) -> None:
    expected = ramp.numpy()[:, 1].copy()
    array = np.from_dlpack(ramp[:, 1], copy=True)
    ramp.fill(0)
    assert (array == expected).all()
    assert live_bytes(bank) == 2 * 4096
    del array
    assert live_bytes(bank) == 4096


def test_consumers_may_ask_for_what_there_is(ramp: pixelbank.Tensor) -> None:
    assert ramp.__dlpack_device__() == (1, 0)
    assert ramp.__dlpack__(dl_device=(1, 0), stream=-1, copy=False) is not None
    with pytest.raises(BufferError):
        ramp.__dlpack__(dl_device=(2, 0))
    with pytest.raises(errors.ArgumentError, match="^stream"):
        ramp.__dlpack__(stream=1)
    assert not hasattr(ramp, "__cuda_array_interface__")


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def test_read_only_memory_stays_so(bank: Bank) -> None:
    for source in (read_only(np.zeros((2, 4))), bytes(64), memoryview(bytearray(64)).toreadonly()):
        tensor = bank.wrap(source)
        assert tensor.read_only
        assert tensor[0:1].read_only
        assert not tensor.numpy().flags.writeable
        assert not np.asarray(tensor).flags.writeable
        assert memoryview(tensor).readonly
        assert not np.from_dlpack(tensor).flags.writeable
        with pytest.raises(BufferError):
            tensor.__dlpack__()
        for write in (lambda t=tensor: t.fill(1), lambda t=tensor: t.copy_from(0)):
            with pytest.raises(errors.ArgumentError, match="read-only"):
                write()
        copy = tensor.copy()
        assert not copy.read_only
        copy.fill(1)


def test_buffers_are_taken_where_there_is_no_dlpack(bank: Bank) -> None:
    array = bytearray(range(12))
    tensor = bank.wrap(array)
    assert (tensor.shape, tensor.dtype) == ((12,), np.uint8)
    tensor[3:4].fill(99)
    assert array[3] == 99
    with pytest.raises(BufferError):
        array.append(1)
    del tensor
    array.append(1)
    shaped = memoryview(bytearray(24)).cast("d", (3, 1))
    assert (bank.wrap(shaped).shape, bank.wrap(shaped).dtype) == ((3, 1), np.float64)
    arrow = library("pyarrow").array([1, 2, 3], "int16").buffers()[1]
    assert bank.wrap(arrow)[0:6].numpy().view("int16").tolist() == [1, 2, 3]


class Broken:
    """Raises when it is asked for its memory."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __dlpack__(self, **_: Any) -> Any:
        raise self.error


class NoCapsule:
    def __dlpack__(self, **_: Any) -> Any:
        return 3


@pytest.mark.parametrize(
    "array",
    [
        3,
        None,
        "text",
        [1, 2],
        np.zeros(0),
        np.zeros((1,) * 9),
        np.zeros(4)[::-1],
        np.zeros(4, ">f4"),
        np.zeros(4, "M8[s]"),
        np.zeros(4, [("a", "i4")]),
        np.array([object()]),
        np.zeros(9, "uint8")[1:].view("uint64") if np.zeros(9, "uint8").ctypes.data % 8 == 0 else np.zeros(0),
        Broken(RuntimeError("gone")),
        Broken(BufferError("requires grad")),
        NoCapsule(),
    ],
    ids=repr,
)
def test_what_cannot_be_taken_in_is_refused_by_name(bank: Bank, array: Any) -> None:
    with pytest.raises(errors.ArgumentError, match="^array: "):
        bank.wrap(array)
    assert live_bytes(bank) == 0


def test_what_the_other_library_raises_is_the_cause(bank: Bank) -> None:
    error = RuntimeError("gone")
    with pytest.raises(errors.ArgumentError) as caught:
        bank.wrap(Broken(error))
    assert caught.value.__cause__ is error
    with pytest.raises(KeyboardInterrupt):
        bank.wrap(Broken(KeyboardInterrupt()))
    torch = library("torch")
    with pytest.raises(errors.ArgumentError, match="grad"):
        bank.wrap(torch.zeros(3, requires_grad=True))


def test_consumers_that_need_packed_memory_are_told(bank: Bank) -> None:
    image = bank.image_buffer((5, 4), row_align=64)
    assert memoryview(image).strides == (64, 3, 1)
    with pytest.raises(BufferError, match="padding"):
        library("PIL.Image").frombuffer("RGB", image.size, image, "raw", "RGB", 0, 1)
    image.fill(3)
    packed = image.copy()
    assert library("PIL.Image").frombuffer("RGB", image.size, packed, "raw", "RGB", 0, 1).getpixel((4, 3)) == (3, 3, 3)
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(bank.tensor((3,), "bfloat16"))


def test_strides_that_are_no_elements_cannot_be_exported(bank: Bank) -> None:
    tensor = bank.tensor((3, 3), "complex128", row_align=1)
    odd = np.ndarray((2,), "complex128", bytearray(56), strides=(24,))
    assert bank.wrap(memoryview(odd)).strides == (24,)
    with pytest.raises(BufferError):
        bank.wrap(memoryview(odd)).__dlpack__()
    assert np.from_dlpack(tensor).strides == (48, 16)


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


@st.composite
def tensors_and_indices(draw: st.DrawFn) -> tuple[tuple[int, ...], str, int, tuple[Any, ...]]:
    shape = draw(SHAPES)
    index: list[Any] = []
    for extent in shape:
        if draw(st.booleans()):
            index.append(draw(st.integers(-extent, extent - 1)))
            continue
        start = draw(st.integers(0, extent - 1))
        index.append(slice(start, draw(st.integers(start + 1, extent + 2))))
    if all(isinstance(one, int) for one in index):
        index[-1] = slice(None)
    keep = draw(st.integers(0, len(index)))
    if all(isinstance(one, int) for one in index[:keep]) and draw(st.booleans()):
        return shape, draw(st.sampled_from(DTYPES)), draw(st.sampled_from([1, 16, 64])), (*index[:keep], ...)
    return shape, draw(st.sampled_from(DTYPES)), draw(st.sampled_from([1, 16, 64])), tuple(index)


@settings(max_examples=300, deadline=None)
@given(tensors_and_indices())
def test_parts_are_what_numpy_says(case: tuple[tuple[int, ...], str, int, tuple[Any, ...]]) -> None:
    shape, dtype, row_align, index = case
    tensor = pixelbank.Tensor(shape, dtype, row_align=row_align)
    expected = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    tensor.copy_from(expected)
    if expected[index].ndim == 0:
        with pytest.raises(errors.ArgumentError, match="^index"):
            tensor[index]
        return
    part = tensor[index]
    assert part.shape == expected[index].shape
    for look in (part.numpy(), np.asarray(part), part.copy().numpy(), pixelbank.from_dlpack(part.numpy()).numpy()):
        assert look.dtype == expected.dtype
        assert (look == expected[index]).all()
    part.fill(1)
    expected[index] = 1
    assert (tensor.numpy() == expected).all()


@settings(max_examples=300, deadline=None)
@given(SHAPES, st.sampled_from(DTYPES), st.permutations(range(4)), st.integers(1, 3))
def test_arrays_of_any_strides_come_in(shape: tuple[int, ...], dtype: str, order: list[int], step: int) -> None:
    whole = np.arange(np.prod(shape) * step).astype(dtype).reshape(*shape[:-1], shape[-1] * step)
    array = whole[..., ::step].transpose([axis for axis in order if axis < len(shape)])
    tensor = pixelbank.from_dlpack(array)
    assert tensor.address == array.ctypes.data
    assert (tensor.numpy() == array).all()
    assert (np.from_dlpack(tensor) == array).all()
    if dtype.startswith("complex"):
        return
    assert (np.asarray(memoryview(tensor)) == array).all()


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=3), st.none(), st.lists(st.integers(-3, 2**40), max_size=10)),
    st.one_of(st.sampled_from(DTYPES), st.text(max_size=4), st.integers(), st.none()),
    st.one_of(st.none(), st.text(max_size=9)),
    st.integers(0, 2**32 - 1),
)
def test_any_arguments_make_a_tensor_or_a_typed_error(shape: Any, dtype: Any, layout: Any, row_align: int) -> None:
    with Bank("1M") as bank:
        try:
            tensor = bank.tensor(shape, dtype, layout=layout, row_align=row_align)
        except errors.Error:
            assert bank.pool.current_bytes == 0
        else:
            assert tensor.nbytes <= 1 << 20
