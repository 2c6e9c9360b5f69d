"""Archives made in memory, the same bytes whenever they are made: a mutated one is named by a number."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping

import pyarrow as pa

__all__ = ["tarred", "zipped", "zstd"]

OWNER_ONLY = 0o600 << 16
"""As zipfile gives a member that is only named; beside that it would give the time of day."""


def zipped(files: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The files as a zip, each of the first day that a zip knows."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = OWNER_ONLY
            archive.writestr(info, data, method)
    return sink.getvalue()


def tarred(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """The files as a tar."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def zstd(data: bytes) -> bytes:
    """One zstd frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    made: bytes = sink.getvalue().to_pybytes()
    return made
