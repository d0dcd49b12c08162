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
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL os\.system was not an allowed global"):
        torch.load(io.BytesIO(crafted))
    with pytest.raises(pickle.UnpicklingError, match=r"only what torch\.save wrote here"):
        torch.load(io.BytesIO(crafted), weights_only=False)


@pytest.mark.parametrize(
    "name", ["os system", "builtins eval", "torch.bridge np", "torch os", "torch.nn x.y"]
)
def test_an_archive_names_classes_and_functions_of_pytorch_s_alone(name: str) -> None:
    from tensorcli.engine.serialization.reading import Unpickler, restoring

    text = f"c{name.replace(' ', chr(10))}\n.".encode()
    unpickler = Unpickler(io.BytesIO(text), Archive(write("a", {})), restoring(None), None)
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        unpickler.load()
