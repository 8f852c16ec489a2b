"""How the answers of several models to one question are shown."""
