"""Stands in for http-parser, whose last release (0.9.0) does not compile on Python 3.11.

It has what pymesos needs of it and no more, so that pymesos itself stays as it was published.
"""
