from bench.figures import Figure, markdown


def test_a_figure_is_judged_by_medians_against_factor_and_allowance():
    figure = Figure("preview", [2.0, 9.0, 2.4], [1.0, 1.0, 5.0], factor=1.5, allowance=1.0)
    assert figure.ratio == 2.4
    assert figure.limit == 2.5
    assert figure.met
    assert not Figure("preview", [2.6], [1.0], factor=1.5, allowance=1.0).met


def test_a_missed_figure_is_shown_as_missed():
    text = markdown([Figure("a", [1.0], [1.0], 1.5), Figure("b", [2.0], [1.0], 1.5, 0.25)])
    assert "| a | 1.0 s | 1.0-1.0 s | 1.0 s | 1.0-1.0 s | 1.00 | at most 1.5 x | yes |" in text
    assert "| 2.00 | at most 1.5 x + 0.25 s | **no** |" in text
