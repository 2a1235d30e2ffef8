"""Escaping and drawing: whatever users write stays text, in HTML, Markdown, SVG and terminals."""

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sensorium.evaluate import plots
from sensorium.evaluate.by_class import Confusion
from sensorium.evaluate.calibration import Bin, Calibration
from sensorium.evaluate.contribution import Contribution
from sensorium.evaluate.drawing import INK
from sensorium.evaluate.fusion_help import FusionHelp, Standing
from sensorium.evaluate.intervals import Interval
from sensorium.evaluate.layout import escape_markdown, escape_terminal
from sensorium.evaluate.words import shortened

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    '<script>alert("1")</script>', "a & b < c", "$x_1$ and $\\frac{", "画像 🙂",
    "</svg><img src=x>", "line\nbreak", '"quoted" \'too\'', "", "#010207",
)  # fmt: skip
SOME = Interval(0.5, 0.4, 0.6)


def tree(svg: str) -> ET.Element:
    """Parse a picture: it must be whole XML by itself."""
    source = svg if "xmlns=" in svg[:400] else svg.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"', 1)
    return ET.fromstring(source)  # noqa: S314 - made here


def words(svg: str) -> set[str]:
    return {"".join(text.itertext()).strip() for text in tree(svg).iter(f"{SVG}text")}


def help_of(*names: str) -> FusionHelp:
    parts = tuple(Standing(f"{name} alone", "part", SOME) for name in names)
    fusion = Standing("fusion", "fusion", Interval(0.9, 0.85, 0.95))
    return FusionHelp("accuracy", False, (*parts, fusion), "yes", "Yes.", SOME)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_are_only_text_in_pictures(name: str) -> None:
    counts = np.array([[3, 1], [0, 2]])
    pictures = [
        plots.fusion_plot(help_of(name)),
        plots.contribution_plot([Contribution(name, SOME, {})], "accuracy"),
        plots.confusion_plot(Confusion((name, "b"), (name, "b"), counts)),
        plots.points_plot(np.array([[0.0, 1.0], [2.0, 2.0]]), name),
        plots.score_plot([{"epoch": 0, "valid": {name: {"f1": 0.5}}}], {name: "f1"}),
        plots.loss_plot([{"epoch": 0, "loss": 1.0, "losses": {name: 1.0, "b": 2.0}}]),
    ]
    for picture in pictures:
        assert picture is not None
        tags = {element.tag for element in tree(picture).iter()}
        assert tags.isdisjoint({f"{SVG}script", f"{SVG}img", "script", "img"})


def test_labels_arrive_whole() -> None:
    shown = words(plots.fusion_plot(help_of("a & b < c", "$x_1$", "画像")))
    assert {"a & b < c alone", "$x_1$ alone", "画像 alone", "0.500", "0.900"} <= shown


def test_long_labels_are_cut() -> None:
    assert shortened("word " * 20, 28) == "word word word word word wo…"
    assert len(shortened("x" * 99, 10)) == 10
    assert shortened("two\nlines") == "two lines"


def test_pictures_take_the_pages_colours_and_room() -> None:
    picture = plots.calibration_plot(Calibration((Bin(3, 0.2, 0.1), Bin(9, 0.8, 0.9)), 0.1))
    root = tree(picture)
    assert "currentColor" in picture
    assert INK not in picture
    assert "width" not in root.attrib
    assert "viewBox" in root.attrib
    assert root.attrib["role"] == "img"
    assert "perfect" in root.attrib["aria-label"]
    assert "<metadata" not in picture
    assert "#ffffff" not in picture.lower()


def test_pictures_are_the_same_each_time_and_leave_nothing_open() -> None:
    before = plt.get_fignums()
    assert plots.fusion_plot(help_of("a", "b")) == plots.fusion_plot(help_of("a", "b"))
    assert plt.get_fignums() == before


def test_references_within_a_picture_still_point_somewhere() -> None:
    picture = plots.loss_plot([{"epoch": e, "losses": {"a": 1.0 / (e + 1)}} for e in range(4)])
    known = set(re.findall(r'\bid="([^"]+)"', picture))
    used = set(re.findall(r"url\(#([^)]+)\)", picture)) | set(
        re.findall(r'href="#([^"]+)"', picture)
    )
    assert used
    assert used <= known


def test_a_confusion_of_too_many_classes_is_not_drawn() -> None:
    def square(classes: int) -> Confusion:
        names = tuple(f"class {number}" for number in range(classes))
        return Confusion(names, names, np.eye(classes, dtype=np.int64))

    assert plots.confusion_plot(square(plots.MOST_CLASSES + 1)) is None
    drawn = plots.confusion_plot(square(plots.MOST_CLASSES))
    assert drawn is not None
    assert "1" not in words(drawn)
    few = plots.confusion_plot(square(plots.WRITTEN_CLASSES))
    assert few is not None
    assert "1" in words(few)


def test_of_very_many_parts_the_best_are_drawn() -> None:
    parts = [
        Standing(f"part {n} alone", "part", Interval(n / 50, n / 60, n / 40)) for n in range(40)
    ]
    fusion = Standing("fusion", "fusion", SOME)
    base = Standing("baseline", "baseline", Interval(0.01, 0.0, 0.02))
    help_ = FusionHelp("accuracy", False, (base, *parts, fusion), "no", "No.", SOME)
    shown = words(plots.fusion_plot(help_))
    assert {"part 39 alone", "fusion", "baseline"} <= shown
    assert "part 3 alone" not in shown
    assert sum(name.startswith("part") for name in shown) <= plots.MOST_BARS


def test_bars_stand_though_an_interval_is_not_known() -> None:
    unknown = Interval(0.5, float("nan"), float("nan"))
    shown = words(plots.contribution_plot([Contribution("a", unknown, {})], "r2"))
    assert "+0.500" in shown


def test_curves_of_training_and_validation() -> None:
    history = [
        {"epoch": e, "loss": 2.0, "losses": {"mood": 1.0, "mood/photo": 1.0},
         "valid": {"mood": {"accuracy": 0.5 + e / 10}}}
        for e in range(3)
    ]  # fmt: skip
    assert {"mood", "mood/photo", "epoch", "training loss"} <= words(plots.loss_plot(history))
    scores = plots.score_plot(history, {"mood": "accuracy"})
    assert scores is not None
    assert "mood: accuracy" in words(scores)


def test_without_validation_there_is_no_curve_of_it() -> None:
    assert plots.score_plot([{"epoch": 0, "loss": 1.0}], {"mood": "accuracy"}) is None


def test_very_many_losses_become_one() -> None:
    losses = {f"mood/part {n}": 1.0 for n in range(20)}
    assert "loss" in words(plots.loss_plot([{"epoch": 0, "loss": 3.0, "losses": losses}]))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("two\nlines | <b>", r"two lines \| &lt;b\>"),
        ("[x](javascript:1)", r"\[x\](javascript:1)"),
        ("*bold* _it_ `code` # ~ $", r"\*bold\* \_it\_ \`code\` \# \~ \$"),
        ("&lt;", "&amp;lt;"),
        (12, "12"),
    ],
)
def test_markdown_is_escaped(text: object, written: str) -> None:
    assert escape_markdown(text) == written


def test_terminals_are_not_commanded() -> None:
    assert escape_terminal("red \x1b[31m\a\r\nalarm") == "red  [31m   alarm"
    assert escape_terminal("画像  padded  ") == "画像  padded  "
