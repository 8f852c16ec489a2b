"""The script for PowerShell 5.1 and later: a table of rows, and a block that walks the line."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.cli.shells.tree import Command


def script(root: Command) -> str:
    """The text of `completions/llm.ps1`."""
    return _SCRIPT.replace("@TREE@", "\n".join(_tree(root)))


def _tree(root: Command) -> Iterator[str]:
    for command in root.walk():
        yield f"        {_quoted(command.name)} = @("
        yield from (f"            {_quoted(row)}" for row in _rows(command))
        yield "        )"


def _rows(command: Command) -> Iterator[str]:
    """What may stand there, as `name|kind|help`: commands, options, arguments by number."""
    for below in command.commands:
        yield f"{below.path[-1]}|command|{below.help}"
    for option in command.options:
        kind = option.values or "flag"
        yield from (f"{name}|{kind}|{option.help}" for name in option.names)
    for number, argument in enumerate(command.arguments, 1):
        name = "*" if argument.repeatable else number
        yield f"{name}|{argument.values}|{argument.help}"


def _quoted(text: str) -> str:
    """The text in quotes and ASCII: 5.1 reads a script in the code page of the machine."""
    plain = text.replace("…", "...").encode("ascii", "replace").decode()
    return "'" + plain.replace("'", "''") + "'"


# A row is one text because an array of one array would be flattened.
_SCRIPT = r"""# Completions of llm for PowerShell, printed by `llm completions powershell`.
# Only values come from outside: `llm __complete` reads config, cards and history.

Register-ArgumentCompleter -Native -CommandName llm -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # What may stand after each command, as 'name|kind|help'; arguments are named by their number.
    $tree = @{
@TREE@
    }

    $typed = "$wordToComplete".TrimStart([char[]]@("'", '"'))
    $words = @(
        $commandAst.CommandElements |
            Select-Object -Skip 1 |
            Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
            ForEach-Object { $_.Extent.Text }
    )
    $path = ''
    $i = 0
    if ($words.Count -gt 0) {
        $path = 'ask'
        if ($tree.ContainsKey($words[0])) {
            $path = $words[0]
            $i = 1
            if ($words.Count -gt 1 -and $tree.ContainsKey("$path $($words[1])")) {
                $path = "$path $($words[1])"
                $i = 2
            }
        }
    }
    $rows = @(
        foreach ($row in $tree[$path]) {
            $name, $kind, $help = $row -split '\|', 3
            [pscustomobject]@{ Name = $name; Kind = $kind; Help = $help }
        }
    )
    $takes = {
        param($name)
        $rows |
            Where-Object { $_.Name -ceq $name -and $_.Kind -ne 'flag' } |
            ForEach-Object { $_.Kind }
    }

    $kind = $null
    $number = 1
    $closed = $false
    for (; $i -lt $words.Count; $i++) {
        $kind = $null
        if ($closed -or $words[$i] -notmatch '^-.') {
            $number++
        }
        elseif ($words[$i] -ceq '--') {
            $closed = $true
        }
        else {
            $kind = & $takes $words[$i]
            if ($kind) { $i++ }
        }
    }
    # An option that takes a value matters only where the value is the word being typed.
    if ($i -le $words.Count) { $kind = $null }

    $head = ''
    $lines = @()
    if (-not $kind -and -not $closed -and $typed -match '^(--[^=]+)=(.*)$') {
        $head = "$($Matches[1])="
        $typed = $Matches[2]
        $kind = & $takes $Matches[1]
        if (-not $kind) { $kind = 'nothing' }
    }
    elseif (-not $kind -and -not $closed -and $typed -like '-*') {
        $lines = @($rows | Where-Object { $_.Name -like '-*' } |
            ForEach-Object { "$($_.Name)`t$($_.Help)" })
    }
    elseif (-not $kind -and $number -eq 1 -and
        @($rows | Where-Object { $_.Kind -eq 'command' }).Count -gt 0) {
        $lines = @($rows | Where-Object { $_.Kind -eq 'command' } |
            ForEach-Object { "$($_.Name)`t$($_.Help)" })
    }
    elseif (-not $kind) {
        $kind = & $takes "$number"
        if (-not $kind) { $kind = & $takes '*' }
    }
    if ($kind) {
        $source, $fixed = $kind -split ' '
        $lines = @($fixed | Where-Object { $_ })
        if ($source -eq 'variables') {
            $lines += @(Get-ChildItem Env: | ForEach-Object { $_.Name })
        }
        elseif ($source -notin 'words', 'files', 'nothing', 'unruled') {
            $program = Get-Command llm -CommandType Application -TotalCount 1 -ErrorAction Ignore
            if ($program) { $lines += @(& $program __complete $source "$typed" 2>$null) }
        }
    }

    $result = [System.Management.Automation.CompletionResult]
    foreach ($line in $lines) {
        $value, $about = $line -split "`t", 2
        if (-not $value) { continue }
        if (-not $value.StartsWith($typed, [StringComparison]::Ordinal)) { continue }
        $text = "$head$value"
        if ($text -notmatch '^[\w/.:=+-]+$') { $text = "'" + $text.Replace("'", "''") + "'" }
        if (-not $about) { $about = $value }
        $result::new($text, $value, 'ParameterValue', $about)
    }
}
"""
