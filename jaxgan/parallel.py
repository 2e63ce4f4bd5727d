"""Maps a training step over devices. Only this file uses pmap, shard_map and meshes.

The step is the same pure function under jit, pmap and shard_map, except for the name of the axis over which it
averages. The state has no device axis, so a checkpoint does not depend on the number of devices.

Several processes (`jax.distributed`) run the same program, each with its own devices and its share of every batch.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from jaxgan.tables import UnknownNameError
from jaxgan.training.population import population_step
from jaxgan.training.step import TrainStep

AXIS = "batch"
MEMBER_AXIS = "members"
MAPPINGS = ("auto", "jit", "pmap", "shard_map")

Place = Callable[[Any], Any]


def distribute(
    train_step_factory: Callable[..., TrainStep],
    *,
    mapping: str = "auto",
    devices: Sequence[jax.Device] | None = None,
    batch_axis: int = 1,
    shared: int = 0,
) -> tuple[Callable[..., Any], Place, Place]:
    """Compiles a training step for one device or several.

    Args:
      train_step_factory: called with `axis_name` (None on one device); returns `(state, batch, *shared) -> (state,
        metrics)`, for example `functools.partial(make_train_step, ...)`.
      mapping: "jit" (one device), "pmap", "shard_map", or "auto": jit on one device, pmap on several, and shard_map on
        the devices of several processes.
      devices: the devices to use; by default those of all processes, or for "jit" this process's first device.
      batch_axis: the batch axis of the leaves of a batch: 1 in [k, batch, ...], 2 in [steps, k, batch, ...].
      shared: number of further arguments of the step that are replicated to every device, such as a dataset.

    Returns:
      `(step, place_state, place_batch)`. `step` donates its state. `place_state` replicates a state, or any pytree, to
      all devices; `place_batch` shards a batch over them. With several processes, each process calls all three:
      `place_state` with the same state, and `place_batch` with its own rows of the batch (see `share`). Under
      "shard_map" the states are then global arrays; under "pmap" they are local to each process.

    Raises:
      ValueError: the mapping is unknown, or "jit" is used with several devices; from `place_batch`: the batch size is
        not a multiple of the number of devices.
    """
    if mapping not in MAPPINGS:
        raise UnknownNameError("mapping", mapping, MAPPINGS)
    if devices is None:
        devices = jax.local_devices()[:1] if mapping == "jit" else all_devices()
    devices = list(devices)
    if mapping == "jit" and len(devices) > 1:
        raise ValueError(f'mapping "jit" runs on one device, got {len(devices)}; use "auto", "pmap" or "shard_map"')
    if mapping == "jit" or (mapping == "auto" and len(devices) == 1):
        return _with_jit(train_step_factory, devices[0])
    train_step = _build(train_step_factory, AXIS)
    here = [device for device in devices if device.process_index == jax.process_index()]
    if mapping == "shard_map" or (mapping == "auto" and len(here) < len(devices)):
        mesh, split = Mesh(devices, (AXIS,)), PartitionSpec(*[None] * batch_axis, AXIS)
        specs = (PartitionSpec(), split) + (PartitionSpec(),) * shared
        mapped = jax.shard_map(train_step, mesh=mesh, in_specs=specs, out_specs=PartitionSpec())
        sharding = NamedSharding(mesh, split)

        def place_batch(batch):
            _check_divides(batch, batch_axis, len(here))
            if len(here) == len(devices):
                return jax.device_put(batch, sharding)
            return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, leaf), batch)

        place_state = _copier(NamedSharding(mesh, PartitionSpec())) if len(here) == len(devices) else everywhere
        return jax.jit(mapped, donate_argnums=0), place_state, place_batch
    in_axes = (None, 0) + (None,) * shared
    step = jax.pmap(train_step, AXIS, in_axes=in_axes, out_axes=None, donate_argnums=0, devices=devices)
    mesh = Mesh(here, (AXIS,))

    def place_stacked(batch):
        _check_divides(batch, batch_axis, len(here))
        return jax.device_put(_stack_devices(batch, batch_axis, len(here)), NamedSharding(mesh, PartitionSpec(AXIS)))

    return step, _copier(NamedSharding(mesh, PartitionSpec())), place_stacked


def all_devices() -> list[jax.Device]:
    """The devices of all processes, ordered by process, like the rows of a batch."""
    return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


def share(batch_size: int, devices: Sequence[jax.Device] | None = None) -> slice:
    """The rows of a batch that this process provides for its devices; `devices` defaults to those of all processes."""
    devices = all_devices() if devices is None else devices
    here = [i for i, device in enumerate(devices) if device.process_index == jax.process_index()]
    rows = batch_size // len(devices)
    return slice(here[0] * rows, (here[-1] + 1) * rows)


def everywhere(tree: Any) -> Any:
    """Global arrays, replicated to every device of every process. All processes call it with the same values.

    `tree` is a pytree of arrays and typed keys. Global arrays are returned unchanged.
    """
    whole = NamedSharding(Mesh(all_devices(), (AXIS,)), PartitionSpec())

    def place(leaf):
        if not getattr(leaf, "is_fully_addressable", True):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            wrap = functools.partial(jax.random.wrap_key_data, impl=jax.random.key_impl(leaf))
            return jax.jit(wrap, out_shardings=whole)(place(jax.random.key_data(leaf)))
        return jax.make_array_from_process_local_data(whole, jax.device_get(leaf))

    return jax.tree.map(place, tree)


def own(tree: Any) -> Any:
    """This process's copy of replicated arrays, for work of this process only, such as sampling."""
    return jax.tree.map(lambda leaf: leaf if leaf.is_fully_addressable else leaf.addressable_data(0), tree)


