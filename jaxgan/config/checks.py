"""Finds all problems of a config at once: invalid fields, and conflicts between fields that are each valid."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxgan import config_files
from jaxgan.config import schema, values
from jaxgan.config.build import MissingFieldError, build_latent, build_loss
from jaxgan.config.schema import is_on
from jaxgan.config.values import Problem
from jaxgan.datasets import DATASETS
from jaxgan.errors import UsageError
from jaxgan.fields import REQUIRED, Spec, check_choice, parameters, wrong
from jaxgan.losses import LOSSES, smooth_real_labels
from jaxgan.networks import NETWORKS
from jaxgan.networks.conditioning import PLAYER_CONDITIONINGS
from jaxgan.networks.normalization import FROM_DATA
from jaxgan.tables import nearest
from jaxgan.types import Latent, Loss
from jaxgan.wrappers.augmentation import MOVING
from jaxgan.wrappers.guidance import noise_deviations

Values = Mapping[str, Any]

PLAYERS = ("generator", "discriminator")

MOST_PROBLEMS = 100
"""Upper limit on the problems of a config in one message."""


def check(config: Any, found: Iterable[Problem] = ()) -> None:
    """Raises UsageError with all problems of a config in one message. Reads no data.

    Args:
      config: a ConfigDict or a nested mapping.
      found: problems found before, such as overrides of fields that do not exist.
    """
    texts = list(dict.fromkeys(str(problem) for problem in (*found, *problems_of(config))))[:MOST_PROBLEMS]
    texts = [text for text in texts if not any(other.startswith(f"{text};") for other in texts)]  # with a remedy
    if texts:
        listed = texts[0] if len(texts) == 1 else " ".join(f"({i}) {text}" for i, text in enumerate(texts, 1))
        count = "a problem" if len(texts) == 1 else f"{len(texts)} problems"
        raise UsageError(
            f"{count} in the config", listed, f"correct it; {config_files.folder() / 'default.py'} explains every field"
        )


def problems_of(config: Any) -> list[Problem]:
    """All problems of a config."""
    plain = schema.complete(config)
    found = list(schema.problems(plain))
    wrong = {problem.field for problem in found}
    right = _RightValues({name: value for name, value in schema.flattened(plain).items() if name not in wrong})
    for question in _CROSS_CHECKS:
        try:
            found += question(right)
        except MissingFieldError:  # the check reads a field whose own value is already a problem
            continue
    return found


class _RightValues(dict[str, Any]):
    """The valid values by field. A check between fields cannot read the others."""

    def __missing__(self, name: str) -> Any:
        raise MissingFieldError(name)


def _about(field: str, rest: str) -> Problem:
    """A problem whose text begins with the field."""
    return Problem(field, field + rest)


def _latent(config: Values) -> Latent | None:
    """The prior; None if it cannot be built, which another check reports."""
    try:
        return build_latent(config)
    except ValueError:
        return None


def _loss(config: Values) -> Loss:
    return build_loss(config)


def no_accuracy(config: Values) -> str:
    """Why the discriminator has no accuracy; "" if it has one, or if the loss cannot be built (another problem)."""
    try:
        loss, smoothed = _loss(config), _loss(config)
        if config["real_label"] != 1:
            smoothed = smooth_real_labels(loss, config["real_label"])
    except (ValueError, KeyError):
        return ""
    if smoothed.threshold is not None:
        return ""
    culprit = f"loss {config['loss']}" if loss.threshold is None else f"real_label {config['real_label']}"
    return f"D has no accuracy with {culprit}: no threshold tells logits of data from those of samples"


def unread(names: Iterable[str], *configs: Values) -> list[Problem]:
    """`schema.unread`, but dataset.path is always checked: if it had no effect, the run would use the wrong data."""
    found = []
    for problem in schema.unread(dict.fromkeys([*names, "dataset.path"]), *configs):
        if problem.field == "dataset.path":
            path = str(schema.value_of(configs[0], "dataset.path"))
            wanted = "npz" if path.endswith(".npz") else "images, idx, stacked or tfds"
            problem = problem._replace(text=f"{problem.text}; set dataset.name={wanted}, or leave the path out")
        found.append(problem)
    return found


def _outputs(config: Values) -> Iterator[Problem]:
    """Checks each player's output, and the range of the data."""
    if config["discriminator.output"] != "linear":
        yield _about("discriminator.output", " must be linear: its output is a logit")
    if config["discriminator.output_bias"] == "data":
        yield _about("discriminator.output_bias", ": only a generator's output has the data's means")
    network, output = config["generator.network"], config["generator.output"]
    unused = (output, config["generator.output_bias"]) != ("linear", "zero")
    if "output" not in parameters(NETWORKS[network]) and unused:
        yield Problem(
            "generator.output", f"generator.network {network} has a linear output and a zero output_bias; set them so"
        )
    elif "means" not in parameters(NETWORKS[network]) and config["generator.output_bias"] != "zero":
        yield _about("generator.output_bias", f" data: the biases of {network} start at 0; set zero")
    wanted = {"sigmoid": "unit", "tanh": "symmetric"}.get(output)
    if wanted is not None and wanted != (given := config["dataset.range"]):
        yield Problem("dataset.range", f"generator.output {output} goes with dataset.range {wanted}, not {given}")


