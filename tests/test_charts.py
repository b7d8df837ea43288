"""The geometry of charts: round ticks, bins that lose nothing, points where they belong."""

import pytest

from askback.charts import axis, curves, dots, histogram, line, peaks, round_step, thin, trace


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 320, [0, 100, 200, 300, 400]),
        (1.8, 4.2, [1.5, 2, 2.5, 3, 3.5, 4, 4.5]),
        (0.1, 0.3, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (2.5, 2.5, [2, 3]),
        (0, 0, [0, 1]),
    ],
)
def test_an_axis_begins_and_ends_on_round_ticks_around_its_values(
    low: float, high: float, ticks: list[float]
) -> None:
    assert axis(low, high).ticks == ticks


@pytest.mark.parametrize(
    ("least", "step"), [(0.9, 1), (1, 1), (1.1, 2), (2.1, 5), (5.1, 10), (1000, 1000), (0, 1)]
)
def test_a_step_is_one_two_or_five_times_a_power_of_ten(least: float, step: float) -> None:
    assert round_step(least) == step


def test_a_histogram_counts_every_value_once() -> None:
    lengths = [0, 1, 49, 50, 299, 1024]
    bins = histogram(lengths).bins
    assert sum(b.count for b in bins) == len(lengths)
    assert [(b.low, b.count) for b in bins if b.count] == [(0, 3), (50, 1), (250, 1), (1000, 1)]


def test_a_rule_beyond_all_lengths_still_stands_on_the_axis() -> None:
    assert histogram([10, 20], rule=1024).x.at(1024) <= 100


def test_thinning_keeps_the_mean_and_leaves_few_points_alone() -> None:
    few = [(1.0, 2.0), (2.0, 3.0)]
    assert thin(few) == few
    many = [(float(step), float(step % 2)) for step in range(1000)]
    assert len(thin(many)) == 200
    assert {loss for _, loss in thin([*many[:400]])} == {0.5}


def test_peaks_are_points_as_they_were_and_no_spike_is_lost() -> None:
    few = [(1.0, 2.0), (2.0, 3.0)]
    assert peaks(few) == few
    flat = [(float(step), 1.0) for step in range(1000)]
    spiked = [*flat[:503], (503.0, 9.0), *flat[504:]]
    assert len(peaks(spiked)) == 200
    assert (503.0, 9.0) in peaks(spiked)


def test_a_trace_begins_at_zero_on_the_axis_of_the_steps() -> None:
    steps = axis(0, 320)
    drawn = trace([(1, 0.8), (150, 4.6)], steps)
    assert drawn.x == steps
    assert drawn.y.ticks == [0, 2, 4, 6]


def test_paths_stand_in_percent_with_high_values_on_top() -> None:
    x, y = axis(0, 100), axis(0, 100)
    assert line([(0, 0), (50, 100)], x, y) == "M0 100L50 0"
    assert dots([(0, 0), (50, 100)], x, y) == "M0 100h0M50 0h0"


def test_both_curves_fit_their_common_axes() -> None:
    both = curves([(1, 3.7), (320, 1.9)], [(64, 2.7), (320, 2.3)])
    places = [both.y.at(loss) for _, loss in [*both.train, *both.held_out]]
    assert all(0 <= place <= 100 for place in places)
