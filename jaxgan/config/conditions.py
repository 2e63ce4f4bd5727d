"""Problems of a config that concern the condition."""

import inspect
from collections.abc import Mapping
from typing import Any

from jaxgan.networks import NETWORKS
from jaxgan.networks.conditioning import check_conditioning


def conditions(config: Mapping[str, Any]) -> list[str]:
    """A condition, and networks that take it as is wanted."""
    found = []
    for player in ("generator", "discriminator"):
        section = config[player]
        network, way = section["network"], section["conditioning"]
        where = f"{player}.conditioning {way}"
        if way == "auto":
            continue
        if config["condition"] == "none":
            found.append(f"{where} needs a condition; set condition=labels or vectors, or conditioning to auto")
        elif not section["conditional"]:
            found.append(f"{where} is of networks that see the condition; set {player}.conditional=True")
        if "conditioning" not in inspect.signature(NETWORKS[network]).parameters:
            found.append(f"{where}: {network} takes a condition in one way alone; set it to auto")
            continue
        try:
            check_conditioning(network, way, generator=player == "generator")
        except ValueError as error:
            found.append(f"{player}.conditioning: {error}")
    return found
