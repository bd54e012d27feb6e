from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal.settings.documents import merge, read_yaml
from metal.settings.problems import Problems


def read(folder: Path, text: str) -> tuple[dict | None, list[str]]:
    (folder / "file.yaml").write_text(text)
    problems = Problems()
    return read_yaml(folder / "file.yaml", "file.yaml", problems), problems.lines


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("on", "on"),
        ("no", "no"),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("12:34:56:12:34:56", "12:34:56:12:34:56"),
        ("007", "007"),
        ("2024-01-01", "2024-01-01"),
        ("1e3", "1e3"),
        ("1.15.4", "1.15.4"),
        ("0x10", "0x10"),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_mean_what_they_mean_in_the_stack_file(tmp_path: Path, text: str, value: object) -> None:
    data, problems = read(tmp_path, f"key: {text}\n")
    assert data == {"key": value}
    assert type(data["key"]) is type(value)
    assert problems == []


def test_every_repeated_key_is_named_with_its_lines(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\na: 2\n")
    assert sorted(problems) == [
        "file.yaml: line 4: the key c was given already in line 3; allowed: each key once",
        "file.yaml: line 5: the key a was given already in line 1; allowed: each key once",
    ]


def test_anchors_and_merge_keys_are_no_repetition(tmp_path: Path) -> None:
    data, problems = read(tmp_path, "a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}\n")
    assert data == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}
    assert problems == []


def test_tags_that_make_objects_are_refused(tmp_path: Path) -> None:
    data, problems = read(tmp_path, "a: !!python/object/apply:os.getcwd []\n")
    assert data is None
    assert "is not YAML" in problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!int abc\n", "does not fit its tag"),
        ("a: !!bool maybe\n", "does not fit its tag"),
        ("a: !!timestamp abc\n", "does not fit its tag"),
        (f"a: {'9' * 5000}\n", "a number is too long"),
        ("a: \0\n", "special characters are not allowed"),
        ("a: " + "[" * 3000 + "]" * 3000 + "\n", "is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    data, problems = read(tmp_path, text)
    assert data is None
    assert len(problems) == 1
    assert said in problems[0]


def test_a_path_with_a_null_character_is_a_problem(tmp_path: Path) -> None:
    problems = Problems()
    assert read_yaml(tmp_path / "a\0b", "a\0b", problems) is None
    assert "null character" in problems.lines[0]


def test_an_empty_file_is_an_empty_map(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n") == ({}, [])


trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=10
)
maps = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(maps, maps)
def test_merging_keeps_all_that_the_upper_one_says(under: dict, over: dict) -> None:
    merged = merge(under, over)
    assert merged.keys() == under.keys() | over.keys()
    assert merge(merged, over) == merged
    assert merge(under, {}) == under
    assert merge({}, over) == over


@given(maps, maps, maps)
def test_merging_in_steps_is_merging_at_once(a: dict, b: dict, c: dict) -> None:
    if not any(_clash(x, y) for x, y in ((a, b), (b, c), (a, c))):
        assert merge(merge(a, b), c) == merge(a, merge(b, c))


def _clash(left: dict, right: dict) -> bool:
    """A map on one side and a plain value on the other: there the order of merging matters."""
    return any(
        isinstance(left[key], dict) != isinstance(right[key], dict)
        or (isinstance(left[key], dict) and _clash(left[key], right[key]))
        for key in left.keys() & right.keys()
    )
