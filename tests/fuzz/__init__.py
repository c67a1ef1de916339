"""Hostile input: images made to harm, and coverage-guided fuzzing of everything that parses a stranger's bytes.

``python -m tests.fuzz.run`` for long runs; the tests here are the short form.
"""
