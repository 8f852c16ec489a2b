# Completions of llm for PowerShell, printed by `llm completions powershell`.
# Only values come from outside: `llm __complete` reads config, cards and history.

Register-ArgumentCompleter -Native -CommandName llm -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # What may stand after each command, as 'name|kind|help'; arguments are named by their number.
    $tree = @{
        '' = @(
            'ask|command|Ask a model; `llm PROMPT...` is the same'
            'chat|command|Talk with a model: a conversation that is kept'
            'compare|command|Ask several models the same question at once'
            'embed|command|Turn texts into vectors'
            'tokens|command|Count the tokens of a prompt before it is sent'
            'doctor|command|Check this machine and every provider, and say how to mend it'
            'completions|command|Print the completion script of a shell'
            'providers|command|Add, list, test and remove providers'
            'models|command|List models, choose the default, name aliases'
            'batch|command|Ask every prompt of a file, and go on after a stop'
            'keys|command|Store, list and remove keys in the OS keyring'
            'config|command|Show, check and change the config'
            'usage|command|What was used and what it cost'
            'budget|command|What may be spent, and what is left of it'
            'history|command|Find, read, export and remove conversations'
            'cache|command|Look at kept replies, and remove them'
            'local|command|Fetch, list and remove models that run on this machine'
            '-m|models|provider/model or an alias; several of them with --estimate'
            '--model|models|provider/model or an alias; several of them with --estimate'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-o|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '-a|files|Send a file along; repeatable'
            '--attach|files|Send a file along; repeatable'
            '--tools|files|JSON list of the tools the model may call'
            '-c|flag|Go on with this terminal''s last conversation'
            '--continue|flag|Go on with this terminal''s last conversation'
            '--id|conversations|Go on with this conversation: an id or a name'
            '--no-log|flag|Keep no word of it; its cost is counted'
            '--no-stream|flag|Ask for the answer in one piece'
            '--json|flag|One result object at the end'
            '--jsonl|flag|One event a line, as it happens'
            '-x|flag|Only the first code block'
            '--extract|flag|Only the first code block'
            '--raw|flag|No Markdown on the terminal'
            '-u|flag|Show tokens and cost'
            '--usage|flag|Show tokens and cost'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '-v|flag|Say what is asked and retried; show reasoning'
            '--verbose|flag|Say what is asked and retried; show reasoning'
            '--strict|flag|A cut or filtered answer exits with 8'
            '--deadline|nothing|Give up after this long'
            '--retries|nothing|How often to try again; 0 is never'
            '--fallback|models|The model to ask next; repeatable'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Stop before it costs more'
            '--cache|words 1h 12h 7d|Give a kept reply again, no older than this; else 1h'
            '--no-cache|flag|Ask, whatever the config says'
            '--key-env|variables|The variable that holds the key'
            '--estimate|flag|Print tokens and price beforehand, send nothing'
            '--dry-run|flag|Print the exact request, send nothing'
            '--color|words auto always never|auto, always or never'
            '--debug|flag|Show the request, and where an error comes from'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '-V|flag|Print the version'
            '--version|flag|Print the version'
            '*|nothing|The prompt; - reads it from stdin'
        )
        'ask' = @(
            '-m|models|provider/model or an alias; several of them with --estimate'
            '--model|models|provider/model or an alias; several of them with --estimate'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-o|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '-a|files|Send a file along; repeatable'
            '--attach|files|Send a file along; repeatable'
            '--tools|files|JSON list of the tools the model may call'
            '-c|flag|Go on with this terminal''s last conversation'
            '--continue|flag|Go on with this terminal''s last conversation'
            '--id|conversations|Go on with this conversation: an id or a name'
            '--no-log|flag|Keep no word of it; its cost is counted'
            '--no-stream|flag|Ask for the answer in one piece'
            '--json|flag|One result object at the end'
            '--jsonl|flag|One event a line, as it happens'
            '-x|flag|Only the first code block'
            '--extract|flag|Only the first code block'
            '--raw|flag|No Markdown on the terminal'
            '-u|flag|Show tokens and cost'
            '--usage|flag|Show tokens and cost'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '-v|flag|Say what is asked and retried; show reasoning'
            '--verbose|flag|Say what is asked and retried; show reasoning'
            '--strict|flag|A cut or filtered answer exits with 8'
            '--deadline|nothing|Give up after this long'
            '--retries|nothing|How often to try again; 0 is never'
            '--fallback|models|The model to ask next; repeatable'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Stop before it costs more'
            '--cache|words 1h 12h 7d|Give a kept reply again, no older than this; else 1h'
            '--no-cache|flag|Ask, whatever the config says'
            '--key-env|variables|The variable that holds the key'
            '--estimate|flag|Print tokens and price beforehand, send nothing'
            '--dry-run|flag|Print the exact request, send nothing'
            '--color|words auto always never|auto, always or never'
            '--debug|flag|Show the request, and where an error comes from'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|The prompt; - reads it from stdin'
        )
        'chat' = @(
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-o|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '-a|files|Send a file along; repeatable'
            '--attach|files|Send a file along; repeatable'
            '--tools|files|JSON list of the tools the model may call'
            '-c|flag|Go on with this terminal''s last conversation'
            '--continue|flag|Go on with this terminal''s last conversation'
            '--id|conversations|Go on with this conversation: an id or a name'
            '--no-log|flag|Keep no word of it; its cost is counted'
            '--raw|flag|No Markdown on the terminal'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '-v|flag|Say what is asked and retried; show reasoning'
            '--verbose|flag|Say what is asked and retried; show reasoning'
            '--vi|flag|Edit with the keys of vi'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Stop before it costs more'
            '--key-env|variables|The variable that holds the key'
            '--color|words auto always never|auto, always or never'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|The prompt; - reads it from stdin'
        )
        'compare' = @(
            '-m|models|provider/model or an alias; two or more'
            '--model|models|provider/model or an alias; two or more'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-o|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '-a|files|Send a file along; repeatable'
            '--attach|files|Send a file along; repeatable'
            '--tools|files|JSON list of the tools the model may call'
            '-c|flag|Go on with this terminal''s last conversation'
            '--continue|flag|Go on with this terminal''s last conversation'
            '--id|conversations|Go on with this conversation: an id or a name'
            '--no-log|flag|Keep no word of it; its cost is counted'
            '--no-stream|flag|Ask for the answer in one piece'
            '--json|flag|One result object at the end'
            '-u|flag|Show tokens and cost'
            '--usage|flag|Show tokens and cost'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '-v|flag|Say what is asked and retried; show reasoning'
            '--verbose|flag|Say what is asked and retried; show reasoning'
            '--strict|flag|A cut or filtered answer exits with 8'
            '--deadline|nothing|Give up after this long'
            '--retries|nothing|How often to try again; 0 is never'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Stop before it costs more'
            '--cache|words 1h 12h 7d|Give a kept reply again, no older than this; else 1h'
            '--no-cache|flag|Ask, whatever the config says'
            '--color|words auto always never|auto, always or never'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|The prompt; - reads it from stdin'
        )
        'embed' = @(
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '--lines|flag|Each line of stdin is a text'
            '--jsonl|flag|Each line of stdin is {"id": ..., "text": ...} or a string'
            '--json|flag|One result object at the end'
            '--encoding|words float base64|float, or base64 of little-endian float32'
            '-d|nothing|The length of the vectors'
            '--dimensions|nothing|The length of the vectors'
            '--query|flag|The text is a search, not what is to be found'
            '-o|words extra.|extra.KEY=JSON; repeatable'
            '--option|words extra.|extra.KEY=JSON; repeatable'
            '-u|flag|Show tokens and cost'
            '--usage|flag|Show tokens and cost'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '--retries|nothing|How often to try again; 0 is never'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Stop before it costs more'
            '--key-env|variables|The variable that holds the key'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|The text; - reads it from stdin'
        )
        'tokens' = @(
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-a|files|Send a file along; repeatable'
            '--attach|files|Send a file along; repeatable'
            '--tools|files|JSON list of the tools the model may call'
            '--estimate|flag|Send nothing: tell about how many there are'
            '--json|flag|One object with all facts'
            '-u|flag|Show the share of the context, and the price'
            '--usage|flag|Show the share of the context, and the price'
            '-q|flag|Only the number'
            '--quiet|flag|Only the number'
            '--retries|nothing|How often to try again; 0 is never'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--key-env|variables|The variable that holds the key'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|The prompt; - reads it from stdin'
        )
        'doctor' = @(
            '--offline|flag|Ask no provider'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|providers|All you can ask by default'
        )
        'completions' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|words bash zsh fish powershell|bash, zsh, fish or powershell'
        )
        'providers' = @(
            'add|command|Add a provider: store its key, write its card, list its models and make a test call'
            'test|command|Make a real call to each provider and say what works and what does not'
            'list|command|List providers, their keys'' sources and default models; nothing is sent'
            'show|command|Show what is known of a provider: card, address, where its key comes from'
            'remove|command|Delete your card of a provider, and its stored key'
            'models|command|List the models a provider offers now, asked live'
            'default|command|Show or choose the provider and model that answer when no -m is given'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'providers add' = @(
            '--base-url|nothing|The server''s address'
            '--adapter|adapters|Its wire format; openai-chat by default'
            '-m|model-ids|Its default model'
            '--model|model-ids|Its default model'
            '--key-env|variables|The variable with the key'
            '--no-key|flag|The server takes no key'
            '--no-test|flag|Only write the card; call nothing'
            '--allow-insecure-http|flag|Send the key over plain http'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|A shipped provider, or a new name'
        )
        'providers test' = @(
            '-m|model-ids|The model to try'
            '--model|model-ids|The model to try'
            '--key-env|variables|The variable with the key'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|providers|All you can ask by default'
        )
        'providers list' = @(
            '--all|flag|Those without a key too'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'providers show' = @(
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider''s id'
        )
        'providers remove' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider''s id'
        )
        'providers models' = @(
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider''s id'
        )
        'providers default' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider'
            '2|model-ids|Its model'
        )
        'models' = @(
            'list|command|List the models you can ask, all or those that you need'
            'show|command|Show everything known of a model, and where each value comes from'
            'default|command|Print the model that answers when none is named, or choose it'
            'alias|command|List, show, set or remove aliases: short names of models'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'models list' = @(
            '--provider|providers|Of this provider only'
            '--all|flag|Of every provider'
            '--tools|flag|Those that call tools'
            '--vision|flag|Those that see images'
            '--reasoning|flag|Those that reason'
            '--max-price|nothing|At most so much for a million input tokens'
            '--for|files|Rank by what it costs as input; - is stdin'
            '--output|nothing|Count in an answer of so many tokens, with --for'
            '--refresh|flag|Ask the providers first, and keep their lists'
            '--json|flag|JSON instead of a table'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'models show' = @(
            '--json|flag|JSON instead of a table'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|models|provider/model or an alias'
        )
        'models default' = @(
            '--force|flag|Take a model that the card does not name'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|models|provider/model or an alias'
        )
        'models alias' = @(
            '--rm|flag|Remove it'
            '--force|flag|Take a model that the card does not name'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|aliases|The short name'
            '2|models|What it stands for'
        )
        'batch' = @(
            'run|command|Ask every prompt of a file; `llm batch IN -o OUT` is the same'
            'submit|command|Hand prompts over to a provider''s batch service, for about half the price; prints the job'
            'status|command|Ask the providers how far their batches are; a line for each batch'
            'fetch|command|Fetch the answers of a job: a line of JSON for each prompt, as `llm batch` writes them'
            'cancel|command|Stop a job. What was answered before can be fetched, and is paid for'
            'list|command|List the jobs of this machine, the oldest first; nobody is asked'
            '-o|files|Where answers go, a line each; else stdout'
            '--output|files|Where answers go, a line each; else stdout'
            '-p|nothing|The prompt, as "Summarise: {text}"'
            '--prompt|nothing|The prompt, as "Summarise: {text}"'
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-O|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '--schema|files|JSON Schema that every answer has to meet'
            '-j|nothing|How many are asked at once'
            '--jobs|nothing|How many are asked at once'
            '--rpm|nothing|Calls in a minute, at most'
            '--tpm|nothing|Tokens in a minute, at most'
            '--max-cost|nothing|Stop before it costs more'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--retries|nothing|How often a failed prompt is asked again'
            '--retry-failed|flag|Ask those again that failed in an earlier run'
            '--ordered|flag|In the order of IN at the end, or as they come'
            '--as-completed|flag|In the order of IN at the end, or as they come'
            '--limit|nothing|Only the first N prompts'
            '--format|words jsonl csv tsv lines|jsonl, csv, tsv or lines, else by name'
            '--strict|flag|A cut or filtered answer exits with 8'
            '--deadline|nothing|Give up on a prompt then'
            '--no-stream|flag|Ask for the answer in one piece'
            '--cache|words 1h 12h 7d|Give a kept reply again, no older than this; else 1h'
            '--no-cache|flag|Ask, whatever the config says'
            '--key-env|variables|The variable that holds the key'
            '--json|flag|A summary as one object on stdout'
            '-q|flag|Neither bar nor summary'
            '--quiet|flag|Neither bar nor summary'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|files|JSON lines, CSV, or one prompt a line; - is stdin'
        )
        'batch run' = @(
            '-o|files|Where answers go, a line each; else stdout'
            '--output|files|Where answers go, a line each; else stdout'
            '-p|nothing|The prompt, as "Summarise: {text}"'
            '--prompt|nothing|The prompt, as "Summarise: {text}"'
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-O|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '--schema|files|JSON Schema that every answer has to meet'
            '-j|nothing|How many are asked at once'
            '--jobs|nothing|How many are asked at once'
            '--rpm|nothing|Calls in a minute, at most'
            '--tpm|nothing|Tokens in a minute, at most'
            '--max-cost|nothing|Stop before it costs more'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--retries|nothing|How often a failed prompt is asked again'
            '--retry-failed|flag|Ask those again that failed in an earlier run'
            '--ordered|flag|In the order of IN at the end, or as they come'
            '--as-completed|flag|In the order of IN at the end, or as they come'
            '--limit|nothing|Only the first N prompts'
            '--format|words jsonl csv tsv lines|jsonl, csv, tsv or lines, else by name'
            '--strict|flag|A cut or filtered answer exits with 8'
            '--deadline|nothing|Give up on a prompt then'
            '--no-stream|flag|Ask for the answer in one piece'
            '--cache|words 1h 12h 7d|Give a kept reply again, no older than this; else 1h'
            '--no-cache|flag|Ask, whatever the config says'
            '--key-env|variables|The variable that holds the key'
            '--json|flag|A summary as one object on stdout'
            '-q|flag|Neither bar nor summary'
            '--quiet|flag|Neither bar nor summary'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|files|JSON lines, CSV, or one prompt a line; - is stdin'
        )
        'batch submit' = @(
            '-m|models|provider/model or an alias'
            '--model|models|provider/model or an alias'
            '-p|nothing|The prompt, as "Summarise: {text}"'
            '--prompt|nothing|The prompt, as "Summarise: {text}"'
            '-s|nothing|The system prompt'
            '--system|nothing|The system prompt'
            '-O|options|A model option; repeatable'
            '--option|options|A model option; repeatable'
            '--schema|files|JSON Schema that every answer has to meet'
            '--format|words jsonl csv tsv lines|jsonl, csv, tsv or lines, else by name'
            '--tag|nothing|Count its cost under KEY=VALUE; repeatable'
            '--max-cost|nothing|Send nothing if it may cost more than this'
            '--key-env|variables|The variable that holds the key'
            '--resume|nothing|Go on with a job that was cut off'
            '--json|flag|One result object at the end'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|files|The prompts: JSONL, CSV or lines; - is stdin'
        )
        'batch status' = @(
            '--json|flag|A JSON list'
            '--key-env|variables|The variable that holds the key'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|nothing|The job; all open ones if left out'
        )
        'batch fetch' = @(
            '-o|files|Where the answers go; else to stdout'
            '--output|files|Where the answers go; else to stdout'
            '--wait|flag|Wait until all of them are there'
            '--partial|flag|Take the batches that have ended, if not all have'
            '--json|flag|With -o: one object about it on stdout'
            '-q|flag|Only the answer and errors'
            '--quiet|flag|Only the answer and errors'
            '--key-env|variables|The variable that holds the key'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|nothing|The job; the only open one if left out'
        )
        'batch cancel' = @(
            '--key-env|variables|The variable that holds the key'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|nothing|The job'
        )
        'batch list' = @(
            '--all|flag|Those that are fetched, too'
            '--json|flag|A JSON list'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'keys' = @(
            'set|command|Store the key of a provider in the OS keyring'
            'list|command|List the keys: provider, address, source'
            'rm|command|Delete the stored keys of a provider'
            'where|command|Show each source of a key and which is used'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'keys set' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider''s id'
            '*|nothing|Read the key from stdin'
        )
        'keys list' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'keys rm' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|The provider''s id'
        )
        'keys where' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|providers|A provider'
        )
        'config' = @(
            'path|command|Print the path of the config file, whether it exists or not'
            'show|command|Show every setting with its value and where it comes from'
            'get|command|Print the value of a setting, of a table as lines of name and value'
            'set|command|Set a setting, or take it out with --unset'
            'edit|command|Open the config in $VISUAL or $EDITOR, then check it'
            'check|command|Check the config and every card of your own, all problems at once'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'config path' = @(
            '--dir|flag|The folder instead'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'config show' = @(
            '--json|flag|A list of objects'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'config get' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|config-keys|Such as display.color'
        )
        'config set' = @(
            '--unset|flag|Take the setting out'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|config-keys|Such as display.color'
            '2|nothing|Its value'
        )
        'config edit' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'config check' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'usage' = @(
            'reprice|command|Count past costs anew with the prices of now'
            '--by|words day week month provider model conversation tag kind|day, week, month, provider, model, conversation, tag, kind; else model'
            '--since|nothing|From then on: 12h, a date, or 7d, today being one'
            '--until|nothing|To the end of that day: 2026-11-30'
            '--provider|providers|Only calls of this provider'
            '-m|models|Only calls of this model'
            '--model|models|Only calls of this model'
            '--tag|nothing|Only calls tagged KEY=VALUE, or with KEY'
            '-n|nothing|So many conversations'
            '--limit|nothing|So many conversations'
            '--json|flag|One object with all facts'
            '--csv|flag|All facts for a spreadsheet, with a header'
            '--plot|flag|Draw it in the terminal: bars by day'
            '--html|files|Write a page with charts; needs no network'
            '--force|flag|Replace FILE if it is there'
            '--unpriced|flag|What has no known cost, and the line to add'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'usage reprice' = @(
            '--since|nothing|From then on: 12h, a date, or 7d, today being one'
            '-m|models|Only calls of this model'
            '--model|models|Only calls of this model'
            '--dry-run|flag|Say what would happen, change nothing'
            '-y|flag|Do it without asking'
            '--yes|flag|Do it without asking'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'budget' = @(
            'set|command|Set a limit, or one part of it; the config keeps its comments and order'
            'rm|command|Remove a limit'
            '--json|flag|A list of objects'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'budget set' = @(
            '--warn|nothing|Warn from here on'
            '--refuse|nothing|The same as USD'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|words day week month per_call per_conversation|day, week, month, per_call, per_conversation, per_tag.KEY or per_tag.KEY=VALUE'
            '2|nothing|Refuse from here on'
        )
        'budget rm' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|words day week month per_call per_conversation|day, week, month, per_call, per_conversation, per_tag.KEY or per_tag.KEY=VALUE'
        )
        'history' = @(
            'list|command|List conversations, the one used last first'
            'show|command|Show a conversation, as it stands or as a tree'
            'last|command|Show the last exchange'
            'search|command|Find turns by their words, the newest first'
            'rename|command|Name a conversation'
            'fork|command|Begin a new conversation from an old one'
            'export|command|Write conversations to stdout or a file'
            'import|command|Take in exported conversations'
            'rm|command|Remove conversations for good'
            'prune|command|Remove what was not used for long'
            'redact|command|Mask a text everywhere in the history'
            'check|command|Check the history for damage'
            'backup|command|Copy the history to a new file'
            'path|command|Print where the history lies'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'history list' = @(
            '-n|nothing|At most so many'
            '--limit|nothing|At most so many'
            '--all|flag|All of them'
            '-m|models|With a turn of this model, or provider'
            '--model|models|With a turn of this model, or provider'
            '--since|nothing|Used since then: 12h, 30d, a date'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'history show' = @(
            '--turns|nothing|Only the last N turns'
            '--tree|flag|Every branch, a turn a line'
            '--raw|flag|No Markdown on the terminal'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|conversations|A conversation; else the last one of this terminal'
        )
        'history last' = @(
            '--json|flag|Everything that is kept'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'history search' = @(
            '-n|nothing|At most so many'
            '--limit|nothing|At most so many'
            '--json|flag|JSON for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|What to look for; "in quotes" as it stands'
        )
        'history rename' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|conversations|A conversation: its name, or how its id begins'
            '2|nothing|The name; "" takes it away'
        )
        'history fork' = @(
            '--at|nothing|From this turn: its number or its id'
            '--name|nothing|The name of the new one'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|conversations|A conversation; else the last one of this terminal'
        )
        'history export' = @(
            '--all|flag|Every conversation'
            '-f|words json jsonl md html|json, jsonl, md or html; else as FILE ends'
            '--format|words json jsonl md html|json, jsonl, md or html; else as FILE ends'
            '-o|files|A new file; else to stdout'
            '--output|files|A new file; else to stdout'
            '--force|flag|Replace FILE if it is there'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|conversations|Conversations; else the last one of this terminal'
        )
        'history import' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|files|What was exported; - reads stdin'
        )
        'history rm' = @(
            '-y|flag|Do it without asking'
            '--yes|flag|Do it without asking'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|conversations|Conversations: names or beginnings of ids'
        )
        'history prune' = @(
            '--older-than|nothing|Last used before: 12h, 30d, a date'
            '--dry-run|flag|Say what would happen, change nothing'
            '-y|flag|Do it without asking'
            '--yes|flag|Do it without asking'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'history redact' = @(
            '--key|providers|The key of this provider is the text'
            '--dry-run|flag|Say what would happen, change nothing'
            '-y|flag|Do it without asking'
            '--yes|flag|Do it without asking'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '*|nothing|Read the text from stdin'
        )
        'history check' = @(
            '--reindex|flag|Make the index of words anew first'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'history backup' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|files|A new file'
        )
        'history path' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'cache' = @(
            'info|command|Tell what is kept, how often it was of use, and what that saved'
            'clear|command|Remove the kept replies for good'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'cache info' = @(
            '--json|flag|One object for scripts'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'cache clear' = @(
            '--older-than|nothing|Only what came before: 12h, 7d'
            '-y|flag|Do it without asking'
            '--yes|flag|Do it without asking'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'local' = @(
            'pull|command|Fetch a model: the small demo model, a GGUF file of yours, or one from a URL'
            'list|command|List the models that are here'
            'rm|command|Delete a model''s weights'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'local pull' = @(
            '--name|nothing|Its name here, as in -m local/NAME'
            '--sha256|nothing|Refuse any other file'
            '-y|flag|Replace weights of that name unasked'
            '--yes|flag|Replace weights of that name unasked'
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|files smollm2|smollm2, a GGUF file, or an https URL of one'
        )
        'local list' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
        )
        'local rm' = @(
            '-h|flag|Show this message and exit'
            '--help|flag|Show this message and exit'
            '1|local-models|As `llm local list` shows it'
        )
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
