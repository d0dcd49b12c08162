"""The zip files that torch.save writes: named records that are not compressed, each at a multiple of 64 bytes.

After caffe2/serialize/inline_container.cc and miniz: sizes follow the bytes of a record, padding stands in an extra field,
and the directory ends in the form for big files too. Python's zipfile reads such files; it writes others, and finds the last
one of two where PyTorch finds the first.
"""

import struct
from collections.abc import Mapping
from hashlib import sha256
from zlib import crc32

ALIGNMENT = 64
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_ENTRY = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_UTF8, _SIZES_FOLLOW = 0x0800, 0x0008


def write(stem: str, records: Mapping[str, bytes]) -> bytes:
    """The archive of records; their names stand below `stem`. The last one tells archives of different contents apart."""
    whole = {**records, "version": b"3\n", ".data/serialization_id": _identity(records)}
    found = bytearray()
    entries = []
    for name, data in whole.items():
        path, start, check = f"{stem}/{name}".encode(), len(found), crc32(data)
        flags = _UTF8 | (_SIZES_FOLLOW if data else 0)
        padding = -(start + _LOCAL.size + len(path) + 4) % ALIGNMENT
        extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        found += (
            _LOCAL.pack(0x04034B50, 0, flags, 0, 0, 0, 0, 0, 0, len(path), len(extra)) + path + extra + data
        )
        if data:
            found += struct.pack("<IIII", 0x08074B50, check, len(data), len(data))
        entries.append((path, start, check, len(data), flags))
    directory = b"".join(
        _ENTRY.pack(0x02014B50, 0, 0, flags, 0, 0, 0, check, size, size, len(path), 0, 0, 0, 0, 0, start)
        + path
        for path, start, check, size, flags in entries
    )
    begin, end = len(found), len(found) + len(directory)
    count = len(entries)
    found += directory
    found += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, len(directory), begin)
    found += struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    found += _END.pack(0x06054B50, 0, 0, count, count, len(directory), begin, 0)
    return bytes(found)


class Archive:
    """The records of an archive. Places count from where its bytes begin, whatever follows them."""

    def __init__(self, data: bytes) -> None:
        """Errors: RuntimeError for bytes that are no archive."""
        self.data = data
        self.at = 0
        """Behind the bytes of the record that was read last."""
        self.places: dict[str, tuple[int, int, int]] = {}
        """Where each record begins, how many bytes it has, and their checksum."""
        end = data.rfind(b"PK\x05\x06")
        if len(data) < _END.size:
            raise corrupt("zip archive: not a ZIP archive")
        try:
            count, at = _END.unpack_from(data, end)[4], _END.unpack_from(data, end)[6]
            for _ in range(count):
                entry = _ENTRY.unpack_from(data, at)
                check, size, length, start = entry[7], entry[9], entry[10], entry[16]
                at += _ENTRY.size
                name = data[at : at + length].decode()
                self.places[name.partition("/")[2]] = start, size, check
                at += length + entry[11] + entry[12]
        except (struct.error, UnicodeDecodeError):
            end = -1
        # Records that lie over one another would give more than there is.
        if end < 0 or sum(size for _, size, _ in self.places.values()) > len(data):
            raise corrupt("zip archive: failed finding central directory")

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def read(self, name: str) -> bytes:
        """The bytes of a record. Errors: RuntimeError where they are not those that were written."""
        if name not in self.places:
            raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found")
        start, size, check = self.places[name]
        try:
            *_, name_length, extra_length = _LOCAL.unpack_from(self.data, start)
        except struct.error:
            raise corrupt(f"file {name}: invalid header or archive is corrupted") from None
        begin = start + _LOCAL.size + name_length + extra_length
        self.at = begin + size
        data = self.data[begin : self.at]
        if crc32(data) != check:
            raise corrupt(f"file {name}: invalid header or archive is corrupted")
        return data


def corrupt(what: str) -> RuntimeError:
    """The error of an archive that cannot be read, or a part of it."""
    return RuntimeError(
        f"PytorchStreamReader failed reading {what}. This is an internal miniz error. If you are seeing this error, there is a "
        "high likelihood that your checkpoint file is corrupted. This can happen if the checkpoint was not saved properly, was "
        "transferred incorrectly, or the file was modified after saving."
    )


def _identity(records: Mapping[str, bytes]) -> bytes:
    """Forty digits, as PyTorch has; another hash than its own, which no reader checks."""
    digest = sha256(repr([(name, crc32(data)) for name, data in records.items()]).encode()).digest()
    return f"{int.from_bytes(digest) % 10**40:040d}".encode()
