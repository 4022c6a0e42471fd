"""Coders: where proposals come from. Text in, text out; nothing here runs or parses what it carries."""
