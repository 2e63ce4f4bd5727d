"""Tables answer an unknown name with the nearest ones, and are plain dicts otherwise."""

import copy
import importlib
import pathlib
import pickle

import pytest

import jaxgan
from jaxgan.tables import Table, UnknownNameError, nearest

SMALL = Table("colour") | {"red": 1, "green": 2}


def tables():
    """The tables of all modules of the package, by module and name."""
    found = {}
    for path in sorted(pathlib.Path(jaxgan.__file__).parent.rglob("*.py")):
        if "Table(" in path.read_text() and path.stem != "tables":
            parts = path.relative_to(pathlib.Path(jaxgan.__file__).parent.parent).with_suffix("").parts
            module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
            found |= {(path, name): value for name, value in vars(module).items() if isinstance(value, Table)}
    return {id(table): table for table in found.values()}.values()


def test_every_table_answers_a_mistyped_name_with_the_right_one():
    pytest.importorskip("jaxgan.runs.load", reason="tables of the whole package: pip install 'jaxgan[train]'")
    found = list(tables())
    assert len(found) >= 23 and jaxgan.LOSSES in found and jaxgan.DATASETS in found
    for table in found:
        for name in table:
            with pytest.raises(UnknownNameError, match=rf"^unknown {table.kind} '{name}x'; did you mean .*\b{name}\b"):
                table[f"{name}x"]
    assert len({table.kind for table in found}) == len(found)


@pytest.mark.parametrize(
    ("table", "name", "meant"),
    [
        ("LOSSES", "wgan", "wasserstein"),
        ("LOSSES", "WGAN-GP", "wasserstein"),
        ("PENALTIES", "wgan_gp", "gradient_penalty"),
        ("LOSSES", "lsgan", "least_squares"),
        ("LOSSES", "bce", "non_saturating"),
        ("LOSSES", "vanilla", "minimax"),
        ("LOSSES", "Hinge", "hinge"),
        ("LATENTS", "gaussian", "normal"),
        ("OPTIMIZERS", "ADAM", "adam"),
        ("EVALUATORS", "fid", "frechet"),
        ("TERMS", "infogan", "mutual_information"),
        ("DATASETS", "fashion_mnist", "idx or tfds"),
    ],
)
def test_names_of_other_libraries(table, name, meant):
    with pytest.raises(KeyError) as caught:
        getattr(jaxgan, table)[name]
    assert str(caught.value) == f"unknown {getattr(jaxgan, table).kind} {name!r}; did you mean {meant}?"


@pytest.mark.parametrize("name", ["ultraviolet", 3, None, ("red",)])
def test_all_names_where_none_is_near(name):
    with pytest.raises(UnknownNameError) as caught:
        SMALL[name]
    assert str(caught.value) == f"unknown colour {name!r}; one of red, green"
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, ValueError)


def test_it_is_a_plain_dict_otherwise():
    table = SMALL | {"blue": 3}
    assert list(table) == ["red", "green", "blue"] and "rad" not in table and table.get("rad", 7) == 7
    table["grey"] = 4
    assert table == {"red": 1, "green": 2, "blue": 3, "grey": 4} and table.pop("grey") == 4
    assert list(SMALL) == ["red", "green"]
    for same in (copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert same == table and same.kind == "colour"
    with pytest.raises(UnknownNameError, match="did you mean grey or green"):
        (table | {"grey": 4})["greey"]


def test_an_alias_counts_only_where_its_meaning_is_known():
    assert nearest("wgan", ["hinge"]) == ""
    assert nearest("lrelu", ["relu", "leaky_relu"]) == "; did you mean leaky_relu?"
