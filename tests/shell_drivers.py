"""Real shells that complete real lines: what Tab offers, and what it leaves in the line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import SECONDS
from support import COMMAND, Llm

SCRIPTS = Path(__file__).parent.parent / "completions"
FILES = {"bash": "llm.bash", "zsh": "_llm", "fish": "llm.fish", "powershell": "llm.ps1"}

# Calls the function as readline does: words are broken at blanks, and at each run of : and =.
_BASH = r"""
source "$1"
shift
while (( $# )); do
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=() COMP_CWORD=$(( $2 - 1 ))
    COMP_WORDS=("${@:3:$2}")
    shift $(( $2 + 2 ))
    _llm
    printf '%s\037' "${COMPREPLY[@]}"
    printf '\n'
done
"""
_FISH = r"""
source $argv[1]
for line in $argv[2..-1]
    complete -C $line
    echo \f
end
"""
# Writes what is offered and the line as it is afterwards, between control characters.
_ZSH = r"""
PS1='%% '
unsetopt zle_bracketed_paste beep
fpath=("$DRIVEN" $fpath)
autoload -U compinit
compinit -u -D
LISTMAX=10000
driven() {
    emulate -L zsh
    local -a offered
    compadd() {
        if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
            local -a some
            builtin compadd -A some "$@"
            offered+=("${(Q)some[@]}")
        fi
        builtin compadd "$@"
    }
    zle complete-word
    unfunction compadd
    zle -I
    print -rn -- $'\x01'"${(pj:\x1f:)offered}"$'\x02'"$BUFFER"$'\x03'
    BUFFER=
}
zle -N driven
bindkey '^I' driven
print -n $'\x04'
"""


def install(llm: Llm) -> dict[str, str]:
    """An environment whose `llm` is the one under test; each call leaves a line in `calls`."""
    folder = llm.root / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "llm"
    log = llm.root / "calls"
    log.touch()
    command = " ".join(f"'{part}'" for part in COMMAND)
    program.write_text(f'#!/bin/sh\necho "$*" >> \'{log}\'\nexec {command} "$@"\n')
    program.chmod(0o755)
    return {**llm.env, "PATH": f"{folder}:{llm.env['PATH']}", "TERM": "dumb"}


def calls(llm: Llm) -> list[str]:
    """The arguments of each call of `llm` that a shell has made."""
    return (llm.root / "calls").read_text().splitlines()


def need(shell: str) -> str:
    """The path of a shell; the test is skipped where it is not installed."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


def bash(llm: Llm, *lines: str) -> list[list[str]]:
    """For each line what the function leaves in COMPREPLY."""
    arguments: list[str] = []
    for line in lines:
        words = readline_words(line)
        arguments += [line, str(len(words)), *words]
    out = _run(
        llm, [need("bash"), "--norc", "-uc", _BASH, "bash", SCRIPTS / FILES["bash"]], arguments
    )
    return [row.removesuffix("\x1f").split("\x1f") if row.strip("\x1f") else [] for row in out]


def readline_words(line: str) -> list[str]:
    """The words of a line as bash has them in COMP_WORDS; the last one is being typed."""
    words = re.findall(r"[:=]+|[^\s:=]+", line)
    return [*words, ""] if line.endswith(" ") else words


def fish(llm: Llm, *lines: str) -> list[list[str]]:
    """For each line the values that fish offers, without their descriptions."""
    command = [need("fish"), "--no-config", "-c", _FISH, SCRIPTS / FILES["fish"]]
    text = "\n".join(_run(llm, command, lines))
    return [
        [row.partition("\t")[0] for row in part.splitlines() if row]
        for part in text.split("\f")[: len(lines)]
    ]


def _run(llm: Llm, command: Sequence[str | Path], arguments: Sequence[str]) -> list[str]:
    run = subprocess.run(
        [*command, *arguments],
        env=install(llm),
        cwd=llm.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.split("\n")[:-1]


def zsh(llm: Llm, *lines: str) -> list[tuple[list[str], str]]:
    """For each line what zsh offers, and the line that Tab makes of it."""
    found = []
    with _terminal(llm, [need("zsh"), "-f", "-i"], DRIVEN=str(SCRIPTS)) as terminal:
        driver = llm.root / "driver.zsh"
        driver.write_text(_ZSH)
        terminal.sendline(f"source {driver}")
        terminal.expect_exact("\x04")
        for line in lines:
            terminal.send(f"{line}\t")
            terminal.expect("\x01([^\x02]*)\x02([^\x03]*)\x03")
            offered, after = (group.replace("\r\n", "\n") for group in terminal.match.groups())
            found.append(([word for word in offered.split("\x1f") if word], after))
    return found


def bash_line(llm: Llm, *lines: str) -> list[list[str]]:
    """For each line, with Tabs in it, the arguments that a command would really get by Enter."""
    found = []
    with _terminal(llm, [need("bash"), "--norc", "--noprofile", "-i"], INPUTRC="/dev/null") as tty:
        driver = llm.root / "driver.bash"
        show = r"llm() { printf '\001'; printf '%s\037' " + r'"$@"; ' + r"printf '\002'; }"
        driver.write_text(
            f"PS1='$ '\nbind 'set bell-style none'\nbind 'set enable-bracketed-paste off'\n"
            f"source '{SCRIPTS / FILES['bash']}'\n{show}\nprintf '\\004'\n"
        )
        tty.sendline(f"source {driver}")
        tty.expect_exact("\x04")
        for line in lines:
            tty.send(f"{line}\r")
            tty.expect("\x01([^\x02]*)\x02")
            found.append(tty.match[1].split("\x1f")[:-1])
    return found


@contextmanager
def _terminal(llm: Llm, command: Sequence[str], **variables: str) -> Iterator[Any]:
    import pexpect

    child = pexpect.spawn(
        command[0],
        list(command[1:]),
        env={**install(llm), **variables},
        cwd=str(llm.root),
        encoding="utf-8",
        dimensions=(60, 400),
        timeout=SECONDS,
    )
    child.delaybeforesend = None
    try:
        yield child
    finally:
        child.close(force=True)


def printed(llm: Llm, shell: str) -> str:
    """The script that the command prints."""
    result = llm("completions", shell)
    assert (result.code, result.err) == (0, "")
    return result.text
