# Completions of llm for bash, printed by `llm completions bash`.
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
    'ask'|'chat'|'compare'|'embed'|'tokens'|'doctor'|'completions'|'providers'|'providers add'|'providers test'|'providers list'|'providers show'|'providers remove'|'providers models'|'providers default'|'models'|'models list'|'models show'|'models default'|'models alias'|'batch'|'batch run'|'batch submit'|'batch status'|'batch fetch'|'batch cancel'|'batch list'|'keys'|'keys set'|'keys list'|'keys rm'|'keys where'|'config'|'config path'|'config show'|'config get'|'config set'|'config edit'|'config check'|'usage'|'usage reprice'|'budget'|'budget set'|'budget rm'|'history'|'history list'|'history show'|'history last'|'history search'|'history rename'|'history fork'|'history export'|'history import'|'history rm'|'history prune'|'history redact'|'history check'|'history backup'|'history path'|'cache'|'cache info'|'cache clear'|'local'|'local pull'|'local list'|'local rm') return 0 ;;
    esac
    return 1
}

_llm_words() {
    case $1 in
    '') commands='ask chat compare embed tokens doctor completions providers models batch keys config usage budget history cache local' options='-m --model -s --system -o --option -a --attach --tools -c --continue --id --no-log --no-stream --json --jsonl -x --extract --raw -u --usage -q --quiet -v --verbose --strict --deadline --retries --fallback --tag --max-cost --cache --no-cache --key-env --estimate --dry-run --color --debug -h --help -V --version' ;;
    'ask') options='-m --model -s --system -o --option -a --attach --tools -c --continue --id --no-log --no-stream --json --jsonl -x --extract --raw -u --usage -q --quiet -v --verbose --strict --deadline --retries --fallback --tag --max-cost --cache --no-cache --key-env --estimate --dry-run --color --debug -h --help' ;;
    'chat') options='-m --model -s --system -o --option -a --attach --tools -c --continue --id --no-log --raw -q --quiet -v --verbose --vi --tag --max-cost --key-env --color -h --help' ;;
    'compare') options='-m --model -s --system -o --option -a --attach --tools -c --continue --id --no-log --no-stream --json -u --usage -q --quiet -v --verbose --strict --deadline --retries --tag --max-cost --cache --no-cache --color -h --help' ;;
    'embed') options='-m --model --lines --jsonl --json --encoding -d --dimensions --query -o --option -u --usage -q --quiet --retries --tag --max-cost --key-env -h --help' ;;
    'tokens') options='-m --model -s --system -a --attach --tools --estimate --json -u --usage -q --quiet --retries --tag --key-env -h --help' ;;
    'doctor') options='--offline --json -h --help' ;;
    'completions') options='-h --help' ;;
    'providers') commands='add test list show remove models default' options='-h --help' ;;
    'providers add') options='--base-url --adapter -m --model --key-env --no-key --no-test --allow-insecure-http -h --help' ;;
    'providers test') options='-m --model --key-env --json -h --help' ;;
    'providers list') options='--all --json -h --help' ;;
    'providers show') options='--json -h --help' ;;
    'providers remove') options='-h --help' ;;
    'providers models') options='--json -h --help' ;;
    'providers default') options='-h --help' ;;
    'models') commands='list show default alias' options='-h --help' ;;
    'models list') options='--provider --all --tools --vision --reasoning --max-price --for --output --refresh --json -h --help' ;;
    'models show') options='--json -h --help' ;;
    'models default') options='--force -h --help' ;;
    'models alias') options='--rm --force -h --help' ;;
    'batch') commands='run submit status fetch cancel list' options='-o --output -p --prompt -m --model -s --system -O --option --schema -j --jobs --rpm --tpm --max-cost --tag --retries --retry-failed --ordered --as-completed --limit --format --strict --deadline --no-stream --cache --no-cache --key-env --json -q --quiet -h --help' ;;
    'batch run') options='-o --output -p --prompt -m --model -s --system -O --option --schema -j --jobs --rpm --tpm --max-cost --tag --retries --retry-failed --ordered --as-completed --limit --format --strict --deadline --no-stream --cache --no-cache --key-env --json -q --quiet -h --help' ;;
    'batch submit') options='-m --model -p --prompt -s --system -O --option --schema --format --tag --max-cost --key-env --resume --json -q --quiet -h --help' ;;
    'batch status') options='--json --key-env -h --help' ;;
    'batch fetch') options='-o --output --wait --partial --json -q --quiet --key-env -h --help' ;;
    'batch cancel') options='--key-env -h --help' ;;
    'batch list') options='--all --json -h --help' ;;
    'keys') commands='set list rm where' options='-h --help' ;;
    'keys set') options='-h --help' ;;
    'keys list') options='-h --help' ;;
    'keys rm') options='-h --help' ;;
    'keys where') options='-h --help' ;;
    'config') commands='path show get set edit check' options='-h --help' ;;
    'config path') options='--dir -h --help' ;;
    'config show') options='--json -h --help' ;;
    'config get') options='-h --help' ;;
    'config set') options='--unset -h --help' ;;
    'config edit') options='-h --help' ;;
    'config check') options='-h --help' ;;
    'usage') commands='reprice' options='--by --since --until --provider -m --model --tag -n --limit --json --csv --plot --html --force --unpriced -h --help' ;;
    'usage reprice') options='--since -m --model --dry-run -y --yes --json -h --help' ;;
    'budget') commands='set rm' options='--json -h --help' ;;
    'budget set') options='--warn --refuse -h --help' ;;
    'budget rm') options='-h --help' ;;
    'history') commands='list show last search rename fork export import rm prune redact check backup path' options='-h --help' ;;
    'history list') options='-n --limit --all -m --model --since --json -h --help' ;;
    'history show') options='--turns --tree --raw --json -h --help' ;;
    'history last') options='--json -h --help' ;;
    'history search') options='-n --limit --json -h --help' ;;
    'history rename') options='-h --help' ;;
    'history fork') options='--at --name -h --help' ;;
    'history export') options='--all -f --format -o --output --force -h --help' ;;
    'history import') options='-h --help' ;;
    'history rm') options='-y --yes -h --help' ;;
    'history prune') options='--older-than --dry-run -y --yes -h --help' ;;
    'history redact') options='--key --dry-run -y --yes -h --help' ;;
    'history check') options='--reindex -h --help' ;;
    'history backup') options='-h --help' ;;
    'history path') options='-h --help' ;;
    'cache') commands='info clear' options='-h --help' ;;
    'cache info') options='--json -h --help' ;;
    'cache clear') options='--older-than -y --yes -h --help' ;;
    'local') commands='pull list rm' options='-h --help' ;;
    'local pull') options='--name --sha256 -y --yes -h --help' ;;
    'local list') options='-h --help' ;;
    'local rm') options='-h --help' ;;
    esac
}

