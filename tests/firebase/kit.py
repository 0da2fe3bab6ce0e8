"""What the tests of the emulator suite stand on: firebase-tools from npm, the functions' Python, a project.

Everything that takes long is kept in `.cache`, under a name made of what it was made from, and used again.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from gemchain.cli.wheel import write_wheel

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CACHE = HERE / ".cache"
FUNCTIONS = REPOSITORY / "functions"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:16]


def run(*command: str | Path, folder: Path = HERE) -> None:
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def firebase_tools() -> list[str]:
    """The command of firebase-tools, installed by npm from the lock on first use."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"npm-{digest(lock)}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, folder / name)
        run("npm", "ci", "--no-progress", folder=folder)
        (folder / "done").touch()
    return ["node", str(folder / "node_modules/firebase-tools/lib/bin/firebase.js")]


def functions_python(requirements: bytes) -> Path:
    """A virtual environment with the requirements of a codebase, gemchain as a wheel among them."""
    CACHE.mkdir(exist_ok=True)
    wheel = write_wheel(CACHE / "vendor")
    others = (REPOSITORY / "pyproject.toml").read_bytes()
    folder = CACHE / f"venv-{digest(requirements, others, PYTHON.encode())}"
    pip = folder / "bin" / "pip"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(pip, "install", "--quiet", f"{wheel}[firebase]")
        (folder / "done").write_text(digest(wheel.read_bytes()))
    elif (folder / "done").read_text() != digest(wheel.read_bytes()):
        run(pip, "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
        (folder / "done").write_text(digest(wheel.read_bytes()))
    return folder


def make_project(folder: Path, **settings: str) -> Path:
    """The repository's own Firebase project, copied, with settings of the test's in the emulators' `.env`."""
    for name in ("firebase.json", "firestore.rules", "firestore.indexes.json", "storage.rules"):
        shutil.copy(REPOSITORY / name, folder / name)
    config = folder / "firebase.json"
    config.write_text(config.read_text().replace('"python311"', f'"{PYTHON.replace(".", "")}"'))
    shutil.copytree(
        FUNCTIONS, folder / "functions", ignore=shutil.ignore_patterns("venv", "vendor", "__pycache__")
    )
    functions = folder / "functions"
    (functions / "venv").symlink_to(functions_python((functions / "requirements.txt").read_bytes()))
    (functions / ".secret.local").write_text("GEMCHAIN_SIGNING_KEY=only-for-tests\n")
    with (functions / ".env.local").open("a") as out:
        out.writelines(f"{name}={value}\n" for name, value in settings.items())
    return folder