def _paths(config: Values) -> Iterator[Problem]:
    """Checks that a dataset has a path if its loader's `path` has no default."""
    name = config["dataset.name"]
    path = parameters(DATASETS[name]).get("path")
    if path is not None and path.default is REQUIRED and not config["dataset.path"]:
        yield _about("dataset.path", f" is empty: dataset {name} is read from there")


def _layers(config: Values) -> Iterator[Problem]:
    """Per-layer values need an mlp, and one value per layer."""
    for player in PLAYERS:
        network, hidden = config[f"{player}.network"], len(config[f"{player}.widths"])
        count = len(config[f"{player}.activation"])
        if network == "mlp" and count not in (1, hidden):
            yield _about(f"{player}.activation", f" names {count} activations for {hidden} hidden layers")
        counts = {"initializer": (1, hidden + 1), "layer_scales": (0, hidden + 1), "layer_biases": (0, hidden)}
        for field, (usual, wanted) in counts.items():
            count = len(config[f"{player}.{field}"])
            if network != "mlp" and count != usual:
                yield _about(f"{player}.{field}", ": only mlp takes one for each layer")
            elif network == "mlp" and count not in (usual, 1, wanted):
                yield _about(f"{player}.{field}", f" names {count} for {wanted} layers")


def _networks(config: Values) -> Iterator[Problem]:
    """Rejects fields for features that the chosen network does not have."""
    known = schema.rows(config)
    for player in PLAYERS:
        network, normalization = config[f"{player}.network"], config[f"{player}.normalization"]
        for field in ("normalization", "minibatch", "features", "class_logits", "noise_input", "noise_hidden"):
            name = f"{player}.{field}"
            if config[name] not in known[name].spec.off and schema.unread_because(config, name, known):
                off = known[name].spec.default
                yield _about(name, f": {network} has none; set it to {off}")
        biases = config[f"{player}.output_bias"] != "zero" or config[f"{player}.layer_biases"]
        if normalization == FROM_DATA and biases:
            yield _about(
                f"{player}.normalization",
                f" {FROM_DATA} starts biases: set output_bias to zero, layer_biases to none",
            )
    if [config[f"{player}.normalization"] for player in PLAYERS] == ["virtual", FROM_DATA]:
        yield _about(
            "generator.normalization",
            f" virtual has a fixed batch of batch_size, discriminator.normalization {FROM_DATA} "
            "starts from more examples; change one of them",
        )


