"""The page of the matrix says what went well, what did not, and why there is no cell."""

from .cells import CELLS
from .table import render


def test_the_page_says_what_went_wrong() -> None:
    page = render({cell: ["it was late"] if cell == CELLS[0] else [] for cell in CELLS})
    assert f"- {CELLS[0]}: it was late" in page
    assert "| 2/3 |" in page
    assert "public data needs no keys" in page


def test_the_page_of_a_good_run_names_nothing_wrong() -> None:
    assert "wrong" not in render({cell: [] for cell in CELLS}).partition("## Public")[2].replace("wrong accept", "")