_llm_option() {
    case $1 in
    'ask -m'|'ask --model') kind='models' ;;
    'ask -s'|'ask --system') kind='nothing' ;;
    'ask -o'|'ask --option') kind='options' ;;
    'ask -a'|'ask --attach') kind='files' ;;
    'ask --tools') kind='files' ;;
    'ask --id') kind='conversations' ;;
    'ask --deadline') kind='nothing' ;;
    'ask --retries') kind='nothing' ;;
    'ask --fallback') kind='models' ;;
    'ask --tag') kind='nothing' ;;
    'ask --max-cost') kind='nothing' ;;
    'ask --cache') kind='words 1h 12h 7d' ;;
    'ask --key-env') kind='variables' ;;
    'ask --color') kind='words auto always never' ;;
    'chat -m'|'chat --model') kind='models' ;;
    'chat -s'|'chat --system') kind='nothing' ;;
    'chat -o'|'chat --option') kind='options' ;;
    'chat -a'|'chat --attach') kind='files' ;;
    'chat --tools') kind='files' ;;
    'chat --id') kind='conversations' ;;
    'chat --tag') kind='nothing' ;;
    'chat --max-cost') kind='nothing' ;;
    'chat --key-env') kind='variables' ;;
    'chat --color') kind='words auto always never' ;;
    'compare -m'|'compare --model') kind='models' ;;
    'compare -s'|'compare --system') kind='nothing' ;;
    'compare -o'|'compare --option') kind='options' ;;
    'compare -a'|'compare --attach') kind='files' ;;
    'compare --tools') kind='files' ;;
    'compare --id') kind='conversations' ;;
    'compare --deadline') kind='nothing' ;;
    'compare --retries') kind='nothing' ;;
    'compare --tag') kind='nothing' ;;
    'compare --max-cost') kind='nothing' ;;
    'compare --cache') kind='words 1h 12h 7d' ;;
    'compare --color') kind='words auto always never' ;;
    'embed -m'|'embed --model') kind='models' ;;
    'embed --encoding') kind='words float base64' ;;
    'embed -d'|'embed --dimensions') kind='nothing' ;;
    'embed -o'|'embed --option') kind='words extra.' ;;
    'embed --retries') kind='nothing' ;;
    'embed --tag') kind='nothing' ;;
    'embed --max-cost') kind='nothing' ;;
    'embed --key-env') kind='variables' ;;
    'tokens -m'|'tokens --model') kind='models' ;;
    'tokens -s'|'tokens --system') kind='nothing' ;;
    'tokens -a'|'tokens --attach') kind='files' ;;
    'tokens --tools') kind='files' ;;
    'tokens --retries') kind='nothing' ;;
    'tokens --tag') kind='nothing' ;;
    'tokens --key-env') kind='variables' ;;
    'providers add --base-url') kind='nothing' ;;
    'providers add --adapter') kind='adapters' ;;
    'providers add -m'|'providers add --model') kind='model-ids' ;;
    'providers add --key-env') kind='variables' ;;
    'providers test -m'|'providers test --model') kind='model-ids' ;;
    'providers test --key-env') kind='variables' ;;
    'models list --provider') kind='providers' ;;
    'models list --max-price') kind='nothing' ;;
    'models list --for') kind='files' ;;
    'models list --output') kind='nothing' ;;
    'batch -o'|'batch --output') kind='files' ;;
    'batch -p'|'batch --prompt') kind='nothing' ;;
    'batch -m'|'batch --model') kind='models' ;;
    'batch -s'|'batch --system') kind='nothing' ;;
    'batch -O'|'batch --option') kind='options' ;;
    'batch --schema') kind='files' ;;
    'batch -j'|'batch --jobs') kind='nothing' ;;
    'batch --rpm') kind='nothing' ;;
    'batch --tpm') kind='nothing' ;;
    'batch --max-cost') kind='nothing' ;;
    'batch --tag') kind='nothing' ;;
    'batch --retries') kind='nothing' ;;
    'batch --limit') kind='nothing' ;;
    'batch --format') kind='words jsonl csv tsv lines' ;;
    'batch --deadline') kind='nothing' ;;
    'batch --cache') kind='words 1h 12h 7d' ;;
    'batch --key-env') kind='variables' ;;
    'batch run -o'|'batch run --output') kind='files' ;;
    'batch run -p'|'batch run --prompt') kind='nothing' ;;
    'batch run -m'|'batch run --model') kind='models' ;;
    'batch run -s'|'batch run --system') kind='nothing' ;;
    'batch run -O'|'batch run --option') kind='options' ;;
    'batch run --schema') kind='files' ;;
    'batch run -j'|'batch run --jobs') kind='nothing' ;;
    'batch run --rpm') kind='nothing' ;;
    'batch run --tpm') kind='nothing' ;;
    'batch run --max-cost') kind='nothing' ;;
    'batch run --tag') kind='nothing' ;;
    'batch run --retries') kind='nothing' ;;
    'batch run --limit') kind='nothing' ;;
    'batch run --format') kind='words jsonl csv tsv lines' ;;
    'batch run --deadline') kind='nothing' ;;
    'batch run --cache') kind='words 1h 12h 7d' ;;
    'batch run --key-env') kind='variables' ;;
    'batch submit -m'|'batch submit --model') kind='models' ;;
    'batch submit -p'|'batch submit --prompt') kind='nothing' ;;
    'batch submit -s'|'batch submit --system') kind='nothing' ;;
    'batch submit -O'|'batch submit --option') kind='options' ;;
    'batch submit --schema') kind='files' ;;
    'batch submit --format') kind='words jsonl csv tsv lines' ;;
    'batch submit --tag') kind='nothing' ;;
    'batch submit --max-cost') kind='nothing' ;;
    'batch submit --key-env') kind='variables' ;;
    'batch submit --resume') kind='nothing' ;;
    'batch status --key-env') kind='variables' ;;
    'batch fetch -o'|'batch fetch --output') kind='files' ;;
    'batch fetch --key-env') kind='variables' ;;
    'batch cancel --key-env') kind='variables' ;;
    'usage --by') kind='words day week month provider model conversation tag kind' ;;
    'usage --since') kind='nothing' ;;
    'usage --until') kind='nothing' ;;
    'usage --provider') kind='providers' ;;
    'usage -m'|'usage --model') kind='models' ;;
    'usage --tag') kind='nothing' ;;
    'usage -n'|'usage --limit') kind='nothing' ;;
    'usage --html') kind='files' ;;
    'usage reprice --since') kind='nothing' ;;
    'usage reprice -m'|'usage reprice --model') kind='models' ;;
    'budget set --warn') kind='nothing' ;;
    'budget set --refuse') kind='nothing' ;;
    'history list -n'|'history list --limit') kind='nothing' ;;
    'history list -m'|'history list --model') kind='models' ;;
    'history list --since') kind='nothing' ;;
    'history show --turns') kind='nothing' ;;
    'history search -n'|'history search --limit') kind='nothing' ;;
    'history fork --at') kind='nothing' ;;
    'history fork --name') kind='nothing' ;;
    'history export -f'|'history export --format') kind='words json jsonl md html' ;;
    'history export -o'|'history export --output') kind='files' ;;
    'history prune --older-than') kind='nothing' ;;
    'history redact --key') kind='providers' ;;
    'cache clear --older-than') kind='nothing' ;;
    'local pull --name') kind='nothing' ;;
    'local pull --sha256') kind='nothing' ;;
    esac
}

