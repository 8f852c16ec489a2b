# Completions of llm for fish, printed by `llm completions fish`.
# Only values come from outside: `llm __complete` reads config, cards and history.

function __llm_is_first --description 'Whether the first word after llm is being typed'
    test (count (commandline -opc)) -eq 1
end

# With numbers, also whether the word being typed is an argument of that number, from 1.
function __llm_at --description 'Whether the line is at a command' --argument-names at first last
    set -l words (commandline -opc)
    set -e words[1]
    set -l command ask
    if contains -- "$words[1]" $__llm_commands
        set command $words[1]
        set -e words[1]
        if contains -- "$command $words[1]" $__llm_commands
            set command "$command $words[1]"
            set -e words[1]
        end
    end
    test "$command" = "$at"; or return 1
    test -n "$first"; or return 0
    set -l number 1
    set -l closed no
    while set -q words[1]
        if test $closed = yes; or not string match -qr -- '^-.' $words[1]
            set number (math $number + 1)
        else if test $words[1] = --
            set closed yes
        else if __llm_takes_value "$command $words[1]"
            set -e words[1]
        end
        set -e words[1]
    end
    test $number -ge $first; and test $number -le $last
end

function __llm_takes_value --description 'Whether the next word belongs to this option'
    switch $argv[1]
        case 'ask -m' 'ask --model' 'ask -s' 'ask --system' 'ask -o' 'ask --option' 'ask -a' 'ask --attach' 'ask --tools' 'ask --id' 'ask --deadline' 'ask --retries' 'ask --fallback' 'ask --key-env' 'ask --color'
            return 0
        case 'chat -m' 'chat --model' 'chat -s' 'chat --system' 'chat -o' 'chat --option' 'chat -a' 'chat --attach' 'chat --tools' 'chat --id' 'chat --key-env' 'chat --color'
            return 0
        case 'embed -m' 'embed --model' 'embed --encoding' 'embed -d' 'embed --dimensions' 'embed -o' 'embed --option' 'embed --retries' 'embed --key-env'
            return 0
        case 'tokens -m' 'tokens --model' 'tokens -s' 'tokens --system' 'tokens -a' 'tokens --attach' 'tokens --tools' 'tokens --retries' 'tokens --key-env'
            return 0
        case 'providers add --base-url' 'providers add --adapter' 'providers add -m' 'providers add --model' 'providers add --key-env'
            return 0
        case 'providers test -m' 'providers test --model' 'providers test --key-env'
            return 0
        case 'models list --provider' 'models list --max-price'
            return 0
        case 'history list -n' 'history list --limit' 'history list -m' 'history list --model' 'history list --since'
            return 0
        case 'history show --turns'
            return 0
        case 'history search -n' 'history search --limit'
            return 0
        case 'history fork --at' 'history fork --name'
            return 0
        case 'history export -f' 'history export --format' 'history export -o' 'history export --output'
            return 0
        case 'history prune --older-than'
            return 0
        case 'history redact --key'
            return 0
        case 'local pull --name' 'local pull --sha256'
            return 0
    end
    return 1
end

function __llm_values --description 'The values of a kind, with descriptions' --argument-names kind
    set -l typed (commandline -ct)
    if string match -qr -- '^-(.?|-[^=]*)$' $typed
        return # an option, where an argument could stand
    end
    set typed (string replace -r -- '^--[^=]*=' '' $typed)
    if test $kind != options
        set typed '' # fish matches in more ways than by the beginning
    end
    command llm __complete $kind "$typed" 2>/dev/null
end

set -g __llm_commands 'ask' 'chat' 'embed' 'tokens' 'doctor' 'completions' 'providers' 'providers add' 'providers test' 'providers list' 'providers show' 'providers remove' 'providers models' 'providers default' 'models' 'models list' 'models show' 'models default' 'models alias' 'keys' 'keys set' 'keys list' 'keys rm' 'keys where' 'config' 'config path' 'config show' 'config get' 'config set' 'config edit' 'config check' 'history' 'history list' 'history show' 'history last' 'history search' 'history rename' 'history fork' 'history export' 'history import' 'history rm' 'history prune' 'history redact' 'history check' 'history backup' 'history path' 'local' 'local pull' 'local list' 'local rm'

