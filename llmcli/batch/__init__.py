"""Many prompts at once: read from a file, asked by workers, answered into a file."""
