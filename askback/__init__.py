"""Askback: from a shelf of books to a language model that answers in the author's voice."""

__version__ = "0.1.0"