complete -c llm -e
complete -c llm -f
complete -c llm -n __llm_is_first -s V -l version -d 'Print the version'
complete -c llm -n __llm_is_first -a ask -d 'Ask a model; `llm PROMPT…` is the same'
complete -c llm -n __llm_is_first -a chat -d 'Talk with a model: a conversation that is kept'
complete -c llm -n __llm_is_first -a embed -d 'Turn texts into vectors'
complete -c llm -n __llm_is_first -a tokens -d 'Count the tokens of a prompt before it is sent'
complete -c llm -n __llm_is_first -a doctor -d 'Check this machine and every provider, and say how to mend it'
complete -c llm -n __llm_is_first -a completions -d 'Print the completion script of a shell'
complete -c llm -n __llm_is_first -a providers -d 'Add, list, test and remove providers'
complete -c llm -n __llm_is_first -a models -d 'List models, choose the default, name aliases'
complete -c llm -n __llm_is_first -a keys -d 'Store, list and remove keys in the OS keyring'
complete -c llm -n __llm_is_first -a config -d 'Show, check and change the config'
complete -c llm -n __llm_is_first -a history -d 'Find, read, export and remove conversations'
complete -c llm -n __llm_is_first -a local -d 'Fetch, list and remove models that run on this machine'
complete -c llm -n "__llm_at 'ask'" -s m -l model -x -a '(__llm_values models)' -d 'provider/model or an alias'
complete -c llm -n "__llm_at 'ask'" -s s -l system -x -d 'The system prompt'
complete -c llm -n "__llm_at 'ask'" -s o -l option -x -a '(__llm_values options)' -d 'A model option; repeatable'
complete -c llm -n "__llm_at 'ask'" -s a -l attach -r -F -d 'Send a file along; repeatable'
complete -c llm -n "__llm_at 'ask'" -l tools -r -F -d 'JSON list of the tools the model may call'
complete -c llm -n "__llm_at 'ask'" -s c -l continue -d 'Go on with this terminal\'s last conversation'
complete -c llm -n "__llm_at 'ask'" -l id -x -a '(__llm_values conversations)' -d 'Go on with this conversation: an id or a name'
complete -c llm -n "__llm_at 'ask'" -l no-log -d 'Keep nothing of it in the history'
complete -c llm -n "__llm_at 'ask'" -l no-stream -d 'Ask for the answer in one piece'
complete -c llm -n "__llm_at 'ask'" -l json -d 'One result object at the end'
complete -c llm -n "__llm_at 'ask'" -l jsonl -d 'One event a line, as it happens'
complete -c llm -n "__llm_at 'ask'" -s x -l extract -d 'Only the first code block'
complete -c llm -n "__llm_at 'ask'" -l raw -d 'No Markdown on the terminal'
complete -c llm -n "__llm_at 'ask'" -s u -l usage -d 'Show tokens and cost'
complete -c llm -n "__llm_at 'ask'" -s q -l quiet -d 'Only the answer and errors'
complete -c llm -n "__llm_at 'ask'" -s v -l verbose -d 'Say what is asked and retried; show reasoning'
complete -c llm -n "__llm_at 'ask'" -l strict -d 'A cut or filtered answer exits with 8'
complete -c llm -n "__llm_at 'ask'" -l deadline -x -d 'Give up after this long'
complete -c llm -n "__llm_at 'ask'" -l retries -x -d 'How often to try again; 0 is never'
complete -c llm -n "__llm_at 'ask'" -l fallback -x -a '(__llm_values models)' -d 'The model to ask next; repeatable'
complete -c llm -n "__llm_at 'ask'" -l key-env -x -a '(set -nx)' -d 'The variable that holds the key'
complete -c llm -n "__llm_at 'ask'" -l dry-run -d 'Print the exact request, send nothing'
complete -c llm -n "__llm_at 'ask'" -l color -x -a 'auto always never' -d 'auto, always or never'
complete -c llm -n "__llm_at 'ask'" -l debug -d 'Show the request, and where an error comes from'
complete -c llm -n "__llm_at 'ask'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'chat'" -s m -l model -x -a '(__llm_values models)' -d 'provider/model or an alias'
complete -c llm -n "__llm_at 'chat'" -s s -l system -x -d 'The system prompt'
complete -c llm -n "__llm_at 'chat'" -s o -l option -x -a '(__llm_values options)' -d 'A model option; repeatable'
complete -c llm -n "__llm_at 'chat'" -s a -l attach -r -F -d 'Send a file along; repeatable'
complete -c llm -n "__llm_at 'chat'" -l tools -r -F -d 'JSON list of the tools the model may call'
complete -c llm -n "__llm_at 'chat'" -s c -l continue -d 'Go on with this terminal\'s last conversation'
complete -c llm -n "__llm_at 'chat'" -l id -x -a '(__llm_values conversations)' -d 'Go on with this conversation: an id or a name'
complete -c llm -n "__llm_at 'chat'" -l no-log -d 'Keep nothing of it in the history'
complete -c llm -n "__llm_at 'chat'" -l raw -d 'No Markdown on the terminal'
complete -c llm -n "__llm_at 'chat'" -s q -l quiet -d 'Only the answer and errors'
complete -c llm -n "__llm_at 'chat'" -s v -l verbose -d 'Say what is asked and retried; show reasoning'
complete -c llm -n "__llm_at 'chat'" -l vi -d 'Edit with the keys of vi'
complete -c llm -n "__llm_at 'chat'" -l key-env -x -a '(set -nx)' -d 'The variable that holds the key'
complete -c llm -n "__llm_at 'chat'" -l color -x -a 'auto always never' -d 'auto, always or never'
complete -c llm -n "__llm_at 'chat'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'embed'" -s m -l model -x -a '(__llm_values models)' -d 'provider/model or an alias'
complete -c llm -n "__llm_at 'embed'" -l lines -d 'Each line of stdin is a text'
complete -c llm -n "__llm_at 'embed'" -l jsonl -d 'Each line of stdin is {"id": …, "text": …} or a string'
complete -c llm -n "__llm_at 'embed'" -l json -d 'One result object at the end'
complete -c llm -n "__llm_at 'embed'" -l encoding -x -a 'float base64' -d 'float, or base64 of little-endian float32'
complete -c llm -n "__llm_at 'embed'" -s d -l dimensions -x -d 'The length of the vectors'
complete -c llm -n "__llm_at 'embed'" -l query -d 'The text is a search, not what is to be found'
complete -c llm -n "__llm_at 'embed'" -s o -l option -x -a 'extra.' -d 'extra.KEY=JSON; repeatable'
complete -c llm -n "__llm_at 'embed'" -s u -l usage -d 'Show tokens and cost'
complete -c llm -n "__llm_at 'embed'" -s q -l quiet -d 'Only the answer and errors'
complete -c llm -n "__llm_at 'embed'" -l retries -x -d 'How often to try again; 0 is never'
complete -c llm -n "__llm_at 'embed'" -l key-env -x -a '(set -nx)' -d 'The variable that holds the key'
complete -c llm -n "__llm_at 'embed'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'tokens'" -s m -l model -x -a '(__llm_values models)' -d 'provider/model or an alias'
complete -c llm -n "__llm_at 'tokens'" -s s -l system -x -d 'The system prompt'
complete -c llm -n "__llm_at 'tokens'" -s a -l attach -r -F -d 'Send a file along; repeatable'
complete -c llm -n "__llm_at 'tokens'" -l tools -r -F -d 'JSON list of the tools the model may call'
complete -c llm -n "__llm_at 'tokens'" -l estimate -d 'Send nothing: tell about how many there are'
complete -c llm -n "__llm_at 'tokens'" -l json -d 'One object with all facts'
complete -c llm -n "__llm_at 'tokens'" -s u -l usage -d 'Show the share of the context, and the price'
complete -c llm -n "__llm_at 'tokens'" -s q -l quiet -d 'Only the number'
complete -c llm -n "__llm_at 'tokens'" -l retries -x -d 'How often to try again; 0 is never'
complete -c llm -n "__llm_at 'tokens'" -l key-env -x -a '(set -nx)' -d 'The variable that holds the key'
complete -c llm -n "__llm_at 'tokens'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'doctor'" -l offline -d 'Ask no provider'
complete -c llm -n "__llm_at 'doctor'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'doctor'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'doctor' 1 999" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'completions'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'completions' 1 1" -a 'bash zsh fish powershell'
complete -c llm -n "__llm_at 'providers'" -a add -d 'Add a provider: store its key, write its card, list its models and make a test call'
complete -c llm -n "__llm_at 'providers'" -a test -d 'Make a real call to each provider and say what works and what does not'
complete -c llm -n "__llm_at 'providers'" -a list -d 'List providers, their keys\' sources and default models; nothing is sent'
complete -c llm -n "__llm_at 'providers'" -a show -d 'Show what is known of a provider: card, address, where its key comes from'
complete -c llm -n "__llm_at 'providers'" -a remove -d 'Delete your card of a provider, and its stored key'
complete -c llm -n "__llm_at 'providers'" -a models -d 'List the models a provider offers now, asked live'
complete -c llm -n "__llm_at 'providers'" -a default -d 'Show or choose the provider and model that answer when no -m is given'
complete -c llm -n "__llm_at 'providers'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers add'" -l base-url -x -d 'The server\'s address'
complete -c llm -n "__llm_at 'providers add'" -l adapter -x -a '(__llm_values adapters)' -d 'Its wire format; openai-chat by default'
complete -c llm -n "__llm_at 'providers add'" -s m -l model -x -a '(__llm_values model-ids)' -d 'Its default model'
complete -c llm -n "__llm_at 'providers add'" -l key-env -x -a '(set -nx)' -d 'The variable with the key'
complete -c llm -n "__llm_at 'providers add'" -l no-key -d 'The server takes no key'
complete -c llm -n "__llm_at 'providers add'" -l no-test -d 'Only write the card; call nothing'
complete -c llm -n "__llm_at 'providers add'" -l allow-insecure-http -d 'Send the key over plain http'
complete -c llm -n "__llm_at 'providers add'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers add' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers test'" -s m -l model -x -a '(__llm_values model-ids)' -d 'The model to try'
complete -c llm -n "__llm_at 'providers test'" -l key-env -x -a '(set -nx)' -d 'The variable with the key'
complete -c llm -n "__llm_at 'providers test'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'providers test'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers test' 1 999" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers list'" -l all -d 'Those without a key too'
complete -c llm -n "__llm_at 'providers list'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'providers list'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers show'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'providers show'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers show' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers remove'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers remove' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers models'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'providers models'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers models' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers default'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'providers default' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'providers default' 2 2" -a '(__llm_values model-ids)'
complete -c llm -n "__llm_at 'models'" -a list -d 'List the models you can ask, all or those that you need'
complete -c llm -n "__llm_at 'models'" -a show -d 'Show everything known of a model, and where each value comes from'
complete -c llm -n "__llm_at 'models'" -a default -d 'Print the model that answers when none is named, or choose it'
complete -c llm -n "__llm_at 'models'" -a alias -d 'List, show, set or remove aliases: short names of models'
complete -c llm -n "__llm_at 'models'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'models list'" -l provider -x -a '(__llm_values providers)' -d 'Of this provider only'
complete -c llm -n "__llm_at 'models list'" -l all -d 'Of every provider'
complete -c llm -n "__llm_at 'models list'" -l tools -d 'Those that call tools'
complete -c llm -n "__llm_at 'models list'" -l vision -d 'Those that see images'
complete -c llm -n "__llm_at 'models list'" -l reasoning -d 'Those that reason'
complete -c llm -n "__llm_at 'models list'" -l max-price -x -d 'At most so much for a million input tokens'
complete -c llm -n "__llm_at 'models list'" -l refresh -d 'Ask the providers first, and keep their lists'
complete -c llm -n "__llm_at 'models list'" -l json -d 'JSON instead of a table'
complete -c llm -n "__llm_at 'models list'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'models show'" -l json -d 'JSON instead of a table'
complete -c llm -n "__llm_at 'models show'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'models show' 1 1" -a '(__llm_values models)'
complete -c llm -n "__llm_at 'models default'" -l force -d 'Take a model that the card does not name'
complete -c llm -n "__llm_at 'models default'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'models default' 1 1" -a '(__llm_values models)'
complete -c llm -n "__llm_at 'models alias'" -l rm -d 'Remove it'
complete -c llm -n "__llm_at 'models alias'" -l force -d 'Take a model that the card does not name'
complete -c llm -n "__llm_at 'models alias'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'models alias' 1 1" -a '(__llm_values aliases)'
complete -c llm -n "__llm_at 'models alias' 2 2" -a '(__llm_values models)'
complete -c llm -n "__llm_at 'keys'" -a set -d 'Store the key of a provider in the OS keyring'
complete -c llm -n "__llm_at 'keys'" -a list -d 'List the keys: provider, address, source'
complete -c llm -n "__llm_at 'keys'" -a rm -d 'Delete the stored keys of a provider'
complete -c llm -n "__llm_at 'keys'" -a where -d 'Show each source of a key and which is used'
complete -c llm -n "__llm_at 'keys'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'keys set'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'keys set' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'keys list'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'keys rm'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'keys rm' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'keys where'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'keys where' 1 1" -a '(__llm_values providers)'
complete -c llm -n "__llm_at 'config'" -a path -d 'Print the path of the config file, whether it exists or not'
complete -c llm -n "__llm_at 'config'" -a show -d 'Show every setting with its value and where it comes from'
complete -c llm -n "__llm_at 'config'" -a get -d 'Print the value of a setting, of a table as lines of name and value'
complete -c llm -n "__llm_at 'config'" -a set -d 'Set a setting, or take it out with --unset'
complete -c llm -n "__llm_at 'config'" -a edit -d 'Open the config in $VISUAL or $EDITOR, then check it'
complete -c llm -n "__llm_at 'config'" -a check -d 'Check the config and every card of your own, all problems at once'
complete -c llm -n "__llm_at 'config'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config path'" -l dir -d 'The folder instead'
complete -c llm -n "__llm_at 'config path'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config show'" -l json -d 'A list of objects'
complete -c llm -n "__llm_at 'config show'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config get'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config get' 1 1" -a '(__llm_values config-keys)'
complete -c llm -n "__llm_at 'config set'" -l unset -d 'Take the setting out'
complete -c llm -n "__llm_at 'config set'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config set' 1 1" -a '(__llm_values config-keys)'
complete -c llm -n "__llm_at 'config edit'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'config check'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history'" -a list -d 'List conversations, the one used last first'
complete -c llm -n "__llm_at 'history'" -a show -d 'Show a conversation, as it stands or as a tree'
complete -c llm -n "__llm_at 'history'" -a last -d 'Show the last exchange'
complete -c llm -n "__llm_at 'history'" -a search -d 'Find turns by their words, the newest first'
complete -c llm -n "__llm_at 'history'" -a rename -d 'Name a conversation'
complete -c llm -n "__llm_at 'history'" -a fork -d 'Begin a new conversation from an old one'
complete -c llm -n "__llm_at 'history'" -a export -d 'Write conversations to stdout or a file'
complete -c llm -n "__llm_at 'history'" -a import -d 'Take in exported conversations'
complete -c llm -n "__llm_at 'history'" -a rm -d 'Remove conversations for good'
complete -c llm -n "__llm_at 'history'" -a prune -d 'Remove what was not used for long'
complete -c llm -n "__llm_at 'history'" -a redact -d 'Mask a text everywhere in the history'
complete -c llm -n "__llm_at 'history'" -a check -d 'Check the history for damage'
complete -c llm -n "__llm_at 'history'" -a backup -d 'Copy the history to a new file'
complete -c llm -n "__llm_at 'history'" -a path -d 'Print where the history lies'
complete -c llm -n "__llm_at 'history'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history list'" -s n -l limit -x -d 'At most so many'
complete -c llm -n "__llm_at 'history list'" -l all -d 'All of them'
complete -c llm -n "__llm_at 'history list'" -s m -l model -x -a '(__llm_values models)' -d 'With a turn of this model, or provider'
complete -c llm -n "__llm_at 'history list'" -l since -x -d 'Used since then: 12h, 30d, a date'
complete -c llm -n "__llm_at 'history list'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'history list'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history show'" -l turns -x -d 'Only the last N turns'
complete -c llm -n "__llm_at 'history show'" -l tree -d 'Every branch, a turn a line'
complete -c llm -n "__llm_at 'history show'" -l raw -d 'No Markdown on the terminal'
complete -c llm -n "__llm_at 'history show'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'history show'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history show' 1 1" -a '(__llm_values conversations)'
complete -c llm -n "__llm_at 'history last'" -l json -d 'Everything that is kept'
complete -c llm -n "__llm_at 'history last'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history search'" -s n -l limit -x -d 'At most so many'
complete -c llm -n "__llm_at 'history search'" -l json -d 'JSON for scripts'
complete -c llm -n "__llm_at 'history search'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history rename'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history rename' 1 1" -a '(__llm_values conversations)'
complete -c llm -n "__llm_at 'history fork'" -l at -x -d 'From this turn: its number or its id'
complete -c llm -n "__llm_at 'history fork'" -l name -x -d 'The name of the new one'
complete -c llm -n "__llm_at 'history fork'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history fork' 1 1" -a '(__llm_values conversations)'
complete -c llm -n "__llm_at 'history export'" -l all -d 'Every conversation'
complete -c llm -n "__llm_at 'history export'" -s f -l format -x -a 'json jsonl md html' -d 'json, jsonl, md or html; else as FILE ends'
complete -c llm -n "__llm_at 'history export'" -s o -l output -r -F -d 'A new file; else to stdout'
complete -c llm -n "__llm_at 'history export'" -l force -d 'Replace FILE if it is there'
complete -c llm -n "__llm_at 'history export'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history export' 1 999" -a '(__llm_values conversations)'
complete -c llm -n "__llm_at 'history import'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history import' 1 999" -F
complete -c llm -n "__llm_at 'history rm'" -s y -l yes -d 'Do it without asking'
complete -c llm -n "__llm_at 'history rm'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history rm' 1 999" -a '(__llm_values conversations)'
complete -c llm -n "__llm_at 'history prune'" -l older-than -x -d 'Last used before: 12h, 30d, a date'
complete -c llm -n "__llm_at 'history prune'" -l dry-run -d 'Say what would happen, change nothing'
complete -c llm -n "__llm_at 'history prune'" -s y -l yes -d 'Do it without asking'
complete -c llm -n "__llm_at 'history prune'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history redact'" -l key -x -a '(__llm_values providers)' -d 'The key of this provider is the text'
complete -c llm -n "__llm_at 'history redact'" -l dry-run -d 'Say what would happen, change nothing'
complete -c llm -n "__llm_at 'history redact'" -s y -l yes -d 'Do it without asking'
complete -c llm -n "__llm_at 'history redact'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history check'" -l reindex -d 'Make the index of words anew first'
complete -c llm -n "__llm_at 'history check'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history backup'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'history backup' 1 1" -F
complete -c llm -n "__llm_at 'history path'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'local'" -a pull -d 'Fetch a model: the small demo model, a GGUF file of yours, or one from a URL'
complete -c llm -n "__llm_at 'local'" -a list -d 'List the models that are here'
complete -c llm -n "__llm_at 'local'" -a rm -d 'Delete a model\'s weights'
complete -c llm -n "__llm_at 'local'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'local pull'" -l name -x -d 'Its name here, as in -m local/NAME'
complete -c llm -n "__llm_at 'local pull'" -l sha256 -x -d 'Refuse any other file'
complete -c llm -n "__llm_at 'local pull'" -s y -l yes -d 'Replace weights of that name unasked'
complete -c llm -n "__llm_at 'local pull'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'local pull' 1 1" -F -a 'smollm2'
complete -c llm -n "__llm_at 'local list'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'local rm'" -s h -l help -d 'Show this message and exit'
complete -c llm -n "__llm_at 'local rm' 1 1" -a '(__llm_values local-models)'
