"""Flax linen modules as a `Network`."""

from flax import linen

from jaxgan.types import Network


def from_linen(module: linen.Module, *, per_example: bool = False, independent: bool = False) -> Network:
    """Wraps a linen module whose call takes `(inputs, *, condition=None, train=False)`.

    Args:
      module: the module. Collections other than "params", such as batch statistics, become the player's model state.
      per_example: the module's call takes a further keyword `keys`, one key per example, and draws its noise from
        them, so the noise does not depend on the number of devices. Otherwise the module draws from flax's "dropout"
        stream, and every device has its own stream.
      independent: only with `per_example`: the output of an example depends on that example only, see `Network`.

    Returns:
      A `Network`.
    """

    def init(key, inputs, condition=None):
        return module.init(key, inputs, condition=condition)

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        options = {"condition": condition, "train": train}
        if per_example:
            options["keys"] = key
        elif key is not None:
            options["rngs"] = {"dropout": key}
        state = {name: value for name, value in variables.items() if name != "params"}
        if not train or not state:
            return module.apply(variables, inputs, **options), state
        return module.apply(variables, inputs, mutable=list(state), **options)

    return Network(init, apply, per_example, independent)