def _conditions(config: Values) -> Iterator[Problem]:
    """Checks the condition, and that the networks support it in the chosen way."""
    for player in PLAYERS:
        field = f"{player}.conditioning"
        network, way = config[f"{player}.network"], config[field]
        if way == "auto":
            continue
        if config["condition"] == "none":
            yield _about(field, f" {way} needs a condition; set condition=labels or vectors, or conditioning to auto")
        elif not config[f"{player}.conditional"]:
            yield _about(field, f" {way} is of networks that see the condition; set {player}.conditional=True")
        if "conditioning" not in parameters(NETWORKS[network]):
            yield _about(field, f" {way}: {network} takes a condition in one way only; set it to auto")
            continue
        try:
            check_choice(f"{network} {player}", "conditioning", way, PLAYER_CONDITIONINGS[player])
        except ValueError as error:
            yield _about(field, f": {error}")


def _generated_labels(config: Values) -> Iterator[Problem]:
    """Rejects separate labels for generated examples together with penalties, which use the data's labels."""
    on = [name for name in schema.PENALTIES if is_on(config, f"penalties.{name}")]
    if config["generated_labels"] != "data" and config["condition"] == "labels" and on:
        yield _about(
            "generated_labels",
            f" uniform: penalties.{on[0]} judges all points under the data's labels; set data, or the penalty to 0",
        )


def _rates(config: Values) -> Iterator[Problem]:
    """Learning rates must be able to fall to their floors."""
    for player in PLAYERS:
        section = f"{player}_optimizer"
        if config[f"{section}.rate_floor"] > config[f"{section}.learning_rate"]:
            yield _about(f"{player}_optimizer.rate_floor", " is above its learning_rate")


def _evaluation(config: Values) -> Iterator[Problem]:
    """Checks that Inception metrics have their weights."""
    if config["evaluation.features"] == "inception" and not config["evaluation.inception_weights"]:
        yield _about(
            "evaluation.inception_weights",
            " is empty: evaluation.features inception reads a file of weights",
        )


def _augmentation(config: Values) -> Iterator[Problem]:
    """Checks that there is one probability multiplier per augmentation."""
    names, factors = config["augmentation.names"], config["augmentation.multipliers"]
    if factors and len(factors) != len(names):
        yield _about("augmentation.multipliers", f" has {len(factors)} numbers for {len(names)} augmentation.names")


def _guidance(config: Values) -> Iterator[Problem]:
    """Levels need a generator that draws them, and a discriminator that judges nothing else."""
    levels = config["guidance.levels"]
    if not levels:
        return
    try:
        noise_deviations(levels, config["guidance.signal"], config["guidance.floor"])
    except ValueError as error:
        yield _about("guidance.levels", f": {error}" + ("; 0 is off" if levels < 2 else ""))
    network, task, method = config["generator.network"], config["task"], config["sampling.method"]
    if "levels" not in parameters(NETWORKS[network]):
        known = ", ".join(name for name, entry in NETWORKS.items() if "levels" in parameters(entry))
        yield _about("guidance.levels", f" {levels}: generator.network {network} draws one picture only; use {known}")
    if task != "none":
        yield _about("guidance.levels", f" {levels} does not go with task={task}; set 0")
    if method != "plain":
        why = "D judges noisy pictures with guidance.levels; use plain"
        yield _about("sampling.method", f" {method}: {why}")


def _alarms(config: Values) -> Iterator[Problem]:
    """An alarm that shall stop the run must be able to turn on."""
    if config["alarms.stop"] and not config["alarms.patience"]:
        yield _about("alarms.stop", " names alarms, and alarms.patience 0 turns all alarms off")
    if "discriminator_wins" in config["alarms.stop"] and (why := no_accuracy(config)):
        yield _about("alarms.stop", f" discriminator_wins: {why}")
    if config["alarms.d_accuracy"] != schema.Alarms.d_accuracy and (why := no_accuracy(config)):
        yield _about("alarms.d_accuracy", f": {why}; leave it at its default")


