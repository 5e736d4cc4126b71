"""Errors that are no fault of the program."""

import errno
import os

STUDY = "pip install 'cifake-keras[study]'"


class UserError(Exception):
    """One sentence for people: what is wrong, with which file or option, and what to do."""

    status = 2


class Unfinished(UserError):
    """Some of the work failed, the rest is done."""

    status = 1


def of_the_disk(error: Exception) -> str | None:
    """The message for a full or read-only disk, for which TensorFlow, HDF5 and array_record have their own errors."""
    problem = _of_the_disk(error)
    return problem and f"{problem}. Mend it, and run the command again."


def of_the_study(error: Exception, user: str) -> str | None:
    """The message for a package that is missing where only the detector was installed. user: who needs it."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    # A package that lacks a part of its own is broken, and the extra would not mend it.
    return f"{user} needs {name}: {STUDY}" if name and "." not in name else None


def _of_the_disk(error: Exception) -> str | None:
    reasons = map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO))
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if reason := next((reason for reason in reasons if reason in str(error)), None):
        return f"{reason}, where data, results, SavedModels or answers are written"
    return str(error) if isinstance(error, OSError) else None
