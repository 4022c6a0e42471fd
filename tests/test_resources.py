import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from tfcaf_forge.resources import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(2**20)  # 8 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
keep_freed_memory()
np.ones(2**20)
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_blocks_are_not_fetched_from_the_system_again():
    # A process of its own: what it sets holds until the end. No huge pages and no earlier threshold of the allocator.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", FAULTS], env=env, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert after < 100
    assert before >= after