def _divergence(config: Values) -> Iterator[Problem]:
    """A run that goes back to a checkpoint lowers its learning rates, so these must be the config's own."""
    plans, _ = values.read_schedules(config["schedules"])
    if config["divergence.attempts"] and (names := [name for name in plans if name.endswith(".learning_rate")]):
        yield _about("divergence.attempts", f" lowers the rates, and schedules set {names[0]}; use rate_schedule")


def _coordination(config: Values) -> Iterator[Problem]:
    """Rejects more discriminator updates than there are minibatches."""
    k = config["discriminator_steps"]
    for name in ("initial_steps", "final_steps"):
        count = config[f"coordination.{name}"]
        if count > k:
            yield _about(f"coordination.{name}", f" {count} is above discriminator_steps {k}")
    limit = config["coordination.accuracy_limit"]
    if limit < 1 and (why := no_accuracy(config)):
        yield _about("coordination.accuracy_limit", f" {limit}: {why}; set it to 1")
    counts = {config[f"coordination.{name}"] or k for name in ("initial_steps", "final_steps")}
    if len(counts) > 1 and config["generator_optimizer.momentum_schedule"] != "constant":
        text = " is by epochs, in which the generator has no fixed number of updates while k changes; set constant"
        yield _about("generator_optimizer.momentum_schedule", text)


def _generator_batches(config: Values) -> Iterator[Problem]:
    """The generator's own minibatches follow the discriminator's, so the number of these must not change."""
    k = config["discriminator_steps"]
    counts = {config[f"coordination.{name}"] or k for name in ("initial_steps", "final_steps")}
    if config["generator_batches"] and counts != {k}:
        yield _about("generator_batches", " needs a fixed k: leave coordination.initial_steps and final_steps at 0")


def _schedules(config: Values) -> Iterator[Problem]:
    """Schedules need fields that may vary, and values within their ranges."""
    plans, texts = values.read_schedules(config["schedules"])
    yield from (_about("schedules", f": {text}") for text in texts)
    known = schema.rows(config)
    for name, plan in plans.items():
        if name not in known:
            yield _about("schedules", f": {name} is not a field{nearest(name, known)}")
        elif not schema.may_vary(config, name, known):
            rate, other = name.endswith("_optimizer.learning_rate"), f"{name.partition('.')[0]}.rate_schedule"
            moved = f" with {other}={config[other]}, which changes it already" if rate else ""
            yield _about("schedules", f": {name} is not a number that may change in a run{moved}")
        elif why := schema.unread_because(config, name, known):
            yield _about("schedules", f": {name} has no effect with {why[0]}={values.shown(why[1])}")
        elif text := wrong(_closed(known[name].spec), plan.last):
            yield _about("schedules", f": {name}: {text}")
        elif known[name].spec.field.limit and not (config[name] > 0 and plan.last > 0):
            ends = f"{config[name]} and {plan.last}"
            yield _about("schedules", f": {name}: 0 is not a limit, so both ends must be above 0, not {ends}")
        elif plan.shape == "exponential" and not (config[name] > 0 and plan.last > 0):
            yield _about("schedules", f": {name}: exponential needs both ends above 0, not {config[name]}, {plan.last}")
    if "augmentation.probability" in plans and config["augmentation.adaptive_target"]:
        yield _about("schedules", ": augmentation.probability follows D with augmentation.adaptive_target; set one")
    averages = ("average_decay", "average_half_life")
    on = [name for name in averages if is_on(config, name)]
    if len(on) == 2:
        yield _about("average_half_life", " and average_decay are two names of one number; set one")
    if config["average_debias"] and set(averages) & set(plans):
        yield _about("average_debias", " is of a decay that stays the same; leave its schedule out")


def _closed(spec: Spec) -> Spec:
    """The field with its lower bound included: a rate starts above 0, but its schedule may end at 0."""
    return spec._replace(field=dataclasses.replace(spec.field, open_low=False))


