"""Rendering: a view and a language give HTML, Markdown, SVG, CSV or JSON."""
