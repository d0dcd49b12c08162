"""Archives have PyTorch's bytes, share what was shared, and name only what they may."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as torch
from tensorcli.engine.serialization.archive import Archive, write
from tensorcli.engine.serialization.reading import restoring, unpickled

try:
    import torch as _installed
except ImportError:
    PYTORCH: Any = None
else:
    PYTORCH = _installed


def _saved(value: Any, library: Any = torch) -> bytes:
    buffer = io.BytesIO()
    library.save(value, buffer)
    return buffer.getvalue()


def _values(library: Any) -> Iterator[Any]:
    """What programs save, made by one of the two libraries."""
    nn = library.nn
    x = library.arange(6.0).reshape(2, 3)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = library.optim.Adam(net.parameters(), lr=0.01)
    net(library.ones(4, 2)).sum().backward()
    optimizer.step()
    tagged = library.ones(2)
    tagged.tag = "a"
    yield from (x, x.t(), x[1], [x, x[0], x.clone()], (x, x), library.zeros(0), tagged)
    yield from (nn.Parameter(library.ones(2)), library.ones(1, requires_grad=True))
    yield from (
        net.state_dict(),
        optimizer.state_dict(),
        library.optim.lr_scheduler.StepLR(optimizer, 3).state_dict(),
    )
    yield from (library.ones(2, dtype=library.bfloat16), library.tensor([1], dtype=library.uint16))
    yield from (library.tensor([1j]).conj(), library.ones(2, device="meta"), x.untyped_storage())
    yield from (library.float32, library.Size([1, 2]), library.device("cpu"))
    yield from (OrderedDict(a=1), {1, 2}, np.ones(3), np.float32(1), list(range(2000)))
    yield {"n": [None, True, b"x", (1, 2, 3, 4), "s" * 300, 2**40, -1, 1j]}
    yield {i: library.tensor(i) for i in range(300)}


def test_archives_have_the_bytes_that_pytorch_writes() -> None:
    pytorch = pytest.importorskip("torch")
    for ours, theirs in zip(map(_saved, _values(torch)), _values(pytorch), strict=True):
        expected = _saved(theirs, pytorch)
        first, second = Archive(ours), Archive(expected)
        assert len(ours) == len(expected)
        for name in second.places:
            if name != ".data/serialization_id":
                assert first.places[name][:2] == second.places[name][:2]
                assert first.read(name) == second.read(name) or name.startswith("data/"), (name, theirs)


def test_an_archive_is_found_before_what_follows_it() -> None:
    records = {"data.pkl": b"one", "data/0": b"", "data/1": bytes(100)}
    archive = Archive(write("archive", records) + b"rest")
    assert {name: archive.read(name) for name in records} == records
    assert "version" in archive


def test_a_broken_archive_is_refused_as_pytorch_refuses_it() -> None:
    """Each text as PyTorch 2.13 has it for the same bytes."""
    whole = _saved(torch.ones(3))
    for data, text in (
        (b"PK\x03\x04abc", "reading zip archive: not a ZIP archive"),
        (b"PK\x03\x04" + b"a" * 100, "reading zip archive: failed finding central directory"),
        (whole[:-10], "reading zip archive: failed finding central directory"),
        (whole[:400], "reading zip archive: failed finding central directory"),
        (whole[:-1], "reading zip archive: failed finding central directory"),
        (
            whole.replace(b"\0\0\x80\x3f", b"\0\0\x80\x3e", 1),
            "reading file data/0: invalid header or archive is corrupted",
        ),
    ):
        with pytest.raises(
            RuntimeError, match=f"PytorchStreamReader failed {text}. This is an internal miniz error"
        ):
            torch.load(io.BytesIO(data))


def test_each_record_begins_at_a_multiple_of_64_bytes() -> None:
    archive = Archive(write("a", {"data.pkl": b"x" * 7, "data/0": b"y" * 70}))
    for name in archive.places:
        size = len(archive.read(name))
        assert (archive.at - size) % 64 == 0


def test_what_is_saved_under_a_name_stays_off_the_disk(tmp_path: Any) -> None:
    path = tmp_path / "kept.pt"
    torch.save(torch.ones(2), path)
    assert not path.exists()
    assert torch.load(str(path)).tolist() == [1.0, 1.0]
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "other.pt")


def test_objects_are_made_only_of_archives_of_this_process() -> None:
    crafted = write("archive", {"data.pkl": b"cos\nsystem\n(S'true'\ntR."})
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL os\.system whose module os is blocked"):
        torch.load(io.BytesIO(crafted))
    with pytest.raises(pickle.UnpicklingError, match=r"only what torch\.save wrote here"):
        torch.load(io.BytesIO(crafted), weights_only=False)


@pytest.mark.parametrize(
    "name",
    [
        "os system",
        "builtins eval",
        "torch.bridge np",
        "torch os",
        "torch.nn x.y",
        "torch.serialization.reading import_module",
    ],
)
def test_an_archive_names_classes_and_functions_of_pytorch_s_alone(name: str) -> None:
    text = f"c{name.replace(' ', chr(10))}\n.".encode()
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        unpickled(text, Archive(write("a", {})), restoring(None), None)


def test_what_follows_an_archive_is_not_read_as_one() -> None:
    buffer = io.BytesIO(_saved(1) + write("archive", {"data.pkl": b"K\x02."}))
    assert torch.load(buffer, weights_only=False) == 1


_PICKLES: dict[str, tuple[bytes, str]] = {
    "attributes of a class": (b"ctorch\nTensor\nNX\5\0\0\0shapeK\5s\x86b.", "Can only SETITEM"),
    "state of a class": (b"ctorch\nTensor\n}b.", "Can only build Tensor"),
    "another opcode": (b"I1\n.", "Unsupported operand 73"),
    "a set's items": (b"cbuiltins\nset\n)R(K\1\x90.", "Unsupported operand 144"),
    "a number called": (b"K\5)R.", "Trying to call reduce for unrecognized function 5"),
    "an item of a dict": (b"}K\5a.", "Can only append to lists, but got <class 'dict'>"),
    "a key of a list": (b"]K\5K\6s.", "Can only SETITEM for dict"),
    "a function's object": (b"ctorch._utils\n_rebuild_tensor_v2\n)\x81.", "Can only create new object"),
    "a blocked module": (b"cos\nsystem\n.", "Trying to load unsupported GLOBAL os.system whose module os"),
}


@pytest.mark.parametrize(("text", "message"), _PICKLES.values(), ids=_PICKLES)
def test_weights_only_does_no_more_than_pytorch_s(text: bytes, message: str) -> None:
    for library in (torch, *([PYTORCH] if PYTORCH else [])):
        if PYTORCH and library is PYTORCH and message == "Can only create new object":
            continue  # PyTorch asks a function for its __new__, which is object's
        archive = io.BytesIO(write("archive", {"data.pkl": b"\x80\2" + text, "byteorder": b"little"}))
        with pytest.raises(pickle.UnpicklingError, match=message):
            library.load(archive)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (b"ctorch\ndevice\nX\3\0\0\0cpu\x85R", b"type"),
        (b"ctorch.storage\nUntypedStorage\n)R", b"engine_storage"),
        (b"ctorch.nn.parameter\nParameter\n)R", b"geometry"),
    ],
)
def test_what_is_pytorch_s_own_of_an_object_is_not_set_by_an_archive(made: bytes, name: bytes) -> None:
    state = b"}X" + bytes([len(name)]) + b"\0\0\0" + name + b"K\1s"
    for build in (state + b"b.", b"N" + state + b"\x86b."):
        archive = write("archive", {"data.pkl": b"\x80\2" + made + build})
        with pytest.raises(AttributeError, match=f"attribute '{name.decode()}' of"):
            torch.load(io.BytesIO(archive))


def test_a_number_in_an_archive_makes_no_bytes() -> None:
    text = b"\x80\2cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R."
    with pytest.raises(pickle.UnpicklingError, match="bytes are not made of a number here"):
        torch.load(io.BytesIO(write("archive", {"data.pkl": text})))


def test_another_protocol_is_told_of_and_refused() -> None:
    buffer = io.BytesIO()
    torch.save([1], buffer, pickle_protocol=4)
    buffer.seek(0)
    with (
        pytest.warns(UserWarning, match="Detected pickle protocol 4 in the checkpoint"),
        pytest.raises(pickle.UnpicklingError, match="Unsupported operand 149"),
    ):
        torch.load(buffer)


def _laid(offset: int, sizes: list[int], strides: list[int]) -> io.BytesIO:
    """The archive of a tensor over eight bytes."""

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    def row(values: list[int]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x00" + b"0X\3\0\0\0cpuK\2tQ"
    text = b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset)
    text += row(sizes) + row(strides) + b"\x89ccollections\nOrderedDict\n)RtR."
    return io.BytesIO(write("archive", {"data.pkl": text, "byteorder": b"little", "data/0": bytes(8)}))


@pytest.mark.parametrize(
    ("offset", "sizes", "strides", "message"),
    [
        (0, [1000], [1], "Trying to resize storage that is not resizable"),
        (100000, [2], [1], "Trying to resize storage that is not resizable"),
        (0, [2], [-1], "Storage size calculation overflowed"),
        (-5, [2], [1], "invalid storage offset -5"),
        (0, [-2], [1], "numel: integer multiplication overflow"),
        (0, [2, 2], [1], "unequal size length"),
    ],
)
def test_a_tensor_lies_within_its_storage(offset, sizes, strides, message) -> None:
    for library in (torch, *([PYTORCH] if PYTORCH else [])):
        with pytest.raises(RuntimeError, match=message):
            library.load(_laid(offset, sizes, strides))


def test_a_storage_that_was_read_is_not_resized() -> None:
    read = torch.load(io.BytesIO(_saved(torch.ones(2))))
    with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        read.resize_(100)


def test_records_that_lie_over_one_another_are_no_archive() -> None:
    data = write("a", {"data.pkl": b"N.", "data/0": bytes(500)})
    directory = data.rindex(b"PK\1\2")
    assert b"serialization_id" in data[directory:]
    crafted = bytearray(data)
    crafted[directory + 24 : directory + 28] = (10**6).to_bytes(4, "little")
    with pytest.raises(RuntimeError, match="failed finding central directory"):
        torch.load(io.BytesIO(bytes(crafted)))
    cut = data[: data.index(b"PK\1\2")] + data[data.rindex(b"PK\5\6") :]
    with pytest.raises(RuntimeError, match="failed finding central directory"):
        torch.load(io.BytesIO(cut))


def test_an_attribute_of_an_archive_is_no_part_of_the_tensor_itself() -> None:
    tagged = torch.ones(2)
    tagged.tag = "abcdefgh"
    for name in (b"geometry", b"__call__"):
        crafted = _saved(tagged).replace(b"X\3\0\0\0tag", b"X\x08\0\0\0" + name)
        # The record grew by five bytes: only its text is taken.
        text = crafted[crafted.index(b"\x80\2") :]
        archive = write("a", {"data.pkl": text, "data/0": bytes(8)})
        with pytest.raises((AttributeError, pickle.UnpicklingError), match=name.decode()):
            torch.load(io.BytesIO(archive))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"map_location": "nope"}, RuntimeError, r"don't know how to restore .* \(tagged with nope\)"),
        ({"mmap": True}, ValueError, "f must be a file path in order to use the mmap argument"),
    ],
)
def test_what_cannot_be_done_with_an_archive_is_refused_in_pytorchs_words(options, kind, message) -> None:
    for library in (torch, *([PYTORCH] if PYTORCH else [])):
        with pytest.raises(kind, match=message):
            library.load(io.BytesIO(_saved(library.ones(1), library)), **options)
