"""`python -m llmcli` is the same as `llm`."""

from llmcli.cli import main

if __name__ == "__main__":
    main()
