"""The repository checks itself: who reads the environment, and how long a file may grow."""

import ast
import subprocess
from pathlib import Path

from typer.main import get_command

from relay.cli.commands import SUBJECTS, hang_commands
from relay.cli.shell import main_app
from relay.settings import ROOT

LINES_MAX = 300
FUNCTION_LINES_MAX = 70
UNLIMITED = ("alembic/versions/", "tests/")


def tracked(*patterns: str) -> list[Path]:
    """The files that are in the repository, or would be at the next commit."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in sorted(set(done.stdout.splitlines())) if (ROOT / name).exists()]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


PRODUCT = [path for path in tracked("*.py") if not name_of(path).startswith(UNLIMITED)]


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


def reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in ("environ", "environb", "getenv", "getenvb")
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(name.name in ("environ", "getenv") for name in node.names)
    return False


def test_only_the_settings_read_the_environment() -> None:
    relay = [path for path in PRODUCT if name_of(path).startswith("relay/")]
    readers = [name_of(path) for path in relay if any(map(reads_environment, ast.walk(parsed(path))))]
    assert readers == ["relay/settings/__init__.py"]


def test_every_command_is_found_by_its_name() -> None:
    hang_commands([])
    group = get_command(main_app)
    assert set(group.commands) == set(SUBJECTS)  # type: ignore[attr-defined]


def test_no_file_outgrows_its_room() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in PRODUCT}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [(path, node) for path in PRODUCT for node in ast.walk(parsed(path)) if isinstance(node, kinds)]
    lengths = {f"{name_of(path)}:{f.name}": (f.end_lineno or 0) - f.lineno + 1 for path, f in found}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


def test_no_lock_names_a_registry_or_a_folder_of_somebodys_machine() -> None:
    for path in tracked("requirements/*.txt"):
        words = path.read_text()
        assert "://" not in words, name_of(path)
    for path in tracked("*package-lock.json"):
        assert '"resolved"' not in path.read_text(), name_of(path)
