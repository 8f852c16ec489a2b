"""Chat with any LLM provider from a terminal or a script."""

__version__ = "0.1.0"
