"""What the documents say is so: the README's program runs, its links lead somewhere, its commands are CI's."""

import pathlib
import re

import jax.numpy as jnp
import pytest

from jaxgan.configuration import RULES
from jaxgan.networks import maxout, mlp

README = pathlib.Path("README.md").read_text()
DOCUMENTS = ["README.md", "BUILD.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def test_the_readmes_program_runs():
    program = re.search(r"```python\n(.*?)```", README, re.S)[1]
    names = {
        "my_generator": mlp(output_shape=(5,), widths=(8,), output="sigmoid"),
        "my_discriminator": maxout(widths=(6,), pieces=2),
        "images": jnp.linspace(0, 1, 70 * 5).reshape(70, 5),
    }
    exec(program, names)
    assert names["samples"].shape == (100, 5)
    assert int(names["state"].step) == 1


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_files_exist(document):
    text = pathlib.Path(document).read_text()
    targets = [target for target in re.findall(r"\[[^\]\"]*\]\(([^)#]+)\)", text) if "://" not in target]
    targets += re.findall(r"(?:configs|examples|notebooks)/\w+\.\w+", text)
    assert all(pathlib.Path(target).exists() for target in targets), targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_config_fields_exist(document):
    for path in re.findall(r"--config\.([\w.]+)", pathlib.Path(document).read_text()):
        rules = RULES
        for part in path.split("."):
            assert part in rules, f"{document}: --config.{path}"
            rules = rules[part]


def test_ci_runs_the_readmes_test_command():
    assert "make test" in README
    assert "lint test" in pathlib.Path(".ci/run").read_text()


def test_the_projects_table_of_names_is_complete():
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.networks import NETWORKS
    from jaxgan.optimizers import OPTIMIZERS
    from jaxgan.penalties import PENALTIES

    for table in (LOSSES, LATENTS, NETWORKS, OPTIMIZERS, PENALTIES):
        assert all(re.search(rf"\b{name}\b", README) for name in table)
