"""What this process wrote, by digests: nothing else is read where reading may make any object (`weights_only=False`)."""

import pickle
from hashlib import sha256


class Written:
    """Texts of bytes, by their digests."""

    def __init__(self) -> None:
        self.digests: dict[int, set[bytes]] = {}
        """By the lengths of the texts."""

    def add(self, data: bytes) -> None:
        """These bytes were written."""
        self.digests.setdefault(len(data), set()).add(sha256(data).digest())

    def beginning(self, data: bytes) -> bytes | None:
        """What of the bytes, from the first one on, was written; None where nothing was."""
        for length, digests in self.digests.items():
            if length <= len(data) and sha256(data[:length]).digest() in digests:
                return data[:length]
        return None

    def checked(self, data: bytes) -> bytes:
        """The beginning of an archive. Errors: pickle.UnpicklingError where nothing of it was written."""
        found = self.beginning(data)
        if found is None:
            raise pickle.UnpicklingError("weights_only=False reads only what torch.save wrote here")
        return found
