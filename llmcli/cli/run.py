"""Run one command line: streams, signals, errors to messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

from llmcli.cli import commands
from llmcli.errors import ExitCode, Interrupted, LlmError, LocalIOError, UsageError
from llmcli.redaction import learn
from llmcli.terminal import clean, style

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def main(arguments: list[str]) -> NoReturn:
    """Run the command and leave the process with its exit code or by its signal."""
    os.umask(0o077)
    learn(os.environ)
    stdout_closed = _open_standard_streams()
    debug = "--debug" in arguments
    if arguments[:1] and arguments[0] in commands.COMMANDS and arguments[0] != commands.DEFAULT:
        arguments = [word for word in arguments if word != "--debug"]
    _catch_signals()
    code: int
    try:
        if stdout_closed:
            raise LocalIOError("stdout is closed", hint="Nothing was sent.")
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _die_of(getattr(signal, "SIGPIPE", signal.SIGTERM))
    except Interrupted as stop:
        _die_of(stop.signum)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            code = _report(LocalIOError("too many open files", hint="See: ulimit -n"), debug)
        elif error.filename is None:  # files name themselves, sockets are explained in http
            code = _report(LocalIOError(f"stdout cannot be written: {error.strerror}"), debug)
        else:
            code = _unexpected(error, debug)
    except LlmError as error:
        code = _report(error, debug)
    except Exception as error:  # noqa: BLE001
        code = _unexpected(error, debug)
    _leave(code)


def _run(arguments: list[str]) -> int:
    meant = commands.mistyped(arguments)
    if meant:
        raise UsageError(
            f'"{arguments[0]}" is not a command. Did you mean `llm {meant}`?',
            hint=f"To send it as a prompt: llm ask {' '.join(arguments)}",
        )
    routed, name = commands.route(arguments)
    program = commands.build([name] if name else commands.COMMANDS)
    import typer

    command = typer.main.get_group(program)
    try:
        # Not main(): that one turns a closed pipe into exit 1 of its own.
        with command.make_context("llm", routed) as context:
            result = command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise Interrupted(signal.SIGINT) from None
    except Exception as error:
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.stderr.write(message() + "\n")
            return ExitCode.USAGE
        words = message().replace("a valid float", "a number").replace("a valid int", "a number")
        raise UsageError(words, hint=_help_hint(error, name)) from None
    return result if isinstance(result, int) else 0


def _help_hint(error: Exception, name: str) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else f"llm {name}".strip()
    return f"Try `{path} --help`."


def _report(error: LlmError, debug: bool) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        from llmcli.explain import explain

        label = style("llm:", "red", sys.stderr)
        message, hint = explain(error)
        lines = [f"{label} {clean(message)}"]
        lines += [f"     {line}" for line in clean(hint).splitlines()]
        sys.stderr.write("\n".join(lines) + "\n")
        if debug:
            sys.stderr.write(clean("".join(traceback.format_exception(error))))
    return error.exit_code


def _unexpected(error: Exception, debug: bool) -> int:
    wrapped = LlmError(
        f"internal error: {type(error).__name__}: {error}",
        hint="" if debug else "This is a bug in llm; run it again with --debug to see where.",
    )
    wrapped.__cause__ = error
    return _report(wrapped, debug)


def _open_standard_streams() -> bool:
    """Give closed standard streams a sink, so that no later file takes their number.

    Returns whether stdout was closed. UTF-8 goes out whatever the locale says.
    """
    closed = []
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            closed.append(number)
            os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(encoding="utf-8", errors="replace", newline="\n")
    return 1 in closed


def _catch_signals() -> None:
    def stop(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        raise Interrupted(signum)

    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _die_of(signum: int) -> NoReturn:
    """End by the signal itself, so that a shell loop around us stops too."""
    _drop_stdout()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)


def _drop_stdout() -> None:
    """Send what is still buffered where it does no harm."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leave(code: int) -> NoReturn:
    """Exit without waiting for threads that may hang in a keyring or a socket."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or ExitCode.LOCAL_IO
    os._exit(code)
