"""The options of `llm ask`, declared once for every command that asks a model."""

from __future__ import annotations

from typing import Annotated

import typer

Words = Annotated[
    list[str] | None, typer.Argument(metavar="PROMPT…", help="The prompt; - reads it from stdin.")
]
ModelSpec = Annotated[
    str | None, typer.Option("-m", "--model", metavar="SPEC", help="provider/model or an alias.")
]
ModelSpecs = Annotated[
    list[str] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="SPEC",
        help="provider/model or an alias; several of them with --estimate.",
    ),
]
System = Annotated[str, typer.Option("-s", "--system", metavar="TEXT", help="The system prompt.")]
Options = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY=VALUE", help="A model option; repeatable."),
]
Attach = Annotated[
    list[str] | None,
    typer.Option("-a", "--attach", metavar="FILE", help="Send a file along; repeatable."),
]
Tools = Annotated[
    str | None,
    typer.Option("--tools", metavar="FILE", help="JSON list of the tools the model may call."),
]
Continue = Annotated[
    bool, typer.Option("-c", "--continue", help="Go on with this terminal's last conversation.")
]
ConversationId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="Go on with this conversation: an id or a name."),
]
NoLog = Annotated[bool, typer.Option("--no-log", help="Keep no word of it; its cost is counted.")]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Ask for the answer in one piece.")]
Json = Annotated[bool, typer.Option("--json", help="One result object at the end.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="One event a line, as it happens.")]
Extract = Annotated[bool, typer.Option("-x", "--extract", help="Only the first code block.")]
Raw = Annotated[bool, typer.Option("--raw", help="No Markdown on the terminal.")]
ShowUsage = Annotated[bool, typer.Option("-u", "--usage", help="Show tokens and cost.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the answer and errors.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say what is asked and retried; show reasoning.")
]
Strict = Annotated[bool, typer.Option("--strict", help="A cut or filtered answer exits with 8.")]
Deadline = Annotated[
    float | None, typer.Option("--deadline", metavar="SECONDS", help="Give up after this long.")
]
Retries = Annotated[
    int | None, typer.Option("--retries", metavar="N", help="How often to try again; 0 is never.")
]
Fallbacks = Annotated[
    list[str] | None,
    typer.Option("--fallback", metavar="SPEC", help="The model to ask next; repeatable."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Count its cost under KEY=VALUE; repeatable."),
]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache", metavar="TTL", help="Give a kept reply again, no older than this; else 1h."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Ask, whatever the config says.")]
MaxCost = Annotated[
    str | None, typer.Option("--max-cost", metavar="USD", help="Stop before it costs more.")
]
KeyEnv = Annotated[
    str | None, typer.Option("--key-env", metavar="NAME", help="The variable that holds the key.")
]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Print tokens and price beforehand, send nothing.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the exact request, send nothing.")]
Color = Annotated[
    str | None, typer.Option("--color", metavar="WHEN", help="auto, always or never.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the request, and where an error comes from.")
]
