"""What a threshold costs (LINKAGE 5): false merges, second letters and reviewers' minutes against each other."""

import polars as pl

from matching.costs import Costs, cheapest, swept

# thresholds 3, 4, 5, 6: raising one parts 5 links, of which fewer and fewer are of two people
ROWS = pl.DataFrame({
    "at_bits": [2.0, 3.0, 4.0, 5.0, 6.0],
    "links": [120, 100, 95, 90, 85],
    "expected_false": [20.0, 4.0, 1.0, 0.5, 0.4],
    "expected_missed": [1.0, 4.0, 8.0, 12.5, 17.4],
})  # fmt: skip
COSTS = Costs(untold_person=9.0, wrong_letter=1.0, duplicate_letter=1.0, reviewed_pair=0.5)


def test_costs_of_a_band_left_alone_and_of_a_reviewed_one() -> None:
    found = swept(ROWS, COSTS, include_at_bits=3.0)
    assert found["at_bits"].to_list() == [3.0, 4.0, 5.0, 6.0]
    assert found["unreviewed"].to_list() == [44.0, 18.0, 18.0, 21.0]
    # below 3 bits 4 are missed for good; 0, 5, 10, 15 links of the band are looked at
    assert found["reviewed"].to_list() == [44.0, 16.0, 14.0, 16.0]


def test_equal_costs_give_the_lower_threshold() -> None:
    found = swept(ROWS, COSTS, include_at_bits=3.0)
    assert cheapest(found, "unreviewed") == {"at_bits": 4.0, "cost": 18.0}
    assert cheapest(found, "reviewed") == {"at_bits": 5.0, "cost": 14.0}


def test_dear_untold_people_raise_the_threshold() -> None:
    dear = COSTS.model_copy(update={"untold_person": 999.0})
    found = swept(ROWS, dear, include_at_bits=3.0)
    assert cheapest(found, "unreviewed")["at_bits"] == 6.0