def _priors(config: Values) -> Iterator[Problem]:
    """Checks that the prior can be built."""
    try:
        build_latent(config)
    except ValueError as error:
        yield _about("latent.dim", f": {error}")


def _losses(config: Values) -> Iterator[Problem]:
    """Checks that the loss can be built, and that its labels can be smoothed."""
    try:
        loss = _loss(config)
    except ValueError as error:
        yield _about("loss", f" {config['loss']}: {error}")
        return
    if config["real_label"] != 1:
        try:
            smooth_real_labels(loss, config["real_label"])
        except ValueError as error:
            yield _about("real_label", f": loss {config['loss']}: {error}")


def _sampling(config: Values) -> Iterator[Problem]:
    """Samples chosen by the discriminator need logits that estimate log p_d/p_g, for one example at a time."""
    method, truncation, latent = config["sampling.method"], config["sampling.truncation"], _latent(config)
    if truncation != 1 and latent is not None and latent.truncated is None:
        why = f"latent.name {config['latent.name']} has no part that is likelier than the rest; leave it at 1"
        yield _about("sampling.truncation", f" {truncation:g}: {why}")
    if method == "plain":
        return
    found = []
    moved = is_on(config, "latent_optimization.step")
    if method == "optimized" and not moved:
        found.append("latent_optimization.step is 0, so the run moves no latents; use plain")
    if method != "optimized" and _loss(config).log_ratio is None:
        known = ", ".join(sorted(name for name, loss in LOSSES.items() if getattr(loss, "log_ratio", None)))
        found.append(f"with loss {config['loss']} D's logit is not log p_d/p_g; with {known} it is")
    if method != "optimized" and config["real_label"] != 1:
        found.append(f"with smoothed labels, real_label {config['real_label']}, D's logit is not log p_d/p_g")
    if config["packing"] > 1 or config["discriminator.minibatch"] != "none":
        found.append("D judges several examples at once (packing, discriminator.minibatch), and not each")
    if config["condition"] != "none":
        found.append("not of conditional runs yet; use plain")
    if method == "driven" and latent is not None and latent.from_normal is None:
        found.append(f"latent.name {config['latent.name']} is not a function of a normal one; use rejection")
    if method == "driven" and moved:
        found.append("D judges what latent_optimization makes of the prior, and not the prior; use rejection")
    yield from (_about("sampling.method", f" {method}: {text}") for text in found)


def _dynamics(config: Values) -> Iterator[Problem]:
    """Rejects combinations of training dynamics that exclude each other."""
    for name in ("consensus", "extragradient"):
        if is_on(config, name) and config["unrolled_steps"]:
            yield _about(name, " and unrolled_steps cannot be together: set one of them to 0 or False")
    if config["updates"] == "simultaneous":
        if (count := config["generator_steps"]) != 1:
            yield _about("updates", f" simultaneous moves the generator once: generator_steps is {count}")
        if config["generator_batches"]:
            yield _about("updates", " simultaneous moves both players on one minibatch: set generator_batches to 0")
        if config["extragradient"]:
            yield _about("updates", " simultaneous and extragradient cannot be together: each moves both at once")
    if not config["extragradient"]:
        return
    counts = config["discriminator_steps"], config["generator_steps"]
    if counts != (1, 1):
        yield _about(
            "extragradient",
            f" moves both players once: discriminator_steps and generator_steps are {counts}",
        )
    steps = config["coordination.initial_steps"] or config["coordination.final_steps"]
    if steps or config["coordination.accuracy_limit"] < 1:
        yield _about("extragradient", " moves both players in every step: leave coordination as it is by default")
    if config["generator_batches"]:
        yield _about("extragradient", " moves both players on one minibatch: set generator_batches to 0")


