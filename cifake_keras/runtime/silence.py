"""Keeps quiet what native libraries write, for which they have no setting."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def standard_error() -> Iterator[None]:
    """Within, what is written to it is lost; errors that are Python exceptions are not."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
