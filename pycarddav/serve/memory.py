"""How the C library keeps the memory that it was given back."""

import ctypes

# <malloc.h>
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8

ARENAS = 2
LARGE = 2**16  # octets


def give_back() -> None:
    """Let what is large go back to the system as soon as it is not needed any more.

    Otherwise glibc takes what was large once for usual, and keeps holes of that size, in an arena
    for each thread: 75 MB instead of 52 after listings of 10,000 cards that change all the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and no such holes
    if mallopt:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE)