def _pairs(name: str) -> bool:
    """Whether a term compares each example with the one generated under its condition."""
    try:
        return schema.TERMS[name](1.0).pairs
    except TypeError:  # a term of the user's own, whose further parameters have no defaults
        return False


def _terms(config: Values) -> Iterator[Problem]:
    """Checks that everything that the loss terms read is present."""
    on = [name for name in schema.TERMS if is_on(config, f"terms.{name}")]
    outputs = config["discriminator.class_logits"]

    def needs(name, what):
        return _about(f"terms.{name}", f" {what}")

    for name in ("feature_matching", "feature_distance"):
        if name in on and not config["discriminator.features"]:
            yield needs(name, "needs discriminator.features=True")
    if "auxiliary_classifier" in on:
        if config["condition"] != "labels":
            yield needs("auxiliary_classifier", "needs condition=labels")
        if not outputs:
            yield needs("auxiliary_classifier", "needs discriminator.class_logits, as many as there are classes")
        projects = config["discriminator.network"] == "resnet" or config["discriminator.conditioning"] == "projection"
        if config["discriminator.conditional"] and not projects:  # otherwise its class logits would see the label
            yield needs("auxiliary_classifier", "needs discriminator.conditional=False, which cannot see the label")
    for name in ("mutual_information", "auxiliary_classifier"):
        if name in on and config["packing"] > 1:
            yield needs(name, "is of single examples; set packing=1")
    for name in on:
        if _pairs(name) and config["condition"] == config["task"] == "none":
            yield needs(name, "compares an example with the one made under its condition, and the run has none; set 0")
        if _pairs(name) and config["generated_labels"] != "data":
            yield needs(name, "compares an example with the one made under its condition; set generated_labels=data")
    if not on and not is_on(config, "terms.adversarial"):
        yield needs("adversarial", "0 leaves the generator no loss, as all terms are 0")
    latent = _latent(config)
    if "mutual_information" in on and latent is not None:
        codes = latent.categories + latent.continuous
        if not codes or latent.learned:
            yield needs(
                "mutual_information",
                f"needs codes, and latent.name {config['latent.name']} has none; set categorical",
            )
        elif outputs not in (codes, codes + latent.continuous):
            yield needs(
                "mutual_information", f"needs discriminator.class_logits={codes} or {codes + latent.continuous}"
            )


def _conditions_in_place(config: Values) -> Iterator[Problem]:
    """Checks of tasks whose condition is pixels that belong to an example's own."""
    task, condition, method = config["task"], config["condition"], config["sampling.method"]
    if task == "inpainting":
        what, moves = "whose condition is what is known", "what the masks say is known"
    elif task == "translation":
        what, moves = "whose condition is the view of an example", "the example and not its view"
    else:
        return
    if task == "translation" and config["translation.view"] == "given":
        if condition != "vectors":
            yield _about("translation.view", "=given reads the data's conditions; set condition=vectors")
        if config["dataset.range"] != "symmetric":
            yield _about("dataset.range", f"={config['dataset.range']}: given views run from -1 to 1; set symmetric")
        if config["dataset.mirror"]:
            yield _about("dataset.mirror", " turns the example and not its view; leave it out")
    elif condition != "none":
        yield Problem("condition", f"condition={condition} does not go with task={task}, {what}")
    if moving := MOVING & set(config["augmentation.names"]):
        named = " and ".join(sorted(moving))
        yield _about("augmentation.names", f": {named} would move {moves} (task={task})")
    if method != "plain":
        yield _about("sampling.method", f" {method}: not of task={task} yet; use plain")
    if task == "translation" and config["translation.cycle"]:
        yield from _without_pairs(config)


