"""The architecture as a test: layers, sizes, late imports, what product code may know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "llmcli"
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_LINES = 300
FUNCTION_LINES = 40

# Places outside cli/ that may import late, each because of what the import costs at start-up.
LATE = {
    "adapters/__init__.py": "importlib.metadata, only for an adapter of a stranger's",
    "attachments.py": "html.parser, only for a web page",
    "http/routes.py": "certifi, only where the system has no certificates",
    "transcripts/markdown.py": "markdown-it, only for an answer that may leave a block open",
    "options.py": "difflib, only to suggest a name",
    "paths.py": "platformdirs, not needed under LLMCLI_HOME",
    "app.py": "the guard, only where there is a budget",
    "recorder/__init__.py": "JSON documents, only when the database cannot take a turn",
    "store/writing.py": "holds, only with a budget",
    "candidates.py": "the kept replies, only where they are wanted",
    "registry.py": "httpx or the engine, whichever the provider needs; weights only for local",
    "render/__init__.py": "rich only for a terminal",
    "render/tables.py": "rich's tables, only when one is shown",
    "store/accounts.py": "what only reports and budgets need, not a question",
    "languages.py": "pygments, only for a code block",
    "keys/store.py": "keyring, only when a key must come from it",
    "keys/aws.py": "botocore, an extra",
    "keys/sources.py": "subprocess and resource, only for keys that need them",
    "terminal.py": "getpass, only to ask for a secret",
    "tomlfile.py": "tomli_w and tomlkit, only to write",
    "repl/slash/attach.py": "httpx, only to fetch a page",
    "repl/slash/saving.py": "markdown-it and pygments, only to write a page",
    "engines/llamacpp.py": "xllamacpp, an extra",
}


def source(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    """The path inside the package."""
    return path.relative_to(PACKAGE).as_posix()


def test_layers() -> None:
    """Imports point down only, and each library has one door."""
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=name)
def test_sizes(path: Path) -> None:
    """Files stay under 300 lines, the bodies of functions under 40."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    for node in ast.walk(source(path)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert length <= FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", FILES, ids=name)
def test_late_imports_only_where_named(path: Path) -> None:
    """Outside cli/, an import inside a function stands in the list above with its reason."""
    if name(path).startswith("cli/") or name(path) in LATE:
        return
    for node in ast.walk(source(path)):
        if isinstance(node, ast.FunctionDef):
            late = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not late, f"{node.name} imports late"


def test_list_of_late_imports_is_current() -> None:
    """No file stands in the list that does not need it."""
    for entry in LATE:
        path = PACKAGE / entry
        functions = [n for n in ast.walk(source(path)) if isinstance(n, ast.FunctionDef)]
        assert any(
            isinstance(n, ast.Import | ast.ImportFrom) for f in functions for n in ast.walk(f)
        ), entry


def test_no_module_without_a_sentence() -> None:
    """Every module says in its first line what it is."""
    for path in FILES:
        assert ast.get_docstring(source(path)), name(path)


def test_no_drawers() -> None:
    """No utils, helpers or common: a name says what is inside."""
    drawers = {"utils", "helpers", "common", "misc", "types", "constants"}
    assert not [name(path) for path in FILES if path.stem in drawers]


def test_product_does_not_know_it_is_tested() -> None:
    """No test mode, and nothing of this machine."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pytest|unittest|under_test|TESTING|/home/|/root/|/work/", text), path


def test_nothing_is_executed_from_providers() -> None:
    """The shelf holds cards and a README, no code."""
    kinds = {path.suffix for path in (ROOT / "providers").iterdir()}
    assert kinds == {".toml", ".md"}
