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
    for _ in range(5):
        blocks = [np.ones(3 * 2**20) for _ in range(3)]  # 24 MiB each; freed together they are more than glibc keeps
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
keep_freed_memory()
faults()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_blocks_are_not_fetched_from_the_system_again():
    # A process of its own: what it sets holds until the end. No huge pages and no earlier threshold of the allocator.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", FAULTS], env=env, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 1000, "what this is for"
    assert after < 100
