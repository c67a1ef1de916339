"""The page ``docs/reliability.md``, made from the figures of the trials in ``perf/results``.

    python -m tests.reliability.page

A part of the page is a module with ``trials``, its rows of the table at the top, and ``section``. A test keeps the page
in step with the figures.
"""
