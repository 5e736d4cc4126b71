"""The page of a study: the answers come first, it is one file, and everybody can read, sort, open and print it."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import write_cell
from test_evidence import examine, logits

from cifake_keras.records.mistakes import Mistakes
from cifake_keras.report import answers, figures, page, parts, tables
from cifake_keras.runtime.errors import UserError

# Of two conditions, as a grid keeps them: two photographs and a fake of the first, a fake of the second.
CONDITIONS = ["baseline", "baseline", "baseline", "perturbed"]
SALIENCY = np.zeros((4, 32, 32), np.uint8)
SALIENCY[:, 8, 4] = 255


def mistakes(**others) -> Mistakes:
    columns = {"conditions": CONDITIONS, "classifiers": ["paper"] * 4, "seeds": [1, 1, 1, 0], "labels": [0, 0, 1, 1]}
    columns |= {"wrong": [3, 3, 1, 1_200], "tested": [2_500] * 4, "filenames": ["a.jpg", "b.jpg", "<c>.jpg", "d.jpg"]}
    columns |= {"probability_fake": [0.999, 0.9, 0.125, 0.001], "images": np.full((4, 32, 32, 3), 200, np.uint8)}
    columns |= {"saliency": SALIENCY, "test_set": "cifake"} | others
    return Mistakes(**{name: np.array(values) for name, values in columns.items()})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """With tables, figure 2, mistakes, and the page."""
    folder = tmp_path_factory.mktemp("results")
    for condition, wrong in (("baseline", (0,)), ("perturbed", (0, *range(10, 15)))):
        for seed in (0, 1):
            examine(folder, condition, seed, logits(*wrong))
    tables.write(folder)
    figures.write(folder)
    mistakes().write(folder / "runs" / "phase1" / "mistakes.npz")
    page.write(folder)
    return folder


@pytest.fixture(scope="module")
def text(results):
    return (results / "report.html").read_text()


def test_it_begins_with_the_answers(text):
    main = text.partition("<main>")[2]
    answer = main.index("numbers of the paper that can be compared are reproduced.")
    assert answer < main.index("<table") < main.index("<img")


def test_answers_count_the_verdicts_of_a_pair():
    pair = {"phase": "phase1", "a": "autoencoded", "b": "baseline", "classifier_a": "paper", "classifier_b": "paper"}
    verdicts = pd.DataFrame([pair | {"verdict": word} for word in ("worse", "equal", "worse")])
    (answer,) = answers.sentences({"verdicts": verdicts}, parts.NAMES)
    assert answer == "Phase 1, AEC against Baseline: worse in 2, equal in 1 of 3 comparisons."
    several = pd.concat([verdicts, verdicts.assign(classifier_b="bird_lotfi")])
    told = list(answers.sentences({"verdicts": several}, parts.NAMES))
    assert len(told) == 2 and f"Baseline ({parts.NAMES['bird_lotfi']})" in told[1]


def test_rows_of_several_classifiers_say_whose_they_are(tmp_path):
    def cells() -> list[str]:
        tables.write(tmp_path)
        table = page.write(tmp_path).read_text().partition('data-file="tables/table3.csv"')[2].partition("</table>")[0]
        return re.findall(r"<td[^>]*>([^<]*)", table)

    write_cell(tmp_path)
    assert "The paper&#39;s CNN" not in cells(), "all are"
    write_cell(tmp_path, classifier="bird_lotfi")
    assert cells().count("The paper&#39;s CNN") == cells().count("Bird &amp; Lotfi&#39;s CNN") == 2 * 3


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]


def test_it_is_one_file_and_its_figures_are_as_drawn(results, text):
    assert set(re.findall(r'src="([^:"]*)', text)) == {"data"} and not re.search(r"https?:|@import|url\(", text)
    with Image.open(results / "figures" / "figure2.png") as drawn:
        assert np.array_equal(pictures(text)[0], np.asarray(drawn.convert("RGB")))


def test_mistakes_are_shown_with_their_saliency_and_of_how_many_they_are(text):
    shown = text.partition("Hardest mistakes</h3>")[2]
    assert "seed 1: the 2 most confident of 3 mistakes on 2,500 photographs of the test set CIFAKE." in shown
    assert "seed 0: the 1 most confident of 1,200 mistakes on 2,500 fakes" in shown
    told = ("P(fake) 0.999, a.jpg", "P(fake) 0.900, b.jpg", "P(fake) 0.125, &lt;c&gt;.jpg", "P(fake) 0.001, d.jpg")
    places = [shown.index(caption) for caption in told]
    assert places == sorted(places)
    image, saliency = np.split(pictures(shown)[0].astype(int), 2, axis=1)
    assert (image == 200).all() and np.unravel_index(saliency.sum(-1).argmax(), (32, 32)) == (8, 4)


def test_a_study_without_mistakes_has_none_and_damaged_ones_are_named(results):
    path = results / "runs" / "phase1" / "mistakes.npz"
    kept = path.read_bytes()
    try:
        path.unlink()
        assert "Hardest mistakes" not in page.write(results).read_text()
        path.write_bytes(kept[:1000])
        with pytest.raises(UserError, match=r"mistakes\.npz is damaged"):
            page.write(results)
    finally:
        path.write_bytes(kept)
        page.write(results)


@pytest.fixture
def shown(browser, results):
    with browser.new_page(viewport={"width": 1280, "height": 800}) as tab:
        failed = []
        tab.on("pageerror", lambda error: failed.append(error))
        tab.goto((results / "report.html").as_uri())
        yield tab
        assert failed == []


def column(tab, file: str, heading: str) -> list[str]:
    return tab.evaluate(
        """([file, heading]) => {
            const table = document.querySelector(`details[data-file="${file}"] table`);
            const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === heading);
            return [...table.tBodies[0].rows].map((row) => row.cells[place].textContent);
        }""",
        [file, heading],
    )


@pytest.mark.slow
def test_a_table_is_sorted_by_the_numbers_of_a_column_and_back(shown):
    """By keyboard. The paper's number is empty where it has none, and so stays last."""
    file, heading = "tables/table3.csv", "Paper"
    as_it_was = column(shown, file, heading)
    cell = shown.locator(f'details[data-file="{file}"] th', has_text=heading)
    cell.get_by_role("button").focus()
    for order, reverse in (("ascending", False), ("descending", True)):
        shown.keyboard.press("Enter")
        sorted_ = column(shown, file, heading)
        numbers = [float(text) for text in sorted_ if text != "\N{EN DASH}"]
        assert cell.get_attribute("aria-sort") == order and numbers == sorted(numbers, reverse=reverse)
        assert len(set(numbers)) > 2 and sorted_[-1] == "\N{EN DASH}" and sorted(sorted_) == sorted(as_it_was)
    shown.keyboard.press("Enter")
    assert column(shown, file, heading) == as_it_was and cell.get_attribute("aria-sort") is None


