"""Files that are written completely or not at all."""

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress

FilePath = str | os.PathLike[str]


def write_whole(path: FilePath, data: bytes) -> None:
    """Write bytes to a file so that it always holds either its old content or all of the new one.

    If the path is a symbolic link, the file that it points to is replaced and the link stays. A hard link cannot be
    kept: the other names of the file keep the old content.

    Args:
        path: the file.
        data: its new content.

    Raises:
        OSError: with the path. The file then keeps its old content.
        ValueError: if no file can have this name.
    """
    try:
        target = resolve_links(path)
        refuse_special(target)
        _replace(target, data)
    except OSError as error:
        raise naming_path(error, path) from error


def resolve_links(path: FilePath) -> str:
    """Return the file that a path leads to through any number of symbolic links; the file need not exist.

    Raises:
        OSError: if links lead to each other.
        ValueError: if no file can have this name.
    """
    try:
        target = os.path.realpath(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} is not a valid path: {error}") from error
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def refuse_special(path: FilePath) -> None:
    """Raise `OSError` for a device or a directory, which a file must not replace."""
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def refuse_unwritable(path: FilePath) -> None:
    """Raise `OSError` for a path in no directory, or in one that cannot be written, and for what is no regular file."""
    target = resolve_links(path)
    with tempfile.TemporaryFile(dir=os.path.dirname(target)):
        pass  # only a try shows it: the permissions of a directory are not the whole answer
    refuse_special(target)


def refuse_shared(argument: str, path: FilePath, others: Iterable[FilePath | None]) -> None:
    """Raise `ValueError` if another callback of the same fit writes the same file.

    Args:
        argument: the argument that names the file.
        path: the file.
        others: those of the other callbacks.
    """
    if resolve_links(path) in [resolve_links(other) for other in others if other is not None]:
        raise ValueError(
            f"Metrics: two callbacks of this fit have the {argument} {os.fspath(path)!r}. Give each its own file."
        )


def naming_path(error: OSError, path: FilePath) -> OSError:
    """Return an `OSError` of the same kind with the path as the user gave it."""
    reason = "no such directory" if error.errno == errno.ENOENT else error.strerror or error
    return OSError(error.errno, f"cannot write the file: {reason}", os.fspath(path))


def _replace(target: str, data: bytes) -> None:
    part = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.part")  # short: file names have a limit
    try:
        _write_part(part, data)
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
        _sync_directory(os.path.dirname(target))
    finally:
        with suppress(OSError):  # after a successful write the part no longer exists
            os.unlink(part)


def _write_part(part: str, data: bytes) -> None:
    with open(part, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: str) -> None:
    """Make the new name survive a power failure, on systems that can sync a directory."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
