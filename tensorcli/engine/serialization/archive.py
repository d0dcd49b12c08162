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
        """Errors: ValueError for bytes that are no archive."""
        self.data = data
        self.at = 0
        """Behind the bytes of the record that was read last."""
        self.places: dict[str, tuple[int, int]] = {}
        end = data.rfind(b"PK\x05\x06")
        if end < 0 or len(data) < end + _END.size:
            raise ValueError("the bytes hold no directory of an archive")
        count, at = _END.unpack_from(data, end)[4], _END.unpack_from(data, end)[6]
        for _ in range(count):
            entry = _ENTRY.unpack_from(data, at)
            size, length, start = entry[9], entry[10], entry[16]
            at += _ENTRY.size
            name = data[at : at + length].decode()
            self.places[name.partition("/")[2]] = start, size
            at += length + entry[11] + entry[12]
        if sum(size for _, size in self.places.values()) > len(data):
            raise ValueError("the records of the archive lie over one another")

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def read(self, name: str) -> bytes:
        """The bytes of a record. Errors: KeyError."""
        start, size = self.places[name]
        *_, name_length, extra_length = _LOCAL.unpack_from(self.data, start)
        begin = start + _LOCAL.size + name_length + extra_length
        self.at = begin + size
        return self.data[begin : self.at]


def _identity(records: Mapping[str, bytes]) -> bytes:
    """Forty digits, as PyTorch has; another hash than its own, which no reader checks."""
    digest = sha256(repr([(name, crc32(data)) for name, data in records.items()]).encode()).digest()
    return f"{int.from_bytes(digest) % 10**40:040d}".encode()
