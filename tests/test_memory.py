"""What was needed once is given back."""

import ctypes

import pytest
from command import python

HOLES = """
import re, sys
from pathlib import Path
from pycarddav.serve import memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

if sys.argv[1:]:
    memory.give_back()
bytearray(b"x") * 30_000_000  # glibc takes this for usual from now on
large, small = [], []
for _ in range(60):
    large.append(b"x" * 1_000_000)
    small.append(b"x" * 5_000)
full = resident()
large.clear()
print(full - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_there_are_no_holes_where_large_answers_were():
    assert float(python("-c", HOLES).stdout) < 30
    assert float(python("-c", HOLES, "give back").stdout) > 50