@pytest.mark.slow
def test_a_figure_opens_in_full_size_and_escape_closes_it(shown):
    button, dialog = shown.get_by_role("button", name="The path of an image"), shown.get_by_role("dialog")
    button.focus()
    shown.keyboard.press("Enter")
    picture = dialog.get_by_role("img")
    assert picture.evaluate("image => image.width === image.naturalWidth && image.width > 1000")
    shown.keyboard.press("Escape")
    assert dialog.count() == 0 and button.evaluate("button => button === document.activeElement")


@pytest.mark.slow
def test_the_contents_open_what_they_lead_to(shown):
    matrix = shown.locator('details[data-file="tables/matrix.csv"] table')
    assert not matrix.is_visible()
    shown.get_by_role("navigation").get_by_role("link", name="Every classifier on every path").click()
    assert matrix.is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1280, "light")])
def test_everybody_can_read_it(browser, results, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800}) as tab:
        tab.goto((results / "report.html").as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        for figure in (False, True):
            if figure:
                tab.get_by_role("button", name="The path of an image").click()
            assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_all_is_there_without_javascript(browser, results):
    with browser.new_page(java_script_enabled=False) as tab:
        tab.goto((results / "report.html").as_uri())
        assert tab.locator("table button, figure button").count() == 0
        assert tab.locator('details[data-file="tables/table3.csv"] td').first.is_visible()
        tab.get_by_role("heading", name="Every classifier on every path").click()
        assert tab.locator('details[data-file="tables/matrix.csv"] td').first.is_visible()
        assert tab.get_by_role("img", name="The path of an image").is_visible()


@pytest.mark.slow
def test_paper_gets_no_controls_and_whole_tables(shown):
    """On the width that A4 leaves."""
    shown.set_viewport_size({"width": 703, "height": 1000})
    shown.emulate_media(media="print")
    assert not shown.get_by_role("navigation").is_visible()
    assert not shown.get_by_role("heading", name="Every classifier on every path").is_visible(), "it is not open"
    shown.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    tables_ = shown.locator(".scroll").all()
    assert len(tables_) > 5
    for table in tables_:
        assert table.evaluate("box => box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight")
