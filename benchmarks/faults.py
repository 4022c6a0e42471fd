"""A run of forty candidates in containers whose whole engine is killed under it, twice: what is lost, what is left.

python benchmarks/faults.py --pidfile PIDFILE --start COMMAND [--backend docker]

For an engine of your own (`DOCKER_HOST`), which nobody else uses: it is killed with SIGKILL, once started again at once and
once only after the run has given up.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.pipeline.striking import RUN, Host, ends, run_under_fire
from tests.pipeline.struck_run import run
from tfcaf_forge.sandbox.docker_engine import connect
from tfcaf_forge.sandbox.docker_owner import RUN as LABEL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pidfile", type=Path, required=True, help="of the engine")
    parser.add_argument("--start", required=True, help="starts the engine again, and returns when it answers")
    parser.add_argument("--backend", default="docker", choices=("docker", "gvisor"))
    options = parser.parse_args()

    def kill() -> None:
        os.kill(int(options.pidfile.read_text()), signal.SIGKILL)
        time.sleep(0.5)
        options.pidfile.unlink(missing_ok=True)

    def start() -> None:
        subprocess.run(shlex.split(options.start), check=True)

    def restart(host: Host) -> None:
        kill()
        start()

    def stop_until_it_gives_up(host: Host) -> None:
        kill()
        host.process.wait(120)
        start()

    strikes = {10: ("engine, back at once", restart), 25: ("engine, back later", stop_until_it_gives_up)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "struck"
        begin = time.monotonic()
        found = run_under_fire([*RUN, str(folder), options.backend], folder, strikes, dict(os.environ))
        seconds = time.monotonic() - begin
        same = ends(folder) == ends(Path(run(Path(name) / "quiet").folder))
    client = connect()
    left = [item["Id"][:12] for item in client.api.containers(all=True, filters={"label": LABEL})]
    client.close()
    print(f"exit codes           {found.codes}")
    print(f"struck               {found.struck}")
    print(f"processes left       {sorted(found.left)}")
    print(f"containers left      {left}")
    print(f"same as undisturbed  {same}")
    print(f"seconds              {seconds:.1f}")


if __name__ == "__main__":
    main()
