"""Answers that do not come over HTTP, behind the same Provider interface."""