def _without_pairs(config: Values) -> Iterator[Problem]:
    """Checks of translation without pairs, where D judges images and views, and a view is that of another example."""
    field = "translation.cycle"
    if config["discriminator_steps"] == 1 and not config["generator_batches"]:
        yield _about(field, " needs two minibatches in a step; set generator_batches=1")
    for name in schema.TERMS:
        if is_on(config, f"terms.{name}") and _pairs(name):
            yield _about(field, f" leaves no pairs to compare; set terms.{name}=0")
    if config["augmentation.names"] or config["packing"] > 1:
        yield _about(field, " is not for augmentation.names and packing; leave them out")


def _semi_supervised(config: Values) -> Iterator[Problem]:
    """Checks of the semi-supervised task (K + 1 classes): D has class logits, and sees only some of the labels."""
    if config["task"] != "semi_supervised":
        return
    condition = config["condition"]
    if config["discriminator.class_logits"] < 2:
        yield Problem(
            "discriminator.class_logits",
            "task=semi_supervised needs discriminator.class_logits, as many as there are classes",
        )
    if not _loss(config).cross_entropy:
        known = ", ".join(name for name, loss in LOSSES.items() if getattr(loss, "cross_entropy", False))
        yield _about("loss", f" {config['loss']}: task=semi_supervised is of K + 1 classes: {known}")
    if config["real_label"] != 1:
        yield _about("real_label", f" {config['real_label']}: task=semi_supervised has the classes as labels; set 1")
    if condition != "none":
        yield Problem(
            "condition",
            f"condition={condition} does not go with task=semi_supervised, which is not to see all labels",
        )
    if config["packing"] > 1 or config["discriminator.minibatch"] != "none":
        yield Problem("packing", "packing, discriminator.minibatch: task=semi_supervised classifies single examples")
    if is_on(config, "terms.mutual_information") or is_on(config, "terms.auxiliary_classifier"):
        yield Problem(
            "terms",
            "terms.mutual_information, terms.auxiliary_classifier: task=semi_supervised has the class logits",
        )


def _inference(config: Values) -> Iterator[Problem]:
    """Checks of the inference task: a discriminator of pairs, or a regressor trained beside the game."""
    if config["task"] != "inference":
        return
    method, condition, latent = config["inference.method"], config["condition"], _latent(config)
    if condition != "none":
        yield Problem("condition", f"condition={condition} does not go with task=inference, which infers z only")
    if latent is not None and latent.learned:
        yield Problem(
            "latent.name",
            f"latent.name={config['latent.name']} is learned, and task=inference infers z of a fixed prior; choose "
            "another",
        )
    if is_on(config, "inference.generator_weight") and method != "joint_regressor":
        yield _about(
            "inference.generator_weight",
            f" does not go with inference.method={method}; set 0, or method=joint_regressor",
        )
    if method == "joint_regressor" and is_on(config, "generator_optimizer.clip_norm"):
        yield _about(
            "generator_optimizer.clip_norm",
            " would let the encoder of inference.method=joint_regressor slow the generator; set 0",
        )
    if method != "bigan":
        return
    wrong = {"packing": config["packing"] > 1, "augmentation.names": bool(config["augmentation.names"])}
    wrong["sampling.method"] = config["sampling.method"] != "plain"
    wrong["terms.mutual_information"] = is_on(config, "terms.mutual_information")
    for field in (field for field, is_set in wrong.items() if is_set):
        why = "inference.method=bigan, whose discriminator judges pairs (x, z)"
        yield _about(field, f" {values.shown(config[field])} does not go with {why}")
    if _loss(config).pair_generator is None:
        yield Problem(
            "loss",
            f"loss={config['loss']} has no half for the encoder of inference.method=bigan; use non_saturating, for "
            "example",
        )


_CROSS_CHECKS = (
    *(_losses, _priors, _sampling, _coordination, _schedules, _dynamics, _outputs, _paths, _layers, _networks),
    *(_generator_batches, _conditions, _generated_labels, _rates, _augmentation, _evaluation, _alarms, _terms),
    *(_divergence, _guidance, _conditions_in_place, _semi_supervised, _inference),
)
"""Checks between fields that are each valid."""