_llm_argument() {
    case $1 in
    'ask '*) kind='nothing' ;;
    'chat '*) kind='nothing' ;;
    'compare '*) kind='nothing' ;;
    'embed '*) kind='nothing' ;;
    'tokens '*) kind='nothing' ;;
    'doctor '*) kind='providers' ;;
    'completions 1') kind='words bash zsh fish powershell' ;;
    'providers add 1') kind='providers' ;;
    'providers test '*) kind='providers' ;;
    'providers show 1') kind='providers' ;;
    'providers remove 1') kind='providers' ;;
    'providers models 1') kind='providers' ;;
    'providers default 1') kind='providers' ;;
    'providers default 2') kind='model-ids' ;;
    'models show 1') kind='models' ;;
    'models default 1') kind='models' ;;
    'models alias 1') kind='aliases' ;;
    'models alias 2') kind='models' ;;
    'batch 1') kind='files' ;;
    'batch run 1') kind='files' ;;
    'batch submit 1') kind='files' ;;
    'batch status 1') kind='nothing' ;;
    'batch fetch 1') kind='nothing' ;;
    'batch cancel 1') kind='nothing' ;;
    'keys set 1') kind='providers' ;;
    'keys set '*) kind='nothing' ;;
    'keys rm 1') kind='providers' ;;
    'keys where 1') kind='providers' ;;
    'config get 1') kind='config-keys' ;;
    'config set 1') kind='config-keys' ;;
    'config set 2') kind='nothing' ;;
    'budget set 1') kind='words day week month per_call per_conversation' ;;
    'budget set 2') kind='nothing' ;;
    'budget rm 1') kind='words day week month per_call per_conversation' ;;
    'history show 1') kind='conversations' ;;
    'history search '*) kind='nothing' ;;
    'history rename 1') kind='conversations' ;;
    'history rename 2') kind='nothing' ;;
    'history fork 1') kind='conversations' ;;
    'history export '*) kind='conversations' ;;
    'history import '*) kind='files' ;;
    'history rm '*) kind='conversations' ;;
    'history redact '*) kind='nothing' ;;
    'history backup 1') kind='files' ;;
    'local pull 1') kind='files smollm2' ;;
    'local rm 1') kind='local-models' ;;
    esac
}

complete -F _llm llm
