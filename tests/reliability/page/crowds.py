"""No cross-talk, determinism, and servers replaced under load: ``reliability.json``."""

from __future__ import annotations

from perf.cost.tables import table
from tests.reliability.page.figures import Figures
from tests.reliability.page.trials import Trial, counted, harmful, listed

_TESTS = "tests/reliability"
_NAMES = {"gateways": "gateways", "tritons": "Tritons"}


def trials(figures: Figures) -> list[Trial]:
    crowds, again = figures.parts("no_cross_talk").values(), figures.parts("determinism").values()
    replaced = _replacements(figures)
    return [
        Trial(
            "tasks of a crowd, each compared",
            f"{sum(crowd.count('tasks') for crowd in crowds):,} tasks",
            _TESTS,
            wrong=sum(len(crowd.texts("wrong")) for crowd in crowds),
        ),
        Trial(
            "the same photo once more",
            f"{sum(each.count('compared') for each in again):,} results",
            _TESTS,
            wrong=sum(each.count("different") for each in again),
        ),
        *(
            Trial(
                f"{_NAMES[name]} replaced under load",
                f"{each.count('tried'):,} photos",
                _TESTS,
                injected=each.count("replaced"),
                wrong=_other(each),
                lost=max(len(each.texts("lost_or_wrong")), each.count("accepted") - each.count("right")) - _other(each),
            )
            for name, each in replaced.items()
        ),
    ]


def section(figures: Figures) -> str:
    return _cross_talk(figures) + _determinism(figures) + _replaced(figures)


def _cross_talk(figures: Figures) -> str:
    crowds = figures.parts("no_cross_talk")
    lines = [
        (
            name,
            f"{crowd.count('tasks'):,}",
            counted(crowd.counts("ways")),
            f"{crowd.count('results_compared'):,}",
            harmful(len(crowd.texts("wrong"))),
        )
        for name, crowd in crowds.items()
    ]
    head = ("through", "tasks", "ways", "results compared", "other than alone")
    return (
        "\n## No cross-talk\n\n"
        "Up to ten tasks at once, of all kinds and by all ways in, some of them cancelled or left alone on the way. "
        f"Every result, report and error is compared, byte for byte, with what the same photo gives alone; "
        f"{figures.count('photos')} kinds of photos. A batch is one task with several results.\n\n"
        + table(head, lines)
        + listed([text for crowd in crowds.values() for text in crowd.texts("wrong")])
    )


def _determinism(figures: Figures) -> str:
    lines = [
        (name, f"{each.count('compared'):,}", harmful(each.count("different")))
        for name, each in figures.parts("determinism").items()
    ]
    return (
        "\n## The same photo, the same bytes\n\n"
        "Each kind of photo is enhanced again, and whole files are compared. What changes a result and what does not: "
        "[determinism.md](determinism.md).\n\n" + table(("where", "results compared", "different"), lines)
    )


def _replaced(figures: Figures) -> str:
    replaced = _replacements(figures)
    lines = [
        (
            _NAMES[name],
            str(each.count("replaced")),
            f"{each.count('tried'):,}",
            f"{each.count('accepted'):,}",
            f"{each.count('right'):,}",
            counted(each.counts("told_to_try_again")),
            harmful(len(each.texts("lost_or_wrong"))),
        )
        for name, each in replaced.items()
    ]
    head = ("what", "replaced", "photos sent", "accepted", "right", "told to try again", "lost or wrong")
    return (
        "\n## Upgrade\n\n"
        "Two of a kind, stopped (SIGTERM) and replaced one after the other while clients go on sending: gateways with "
        "a Redis behind the real nginx; Tritons behind one gateway. Every photo that was accepted has to come back "
        "right. One that is told to try again was not accepted, and its client sends it again.\n\n"
        + table(head, lines)
        + listed([text for each in replaced.values() for text in each.texts("lost_or_wrong")])
    )


def _replacements(figures: Figures) -> dict[str, Figures]:
    return {name: figures.part("replaced").part(name) for name in _NAMES}


def _other(replaced: Figures) -> int:
    """Results that came back, and were others than alone."""
    return sum(": other " in text for text in replaced.texts("lost_or_wrong"))
