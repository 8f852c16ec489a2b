"""What a conversation looks like outside the store: JSON documents, Markdown and HTML."""
