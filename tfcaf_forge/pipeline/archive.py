"""Archive: files as one zip that has exactly one byte string, and the reading of such a zip that nobody vouches for.

Nothing is compressed, so a small file cannot unfold into a large one; nothing is ever written to a path that the archive
names. What is read is written again and must give the same bytes, so an archive has no room for prepended, appended or
hidden data, doubled names, links, or headers that tell two programs two things.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tfcaf_forge.errors import InputError

MAX_ARCHIVE = 512 << 20
MAX_FILE = 128 << 20
MAX_FILES = 20_000
_NAME = re.compile(r"[a-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*)?")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16


class BundleError(InputError):
    """A bundle that cannot be read, or that is not what it says."""

    code = "bundle"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The one archive of these files: by name, uncompressed, without times.

    Raises:
        BundleError: a name or a size is none that `unpack` would take.
    """
    for name, body in files.items():
        _check_name(name)
        _check_size(name, len(body))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr, info.create_system = _MODE, 3
            archive.writestr(info, files[name])
    return made.getvalue()


def read(path: Path) -> dict[str, bytes]:
    """The files of an archive on the disk; errors as in `unpack`."""
    try:
        if not path.is_file():
            raise BundleError(f"there is no bundle {path}; `forge bundle RUN -o {path.name}` makes one")
        with path.open("rb") as file:
            data = file.read(MAX_ARCHIVE + 1)
    except OSError as fault:
        raise BundleError(f"cannot read {path}: {fault.strerror}; give the path of a bundle") from None
    return unpack(data)


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive, in memory.

    Raises:
        BundleError: it is not exactly what `pack` writes; names what is wrong.
    """
    if len(data) > MAX_ARCHIVE:
        raise BundleError(f"the archive is larger than {MAX_ARCHIVE:,} bytes; no bundle is")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _files(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OverflowError) as fault:
        raise BundleError(f"this is no archive, or a damaged one: {fault}") from None
    if pack(files) != data:
        raise BundleError("the archive holds bytes outside its files, or headers that do not describe them")
    return files


def _files(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise BundleError(f"the archive holds {len(infos):,} files; no bundle has more than {MAX_FILES:,}")
    seen: set[str] = set()
    for info in infos:
        _check_info(info)
        if info.filename.casefold() in seen:
            raise BundleError(f"the archive holds {_shown(info.filename)} twice")
        seen.add(info.filename.casefold())
    return {info.filename: archive.read(info) for info in infos}


def _check_info(info: zipfile.ZipInfo) -> None:
    _check_name(info.orig_filename)
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BundleError(f"{name} in the archive is a link; a bundle holds plain files only")
    if kind not in (stat.S_IFREG, 0) or info.is_dir():
        raise BundleError(f"{name} in the archive is no plain file")
    if info.flag_bits & 1:
        raise BundleError(f"{name} in the archive is encrypted")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise BundleError(f"{name} in the archive is compressed ({info.file_size:,} bytes from {info.compress_size:,}); a bundle holds plain bytes only")  # fmt: skip
    _check_size(name, info.file_size)


def _check_name(name: str) -> None:
    if len(name) > 200 or not _NAME.fullmatch(name):
        raise BundleError(f"the archive holds a file with the name {_shown(name)}, which leads elsewhere or is no bundle's")  # fmt: skip


def _check_size(name: str, size: int) -> None:
    if size > MAX_FILE:
        raise BundleError(f"{name} has {size:,} bytes; no file of a bundle has more than {MAX_FILE:,}")


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 100 else f"{name[:100]}…")