def any_process() -> Callable[[int], jax.Array]:
    """Returns a function `code -> largest code of all processes`. All processes call it; it does not wait."""
    mesh = Mesh(all_devices(), (AXIS,))
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    largest = jax.jit(jnp.max, out_shardings=NamedSharding(mesh, PartitionSpec()))
    count = jax.local_device_count()

    def agree(code: int) -> jax.Array:
        codes = jax.device_get(jnp.full(count, code, jnp.int32))
        return largest(jax.make_array_from_process_local_data(split, codes))

    return agree


def distribute_population(
    member_step: Callable[[Any], TrainStep],
    *,
    members: str = "auto",
    devices: Sequence[jax.Device] | None = None,
    shared: int = 0,
) -> tuple[Callable[..., Any], Place, Place]:
    """Compiles a population's step and distributes its members over devices, without communication between devices.

    On a CPU, start the process with one device per core and single-threaded products, because small products do not
    gain from threads: XLA_FLAGS="--xla_force_host_platform_device_count=CORES --xla_cpu_multi_thread_eigen=false".

    Args:
      member_step: `(hyperparameters) -> train_step`; see `jaxgan.training.population.population_step`.
      members: how the members on one device run: "vmap" or "map" (see `population_step`), or "auto": "map" on a CPU,
        else "vmap".
      devices: the devices to use; by default those of this process.
      shared: number of further arguments of the step that are replicated to all members, such as a dataset.

    Returns:
      `(step, place_members, place_shared)`. `step(states, batches, hyperparameters, *shared)` donates the states.
      `place_members` shards a pytree of [members, ...] over the devices; `place_shared` replicates one to all of them.

    Raises:
      ValueError: from `place_members`: the number of members is not a multiple of the number of devices.
    """
    devices = list(devices if devices is not None else jax.local_devices())
    if members == "auto":
        members = "map" if devices[0].platform == "cpu" else "vmap"
    step = population_step(member_step, members=members)
    mesh = Mesh(devices, (MEMBER_AXIS,))
    split, whole = PartitionSpec(MEMBER_AXIS), PartitionSpec()
    if len(devices) > 1:
        specs = (split, split, split) + (whole,) * shared
        step = jax.shard_map(step, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)

    def place_members(tree):
        for leaf in jax.tree.leaves(tree):
            if leaf.ndim < 1 or len(leaf) % len(devices):
                raise ValueError(
                    f"a leaf of shape {leaf.shape} cannot be split over {len(devices)} devices; choose a number of "
                    f"members that is a multiple of {len(devices)}"
                )
        return _copier(NamedSharding(mesh, split))(tree)

    return jax.jit(step, donate_argnums=0), place_members, _copier(NamedSharding(mesh, whole))


def _with_jit(train_step_factory, device) -> tuple[Callable[..., Any], Place, Place]:
    step = jax.jit(_build(train_step_factory, None), donate_argnums=0)
    sharding = SingleDeviceSharding(device)
    return step, _copier(sharding), lambda batch: jax.device_put(batch, sharding)


def _build(train_step_factory, axis_name) -> TrainStep:
    """Calls the factory with the keyword `axis_name` if it takes it, else with the axis as its only argument."""
    parameters = inspect.signature(train_step_factory).parameters.values()
    if sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) > 1:
        raise ValueError(
            "distribute makes the step itself, and wants a function of axis_name, such as "
            f"functools.partial(make_train_step, ...), got one of {', '.join(p.name for p in parameters)}"
        )
    if any(p.name == "axis_name" or p.kind is p.VAR_KEYWORD for p in parameters):
        return train_step_factory(axis_name=axis_name)
    return train_step_factory(axis_name)


def _copier(sharding) -> Place:
    # Always a copy: the step donates its state, which would delete the caller's arrays.
    return lambda tree: jax.device_put(jax.tree.map(jnp.copy, tree), sharding)


def _stack_devices(batch, batch_axis: int, count: int):
    def stack(leaf):
        shape = leaf.shape
        split = (*shape[:batch_axis], count, shape[batch_axis] // count, *shape[batch_axis + 1 :])
        axes = (batch_axis, *(axis for axis in range(len(split)) if axis != batch_axis))
        return leaf.reshape(split).transpose(axes)

    return jax.tree.map(stack, batch)


def _check_divides(batch, batch_axis: int, count: int) -> None:
    for path, leaf in jax.tree.leaves_with_path(batch):
        if leaf.ndim <= batch_axis or leaf.shape[batch_axis] % count:
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise ValueError(
                f"batch entry {name!r} of shape {leaf.shape} cannot be split over {count} devices along axis "
                f"{batch_axis}; choose a batch size that is a multiple of {count}"
            )
