"""The script for bash 3.2 and later: tables of words, and a function that walks the line."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.cli.shells.tree import Command


def script(root: Command) -> str:
    """The text of `completions/llm.bash`."""
    tables = {
        "@PATHS@": _paths(root),
        "@WORDS@": _words(root),
        "@OPTIONS@": _options(root),
        "@ARGUMENTS@": _arguments(root),
    }
    text = _SCRIPT
    for mark, rows in tables.items():
        text = text.replace(mark, "\n".join(rows))
    return text


def _paths(root: Command) -> Iterator[str]:
    names = (f"'{command.name}'" for command in root.named())
    yield f"    {'|'.join(names)}) return 0 ;;"


def _words(root: Command) -> Iterator[str]:
    for command in root.walk():
        commands = " ".join(below.path[-1] for below in command.commands)
        options = " ".join(name for option in command.options for name in option.names)
        below = f"commands='{commands}' " if commands else ""
        yield f"    '{command.name}') {below}options='{options}' ;;"


def _options(root: Command) -> Iterator[str]:
    for command in root.named():
        for option in command.options:
            if option.values:
                names = "|".join(f"'{command.name} {name}'" for name in option.names)
                yield f"    {names}) kind='{option.values}' ;;"


def _arguments(root: Command) -> Iterator[str]:
    for command in root.named():
        for number, argument in enumerate(command.arguments, 1):
            place = f"'{command.name} '*" if argument.repeatable else f"'{command.name} {number}'"
            yield f"    {place}) kind='{argument.values}' ;;"


_SCRIPT = r"""# Completions of llm for bash, printed by `llm completions bash`.
# Only values come from outside: `llm __complete` reads config, cards and history.

_llm() {
    local IFS=$' \t\n' words typed path kind commands options i count=0 first='' closed=''
    local head='' quoted=''
    COMPREPLY=()
    _llm_split
    path=${words[1]-}
    i=2
    if (( ${#words[@]} < 2 )); then
        path=''
    elif ! _llm_is_command "$path"; then
        path=ask
        i=1
    elif (( ${#words[@]} > 2 )) && _llm_is_command "$path ${words[2]}"; then
        path="$path ${words[2]}"
        i=3
    fi
    (( i < ${#words[@]} )) || first=1
    kind=''
    for (( ; i < ${#words[@]}; i++ )); do
        kind=''
        if [[ -n $closed || ${words[i]} != -?* ]]; then
            (( count++ ))
        elif [[ ${words[i]} == -- ]]; then
            closed=1
        elif [[ ${words[i]} != --*=* ]]; then
            _llm_option "$path ${words[i]}"
            [[ -z $kind ]] || (( i++ ))
        fi
    done
    # An option that takes a value matters only where the value is the word being typed.
    (( i > ${#words[@]} )) || kind=''
    commands='' options=''
    _llm_words "$path"
    if [[ -n $kind ]]; then
        :
    elif [[ -z $closed && $typed == --*=* ]]; then
        head=${typed%%=*}=
        typed=${typed#*=}
        _llm_option "${path:-ask} ${head%=}"
    elif [[ -z $closed && $typed == -* ]]; then
        kind="words $options"
    elif [[ -n $commands && -n $first ]]; then
        _llm_argument "$path 1"
        kind="${kind:-words} $commands"
    else
        _llm_argument "$path $(( count + 1 ))"
    fi
    case $typed in
    \'* | \"*) quoted=1 typed=${typed:1} ;;
    *) typed=${typed//\\/} ;;
    esac
    _llm_offer $kind
}

# Sets `words`, the whole words before the one being typed, and `typed`, that one up to the cursor.
# Readline breaks words at : and =, and begins new ones at @; what stands together is joined again.
_llm_split() {
    local line=${COMP_LINE:0:COMP_POINT} i word joined
    words=()
    typed=''
    for (( i = 0; i <= COMP_CWORD; i++ )); do
        word=${COMP_WORDS[i]-}
        joined=1
        [[ $line != [[:space:]]* ]] || joined=''
        line=${line#"${line%%[![:space:]]*}"}
        (( i < COMP_CWORD )) || word=$line
        line=${line#"$word"}
        if [[ -n $joined && ( $word == [:=@]* || $typed == *[:=@] ) ]]; then
            typed+=$word
        else
            (( i == 0 )) || words[${#words[@]}]=$typed
            typed=$word
        fi
    done
}

# Fills COMPREPLY from a kind of value and words that are always offered.
_llm_offer() {
    local kind=${1-} value
    shift
    for value; do
        _llm_add "$value"
    done
    case $kind in
    '' | words | nothing | unruled) ;;
    files) (( ${#COMPREPLY[@]} )) || _llm_files ;;
    variables)
        while IFS= read -r value; do
            _llm_add "$value"
        done <<< "$(compgen -e)"
        ;;
    *)
        while IFS=$'\t' read -r value _; do
            _llm_add "$value"
        done <<< "$(command llm __complete "$kind" "$typed" 2>/dev/null)"
        ;;
    esac
}

# Adds a value that begins with what was typed: quoted, and without the part that readline keeps.
_llm_add() {
    local value=$1 kept=$head$typed mark breaks=''
    [[ -n $value && $value == "$typed"* ]] || return 0
    [[ $value != *= ]] || compopt -o nospace 2>/dev/null
    if [[ -n $quoted ]]; then
        [[ $value != *[\'\"\$\`\\!]* ]] || return 0
    else
        for mark in : = @; do
            [[ $COMP_WORDBREAKS != *$mark* ]] || breaks+=$mark
        done
        kept=${kept%"${kept##*[$breaks ]}"}
        kept=${kept%@}
        value=$head$value
        printf -v value %q "${value#"$kept"}"
    fi
    COMPREPLY[${#COMPREPLY[@]}]=$value
}

_llm_files() {
    local value
    compopt -o default 2>/dev/null && return
    while IFS= read -r value; do
        [[ -z $value ]] || COMPREPLY[${#COMPREPLY[@]}]=$value
    done <<< "$(compgen -f -- "$typed")"
}

_llm_is_command() {
    case $1 in
@PATHS@
    esac
    return 1
}

_llm_words() {
    case $1 in
@WORDS@
    esac
}

_llm_option() {
    case $1 in
@OPTIONS@
    esac
}

_llm_argument() {
    case $1 in
@ARGUMENTS@
    esac
}

complete -F _llm llm
"""
