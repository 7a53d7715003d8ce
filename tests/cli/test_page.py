"""The page: text is escaped, pictures stand in it, and the drawing touches nothing of the user's."""

import base64
import re
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from scratchnet.cli.tour import drawing, page
from scratchnet.cli.tour.section import Section

NASTY = "<script>alert(\"1\")</script> & 'x'"


@pytest.mark.parametrize(
    "make",
    [
        page.heading,
        page.paragraph,
        page.note,
        page.equation,
        page.code,
        page.sign,
        lambda text: page.image("data:,", text),
        lambda text: page.image("data:,", "", label=text),
        lambda text: page.grid([[text]], [[text]], text, [text], [text], text),
        lambda text: page.group([], text),
        lambda text: page.figure([], text),
        lambda text: page.table([text], [[text]]),
    ],
)
def test_text_is_escaped_wherever_it_goes(make):
    html = make(NASTY)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert '"1"' not in html  # so it cannot end an attribute


def test_what_a_section_says_is_escaped_on_the_page():
    section = Section(
        NASTY, NASTY, NASTY, (NASTY,), NASTY, lambda *_: 0, lambda _: [], lambda _: []
    )
    assert "<script" not in page.assemble([(section, [])], {NASTY: [NASTY]}, 0)


def test_backticks_are_code_and_stars_emphasis():
    html = page.paragraph("`a < b` and *now*, 2 * 3 * 4")
    assert html == "<p><code>a &lt; b</code> and <em>now</em>, 2 * 3 * 4</p>"


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(-1.25, 1, "−1.2"), (-0.04, 1, "0.0"), (0.0, 2, "0.00"), (-0.0, 0, "0"), (12.345, 2, "12.35")],
)
def test_numbers_have_a_true_minus_and_zero_has_no_sign(value, places, text):
    assert page.number(value, places) == text


def test_numbers_in_tables_stand_to_the_right_and_words_do_not():
    row = page.table(["a"], [["1,234", "98.5%", "conv 3", "−2", "3e−12", "3 e"]])
    assert re.findall(r'class="number">([^<]*)<', row) == ["1,234", "98.5%", "−2", "3e−12"]


def decode(uri):
    kind, content = uri.split(";base64,")
    return kind, base64.b64decode(content)


def test_a_picture_holds_each_value_as_one_pixel():
    values = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 4.0]])
    kind, content = decode(drawing.picture(values))
    assert kind == "data:image/png"
    # 4 levels of 255 below white: a step of 1 is 255/4, and the palette rounds to whole levels
    np.testing.assert_allclose(imread(BytesIO(content))[..., 0], values / 4, atol=1 / 255)


def test_the_same_drawing_gives_the_same_bytes_and_leaves_the_settings_alone():
    def paint(ax, x):
        ax.plot(x, label="line")
        ax.imshow(np.eye(3))
        ax.legend()

    before = dict(matplotlib.rcParams)
    first, second = (drawing.draw(paint, [1, 2, 3]) for _ in range(2))
    assert first == second
    assert dict(matplotlib.rcParams) == before
    kind, svg = decode(first)
    assert kind == "data:image/svg+xml"
    assert b"prefers-color-scheme: dark" in svg


def test_ink_is_light_where_the_reader_prefers_a_dark_page():
    _, svg = decode(drawing.draw(lambda ax: ax.plot([0, 1], color=drawing.INK)))
    drawn = svg.decode().split("</style>", 1)[1]
    assert (
        f"stroke: {drawing.INK}" in drawn
    )  # the line and the letters: what the style sheet looks for
    assert f"fill: {drawing.INK}" in drawn


@pytest.mark.parametrize(
    ("value", "ink"), [(0.0, "#fff"), (1.0, "#111"), (-3.0, "#fff"), (7.0, "#111")]
)
def test_numbers_on_gray_can_be_read(value, ink):
    assert drawing.gray(value).endswith(ink)


def test_tints_tell_the_sign_and_grow_with_the_size():
    alphas = [float(re.search(r"([\d.]+)\)$", drawing.tint(v))[1]) for v in (0, 0.2, 0.5, 1, 5)]
    assert alphas == sorted(alphas)
    assert alphas[0] == 0
    assert alphas[-1] == alphas[-2]
    assert drawing.tint(0.5) != drawing.tint(-0.5)
