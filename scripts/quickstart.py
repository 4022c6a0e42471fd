"""Set up a virtual environment with tested versions, then run the main job or the tests.

    python3 scripts/quickstart.py            install, and synthesize a credit function (the main job)
    python3 scripts/quickstart.py test       install, and run the tests
    python3 scripts/quickstart.py install    install only

Needs Python 3.11 or newer with pip and venv, and the package index; no key, no Docker, no GPU, no root. What follows
the first word goes to the program: `quickstart.py run --seed 3`, `quickstart.py test -k graph`. The tests run on two
processors where there are two; `test -n 0` takes one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where torch publishes its CPU builds, for platforms whose default build brings CUDA packages."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", nargs="?", default="run", choices=["run", "test", "install"])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="the environment's folder")
    options, rest = parser.parse_known_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the place that says so
        sys.stderr.write(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try python3.11 or python3.12\n"
        )
        return 2
    python = create(options.venv)
    install(python, "lbf,mpe,rware,onnx,jax,docs,dev,docker,llm,sign" if options.job == "test" else "lbf")
    if options.job == "install":
        return 0
    return start(python, options.job, rest)


def create(folder: Path) -> Path:
    """The environment's interpreter; the environment is made where there is none."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        say(f"creating {folder}")
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(folder)
    return python


def install(python: Path, extras: str) -> None:
    """This checkout with tested versions; torch first, as a CPU build."""
    say("installing (a minute or two)")
    if not has(python, pinned("torch")):
        pip(python, "install", *index_for_torch(python), pinned("torch"))
    pip(python, "install", "--constraint", str(CONSTRAINTS), "--editable", f"{ROOT}[{extras}]")


def start(python: Path, job: str, rest: list[str]) -> int:
    """The main job or the tests, in the environment."""
    if job == "test":
        workers = ["-n", "2", "--dist", "loadgroup"] if (os.cpu_count() or 1) > 1 else []
        return subprocess.call([str(python), "-m", "pytest", *workers, *rest], cwd=ROOT)
    return subprocess.call([str(python), "-m", "tfcaf_forge", "synthesize", *rest])


def pinned(package: str) -> str:
    """`torch==2.13.0`, from the constraints."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def has(python: Path, requirement: str) -> bool:
    """Whether the environment has this version already."""
    package, _, version = requirement.partition("==")
    code = (
        f"from importlib.metadata import version; raise SystemExit(version({package!r}).split('+')[0] != {version!r})"
    )
    return subprocess.call([str(python), "-c", code], stderr=subprocess.DEVNULL) == 0


def index_for_torch(python: Path) -> list[str]:
    """Options that lead to the CPU build, where the default build would bring CUDA packages."""
    command = ["install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-", pinned("torch")]
    done = subprocess.run([str(python), "-m", "pip", *command], capture_output=True, text=True, check=False)
    try:
        chosen = json.loads(done.stdout)["install"][0]["metadata"]
    except (ValueError, KeyError, IndexError):
        return []
    needs = " ".join(chosen.get("requires_dist", []))
    return ["--index-url", CPU_INDEX] if sys.platform == "linux" and "nvidia" in needs else []


def pip(python: Path, *arguments: str) -> None:
    """Run pip quietly; on a failure show what it said."""
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise SystemExit(f"pip {arguments[0]} failed; the lines above say why. Repeat the command to go on.")


def say(text: str) -> None:
    sys.stderr.write(f"quickstart: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
