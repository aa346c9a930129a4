"""The site's side of exhibits: fences and inline tags of a page become figures and values.

``workshop`` computes each exhibit once per build of both languages, ``page`` follows one
page from Markdown to HTML, ``inline`` is the Python-Markdown extension for value tags,
``lint`` finds what no formatter ever sees. The hooks only hand MkDocs' events over.
"""
