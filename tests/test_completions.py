"""The completion scripts: current, complete, driven by real shells, harmless.

PowerShell is not at hand where this was written: its script is only checked for its structure and
its table, by a parser where there is one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import past
import pytest
from shell_drivers import FILES, SCRIPTS, bash, bash_line, calls, fish, printed, zsh
from support import Llm

from llmcli.cli import complete
from llmcli.cli.shells import SCRIPTS as SHELLS
from llmcli.cli.shells import tree
from llmcli.cli.shells.tree import Command
from llmcli.store import Store

ROOT = SCRIPTS.parent
PROGRAM = tree.read()
COLON = "lab/qwen3:8b"
Driver = Callable[..., list[list[str]]]
# What is offered for a line, by every shell.
OFFERED = {
    "llm prov": ["providers"],
    "llm providers sh": ["show"],
    f"llm -m {COLON} --verb": ["--verbose"],
    "llm -m lab/": ["lab/plain", COLON],
    "llm -q -m lab/p": ["lab/plain"],
    "llm ask --fallback lab/p": ["lab/plain"],
    "llm models show lab/qw": [COLON],
    "llm models alias new lab/p": ["lab/plain"],
    "llm models alias fas": ["fast"],
    "llm -o verb": ["verbosity="],
    "llm -o verbosity=h": ["verbosity=high"],
    "llm --color al": ["always"],
    "llm completions f": ["fish"],
    "llm providers add gro": ["groq"],
    "llm providers add x --adapter openai-c": ["openai-chat"],
    "llm providers test groq lab gro": ["groq"],
    "llm providers show groq gro": [],
    "llm --key-env COMPLETE_ME_": ["COMPLETE_ME_NOW"],
    "llm config get display.c": ["display.color"],
    "llm local rm t": ["tiny"],
    "llm history show pars": ["parser"],
    "llm chat --id pars": ["parser"],
    "llm history export -f m": ["md"],
    "llm local pull sm": ["smollm2"],
    "llm -a note": ["notes.txt"],
    "llm batch note": ["notes.txt"],
    "llm batch subm": ["submit"],
    "llm batch notes.txt subm": [],
    "llm batch notes.txt --retr": ["--retries", "--retry-failed"],
    "llm batch notes.txt -m lab/p": ["lab/plain"],
    "llm batch notes.txt -o note": ["notes.txt"],
    "llm ask -- -m lab/p": [],
    "llm some words lab/p": [],
    "llm -s provi": [],
}


@pytest.fixture
def home(llm: Llm) -> Llm:
    """A user with a provider, an alias, weights and a file."""
    config = llm.home / "config"
    (config / "providers").mkdir(parents=True)
    (config / "config.toml").write_text(f'[aliases]\nfast = "{COLON}"\n')
    (config / "providers" / "lab.toml").write_text(
        'adapter = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\n'
        f'[models."{COLON}"]\n[models.plain]\n'.replace("lab/", "")
    )
    (llm.home / "data" / "models").mkdir(parents=True)
    (llm.home / "data" / "models" / "tiny.gguf").write_text("GGUF")
    (llm.root / "notes.txt").touch()
    turns = past.talk(llm.db, "hello")
    store = Store(llm.db)
    store.rename(turns[0].conversation, "parser")
    store.close()
    llm.env["COMPLETE_ME_NOW"] = "value"
    return llm


def commands_of(group: Command, offered: list[str]) -> list[str]:
    """What was offered, without the files where one may stand in the place of a command."""
    if all(argument.values.kind != "files" for argument in group.arguments):
        return offered
    names = {command.path[-1] for command in group.commands}
    return [name for name in offered if name in names]


def names_of(command: Command) -> list[str]:
    return sorted(name for option in command.options for name in option.names)


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_what_the_command_prints(llm: Llm, shell: str) -> None:
    advice = f"old: llm completions {shell} > completions/{FILES[shell]}"
    assert (SCRIPTS / FILES[shell]).read_text() == printed(llm, shell), advice


def test_every_parameter_has_a_rule() -> None:
    places = [
        f'"{command.name} {place}"'
        for command in PROGRAM.named()
        for place, values in [
            *((option.names[-1], option.values) for option in command.options),
            *((argument.metavar, argument.values) for argument in command.arguments),
        ]
        if values and values.kind == "unruled"
    ]
    assert not places, f"say in llmcli/cli/shells/rules.py what these take: {', '.join(places)}"


def test_an_unknown_shell_is_a_usage_error_that_names_the_four(llm: Llm) -> None:
    result = llm("completions", "tcsh")
    assert (result.code, result.out) == (2, b"")
    assert all(shell in result.err for shell in FILES)


def test_help_shows_how_to_install_for_each_shell(llm: Llm) -> None:
    text = llm("completions", "--help").text
    assert all(f"llm completions {shell} " in text for shell in FILES)


@pytest.mark.parametrize("shell", FILES)
def test_scripts_hold_nothing_of_the_user(home: Llm, shell: str) -> None:
    home.config.write_text("broken [")
    home.env["GROQ_API_KEY"] = "canary"
    assert printed(home, shell) == (SCRIPTS / FILES[shell]).read_text()


def test_bash_offers_every_command_and_option(llm: Llm) -> None:
    commands = list(PROGRAM.walk())
    options = bash(llm, *(f"llm {c.name} -".replace("  ", " ") for c in commands))
    assert [sorted(found) for found in options] == [names_of(c) for c in commands]
    groups = [c for c in commands if c.commands]
    below = bash(llm, *(f"llm {c.name} ".replace("  ", " ") for c in groups))
    assert below == [[c.path[-1] for c in group.commands] for group in groups]
    assert calls(llm) == []  # nothing was started for it


def test_fish_offers_every_command_and_option(llm: Llm) -> None:
    commands = list(PROGRAM.walk())
    options = fish(llm, *(f"llm {c.name} -".replace("  ", " ") for c in commands))
    assert [sorted(found) for found in options] == [names_of(c) for c in commands]
    groups = [c for c in commands if c.commands]
    below = fish(llm, *(f"llm {c.name} ".replace("  ", " ") for c in groups))
    for group, offered in zip(groups, below, strict=True):
        assert commands_of(group, offered) == sorted(c.path[-1] for c in group.commands)
    assert calls(llm) == []


def test_zsh_offers_every_command_and_option(llm: Llm) -> None:
    commands = list(PROGRAM.walk())
    found = zsh(llm, *(f"llm {c.name} -".replace("  ", " ") for c in commands))
    for command, (offered, _) in zip(commands, found, strict=True):
        assert sorted({name.rstrip("=") for name in offered}) == names_of(command), command.name
    groups = [c for c in commands if c.commands]
    below = zsh(llm, *(f"llm {c.name} ".replace("  ", " ") for c in groups))
    for group, (offered, _) in zip(groups, below, strict=True):
        assert commands_of(group, offered) == [c.path[-1] for c in group.commands]
    assert calls(llm) == []


def test_bash_offers_values(home: Llm) -> None:
    lines = {line: want for line, want in OFFERED.items() if want != ["notes.txt"]}
    cut = {"lab/qwen3:8b": "lab/qwen3:8b", "verbosity=high": "high"}  # readline keeps `verbosity=`
    found = bash(home, *lines)
    for (line, want), offered in zip(lines.items(), found, strict=True):
        assert sorted(offered) == sorted(cut.get(value, value) for value in want), line


def test_fish_offers_values(home: Llm) -> None:
    found = fish(home, *OFFERED)
    assert dict(zip(OFFERED, map(sorted, found), strict=True)) == OFFERED


def test_zsh_offers_values(home: Llm) -> None:
    found = zsh(home, *OFFERED)
    for (line, want), (offered, after) in zip(OFFERED.items(), found, strict=True):
        assert sorted(offered) == want, line
        if len(want) == 1:
            end = "" if want[0].endswith("=") else " "
            assert after == line.rpartition(" ")[0] + " " + want[0] + end


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("llm -m lab/q\thi", ["-m", COLON, "hi"]),
        ("llm -m lab/qwen3:\thi", ["-m", COLON, "hi"]),
        ("llm --model=lab/qwen3:8\thi", [f"--model={COLON}", "hi"]),
        ('llm -m "lab/qwen3:\thi', ["-m", COLON, "hi"]),
        ("llm -m 'lab/q\thi", ["-m", COLON, "hi"]),
        ('llm "größe" -m lab/qwen3:\t', ["größe", "-m", COLON]),
        ("llm -o temp\t0.2 hi", ["-o", "temperature=0.2", "hi"]),
        ("llm --option=verbosity=h\thi", ["--option=verbosity=high", "hi"]),
        ("llm -a note\thi", ["-a", "notes.txt", "hi"]),
        ("llm --attach=note\t", ["--attach=notes.txt"]),
        ("llm -m @cf\thi", ["-m", "@cf/x:1", "hi"]),
        ("llm prov\tsh\tgro\t", ["providers", "show", "groq"]),
    ],
)
def test_tab_and_enter_in_a_real_bash(home: Llm, line: str, arguments: list[str]) -> None:
    """What the command gets; bash breaks words at : = and @, and appends blanks."""
    with home.config.open("a") as file:
        file.write('"@cf/x:1" = "lab/plain"\n')
    assert bash_line(home, line) == [arguments]


HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    ";touch pwned",
    "it's",
    'a"b',
    "a b",
    "a\\b",
    "*",
    "!!",
]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_hostile_value_stays_one_word(home: Llm, shell: str) -> None:
    """A config may be copied from somewhere; what fish inserts it quotes itself."""
    names = [f"evil{number}{name}" for number, name in enumerate(HOSTILE)]
    rows = "\n".join(f"{json.dumps(name)} = 'lab/plain'" for name in names)
    home.config.write_text(f"[aliases]\n{rows}\n")
    lines = [f"llm -m {name[:5]}" for name in names]
    if shell == "bash":
        got = bash_line(home, *(line + "\t" for line in lines))
    else:
        got = [arguments(home, after) for _, after in zsh(home, *lines)]
    assert got == [["-m", name] for name in names]
    assert not list(home.root.rglob("pwned"))


def arguments(home: Llm, line: str) -> list[str]:
    """What a command gets when zsh runs this line."""
    show = f"llm() {{ printf '%s\\0' \"$@\" }}; {line}"
    run = subprocess.run(["zsh", "-fc", show], cwd=home.root, capture_output=True, text=True)
    return run.stdout.split("\0")[:-1]


@pytest.mark.parametrize("driver", [bash, fish], ids=["bash", "fish"])
def test_a_broken_config_is_silent_in_the_shell(home: Llm, driver: Driver) -> None:
    home.config.write_text("broken [")
    assert driver(home, "llm -m lab/", "llm prov") == [[], ["providers"]]


def test_powershell_has_every_command_and_option_in_its_table() -> None:
    text = (SCRIPTS / FILES["powershell"]).read_text()
    assert text.isascii()
    table = re.findall(r"(?ms)^        '([^']*)' = @\(\n(.*?)^        \)$", text)
    assert [name for name, _ in table] == [command.name for command in PROGRAM.walk()]
    for (_, rows), command in zip(table, PROGRAM.walk(), strict=True):
        names = re.findall(r"(?m)^ {12}'([^'|]+)\|[a-z-]+(?: [^|]*)?\|(?:[^']|'')*'$", rows)
        assert len(names) == len(rows.splitlines())
        assert sorted(name for name in names if name.startswith("-")) == names_of(command)
        assert {below.path[-1] for below in command.commands} <= set(names)


def test_powershell_is_balanced() -> None:
    text = (SCRIPTS / FILES["powershell"]).read_text()
    code = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"`]|`.)*\"|#.*", "", text)
    assert not re.search("['\"]", code)
    depth: list[str] = []
    for char in re.findall(r"[][(){}]", code):
        if char in "([{":
            depth.append({"(": ")", "[": "]", "{": "}"}[char])
        else:
            assert depth.pop() == char
    assert not depth


def test_powershell_parses() -> None:
    grammar = pytest.importorskip("tree_sitter_powershell", reason="needs tree-sitter-powershell")
    import tree_sitter

    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    assert not parser.parse((SCRIPTS / FILES["powershell"]).read_bytes()).root_node.has_error


def test_all_four_shells_ask_for_the_same_kinds() -> None:
    for shell in SHELLS:
        text = SHELLS[shell](PROGRAM)
        assert "__complete" in text
        missing = [kind for kind in complete.KINDS if kind not in text]
        assert not missing, shell


def test_the_wheel_puts_them_where_shells_look(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="needs hatchling, which builds the wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    places = {
        "bash": "share/bash-completion/completions/llm",
        "zsh": "share/zsh/site-functions/_llm",
        "fish": "share/fish/vendor_completions.d/llm.fish",
        "powershell": "share/llmcli/completions/llm.ps1",
    }
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [data] = {name.partition("/")[0] for name in archive.namelist() if ".data/" in name}
        for shell, place in places.items():
            assert archive.read(f"{data}/data/{place}") == (SCRIPTS / FILES[shell]).read_bytes()
