from bench.report import Line, Target


def test_a_line_tells_the_median_and_the_extremes() -> None:
    facts = Line("hub", "rows/s", [3.0, 1.0, 2.0]).facts()

    assert (facts["median"], facts["min"], facts["max"]) == (2.0, 1.0, 3.0)


def test_a_target_may_be_a_floor_or_a_ceiling() -> None:
    assert Target("ratio", 4.0, 4.0).holds
    assert not Target("ratio", 3.9, 4.0).holds
    assert Target("memory", 250, 250, at_least=False).holds
    assert not Target("memory", 252, 250, at_least=False).holds
