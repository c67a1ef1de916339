"""The corpus is the same each time, and begins with photos that are good."""

from __future__ import annotations

from itertools import islice, pairwise

from ensemble.decode import decode_photo
from tests.fuzz.corpus import images, jpeg, metadata, structures
from tests.fuzz.corpus.bases import SIZE, bases
from tests.fuzz.corpus.case import Case
from tests.fuzz.targets.decode import check_hidden


def test_good_photos_are_good() -> None:
    for case in bases():
        photo = decode_photo(case.data)
        assert (photo.info.width, photo.info.height) in {SIZE, SIZE[::-1], (7, 9)}, case.name


def test_pieces_cover_a_photo_without_gaps() -> None:
    for case in bases():
        spans = structures.pieces(case.data)
        assert len(spans) >= 1
        assert all(end == start for (_, end), (start, _) in pairwise(spans)), case.name
        assert len(case.data) - spans[-1][1] in {0, 2}, case.name  # behind a JPEG's there is its end


def test_sums_put_right_change_no_good_photo() -> None:
    for case in bases():
        if case.data.startswith(b"\x89PNG"):
            assert structures.with_sums(case.data) == case.data


def test_the_same_seed_gives_the_same_images_and_another_gives_others() -> None:
    def first(seed: int) -> list[Case]:
        return list(islice(structures.cases(seed), 1500))

    assert first(3) == first(3)
    assert first(3) != first(4)


def test_pillow_sees_no_segment_that_was_left_out() -> None:
    for case in (*jpeg.cases(), *metadata.cases()):
        check_hidden(case.data)


def test_every_part_of_the_corpus_is_there() -> None:
    kinds: dict[str, int] = {}
    for case in images():
        kind = case.name.partition(":")[0].partition(" in ")[0].partition(" behind ")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    assert sum(kinds.values()) > 15_000
    assert min(kinds["jpeg"], kinds["png"], kinds["webp"], kinds["ICC"], kinds["EXIF"]) > 100
