"""The picture of the house shows the package as it is."""

import xml.etree.ElementTree as ElementTree

import draw_house


def test_the_picture_is_up_to_date():
    assert draw_house.PICTURE.read_text(encoding="utf-8") == draw_house.drawn(), "run: python scripts/draw_house.py"


def test_it_is_svg_that_names_every_wing():
    texts = {element.text for element in ElementTree.fromstring(draw_house.drawn()).iter() if element.text}
    folders = {path.parent.name for path in draw_house.PACKAGE.glob("*/__init__.py")}
    assert folders | {"protocol"} <= texts


def test_imports_are_those_of_the_code(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "import numpy\nfrom cifake_keras import models\ndef f():\n    from cifake_keras.study import grid\n"
    )
    assert sorted(draw_house.imported(module)) == ["models", "study"]
