"""`rdmf config`: commented files that are the configurations they are made of."""

import dataclasses
import json
import re
import tomllib

import pytest

from rdmf_model.cli import main
from rdmf_model.config.config import Config, LossConfig, load_config
from rdmf_model.config.describe import commented_toml, folder, keys, markdown, meanings, named_toml, names
from rdmf_model.config.document import plain
from rdmf_theory.errors import ParameterError


def test_every_key_is_there_once_with_a_meaning():
    listed = [(key.table, key.name) for key in keys()]
    assert len(listed) == len(set(listed)) > 50
    document = plain(Config())
    count = sum(len([v for v in table.values() if not isinstance(v, dict)]) for table in document.values())
    nested = sum(len(v) for table in document.values() for v in table.values() if isinstance(v, dict))
    assert len(listed) == count + nested
    assert all(len(key.meaning) > 5 for key in keys())


def test_a_field_without_a_meaning_is_noticed():
    @dataclasses.dataclass(frozen=True)
    class Bare:
        """Arguments:
        told: something.
        """

        told: int = 1
        forgotten: int = 2

    assert set(meanings(Bare)) == {"told"}
    with pytest.raises(ParameterError, match=r"Bare\.forgotten"):
        list(keys(Bare))


@pytest.mark.parametrize("name", [path.stem for path in sorted(folder().glob("*.toml"))])
def test_a_named_file_reads_as_its_source(name, tmp_path):
    # paths are relative to the file's folder, so the copy stands where the source does
    text = named_toml(name)
    assert tomllib.loads(text)["version"] == 1
    place = tmp_path / "configs"
    place.mkdir()
    (place / "source.toml").write_text((folder() / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (place / "copy.toml").write_text(text, encoding="utf-8")
    assert load_config(place / "copy.toml") == load_config(place / "source.toml")


def test_all_comments_together_are_the_defaults(tmp_path):
    """Without its comment signs the default file says what saying nothing means."""
    text = re.sub(r"^#(\w+ = )", r"\1", commented_toml(), flags=re.MULTILINE)
    (tmp_path / "all.toml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "all.toml") == Config()


def test_the_command_prints_lists_and_refuses(capsys):
    assert main(["config"]) == 0
    assert capsys.readouterr().out.split() == names()
    assert main(["config", "planted"]) == 0
    out = capsys.readouterr().out
    assert "\nplanted = 0\n" in out
    assert "\n#dropout = 0.2\n" in out
    assert main(["config", "planted", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["toml"] == out
    assert main(["config", "plantet"]) == 2
    assert "planted" in capsys.readouterr().err


def test_the_page_has_every_table():
    page = markdown()
    for table in ("data", "model", "model.region", "train", "train.loss"):
        assert f"## `[{table}]`" in page
    assert sum(line.startswith("| `") for line in page.splitlines()) == len(list(keys()))
    assert len(dataclasses.fields(LossConfig)) == page.split("## `[train.loss]`")[1].count("\n| `")
