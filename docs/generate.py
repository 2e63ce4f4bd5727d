"""What the pages of the reference say from the program itself: a config's fields, and the command's flags."""

import contextlib
import inspect
import io
import math
import re
from collections.abc import Collection, Iterator
from typing import Any

from configs import default
from jaxgan import runs
from jaxgan.config import schema
from jaxgan.fields import REQUIRED, Spec
from jaxgan.runs import command, flags

SECTIONS = {
    "": "The run",
    "coordination": "Which updates of the discriminator are made",
    "augmentation": "What the discriminator sees",
    "guidance": "Pictures of several levels",
    "penalties": "Penalties in the discriminator's loss",
    "terms": "Further terms of both losses",
    "latent": "The prior of the latents",
    "latent_optimization": "Latents that are moved in training",
    "dataset": "The data",
    "generator": "The generator's network",
    "discriminator": "The discriminator's network",
    "generator_optimizer": "The generator's optimizer",
    "discriminator_optimizer": "The discriminator's optimizer",
    "start": "Starting from another run",
    "evaluation": "Scores",
    "sampling": "How samples are drawn",
    "logging": "Where metrics go",
    "alarms": "Alarms",
    "divergence": "After a number that is not finite",
    "population": "Sweeps",
    "inpainting": "The task inpainting",
    "semi_supervised": "The task semi_supervised",
    "inference": "The task inference",
    "translation": "The task translation",
}
"""The sections of a config, in the order of the page, with their headings."""

KINDS = {
    "any": "any",
    "bool": "true or false",
    "float": "number",
    "floats": "numbers",
    "int": "whole number",
    "ints": "whole numbers",
    "names": "names",
    "str": "text",
}


# --- The config


def config_reference() -> str:
    """One row for each field: its name, type and range, default and meaning."""
    fields, defaults = schema.rows(default.get_config().to_dict()), schema.flattened(default.get_config().to_dict())
    notes, intros = meanings(), introductions(inspect.getsource(default))
    lines: list[str] = []
    for section, heading in SECTIONS.items():
        own = {name: row for name, row in fields.items() if name.rpartition(".")[0] == section}
        lines += ["", f"## {heading}", "", *([f"`config.{section}`. {intros.get(section, '')}", ""] if section else [])]
        lines += ['<div class="fields" markdown>', "", "| field | takes | default | meaning |", "|---|---|---|---|"]
        for name, row in own.items():
            value = defaults.get(name, row.spec.default)
            marks = " ↻" * row.spec.field.resume + " ∿" * schema.may_vary(defaults, name, fields)
            cells = [f"`{name.rpartition('.')[2]}`{marks}", takes(row.spec), shown(value), linked(notes.get(name, ""))]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines += ["", "</div>"]
    left = {name.rpartition(".")[0] for name in fields} - set(SECTIONS)
    assert not left, f"docs/generate.py has no heading for {left}"
    return "\n".join(lines) + "\n"


def takes(spec: Spec) -> str:
    """The values that a field takes, in a few words."""
    field = spec.field
    if field.choices is not None:
        names = ", ".join(f"`{name}`" for name in field.choices if name)
        several = "several of " if spec.kind == "names" else ""
        return f"{several}{names}" + (", or `FILE.py:FUNCTION`" if field.files else "")
    return KINDS[spec.kind] + bounds(spec)


def bounds(spec: Spec) -> str:
    """The range of a number, as words after its type; empty without one."""
    field = spec.field
    low, high = f"{field.low:,.10g}", f"{field.high:,.10g}"
    if math.isfinite(field.low) and field.high < 2**31 - 1:  # a wider range is that of the machine's numbers
        return f" in {'(' if field.open_low else '['}{low}, {high}{')' if field.open_high else ']'}"
    if math.isfinite(field.low):
        return f" {'>' if field.open_low else '≥'} {low}"
    return ""


def shown(value: Any) -> str:
    """A default as code; empty for a field without one, and for an empty text."""
    if value is REQUIRED or value == "":
        return ""
    return f"`{value!r}`" if not isinstance(value, str) else f"`{value}`"


def meanings() -> dict[str, str]:
    """The comment of every field in configs/default.py, by the field's name with dots."""
    found = dict(comments(inspect.getsource(default)))
    for part, players in (("network", ("generator", "discriminator")), ("optimizer",) * 2):
        for name, text in list(found.items()):
            if name.startswith(f"{part}."):
                sections = players if part == "network" else ("generator_optimizer", "discriminator_optimizer")
                for section in sections:
                    found.setdefault(f"{section}.{name.removeprefix(f'{part}.')}", text)
    return found


def introductions(source: str) -> dict[str, str]:
    """The comment above each section of configs/default.py."""
    found = re.findall(r"((?:^    # .*\n)+)^    config\.(\w+) = (?:ConfigDict|_\w+)\(\)$", source, re.M)
    return {name: linked(" ".join(re.findall(r"^    # (.*)$", text, re.M))) for text, name in found}


def comments(source: str) -> Iterator[tuple[str, str]]:
    """The fields that a config's program sets, each with the comment behind it and below it."""
    name, text = "", ""
    for line in source.splitlines():
        if setting := re.match(r"    (?:config\.)?([\w.]+) = .*?(?:  # (.*))?$", line):
            if name and text:
                yield name, text
            name, text = setting[1], setting[2] or ""
        elif (more := re.match(r"    # (.*)$", line)) and text:
            text = f"{text} {more[1]}"
        else:
            if name and text:
                yield name, text
            name, text = "", ""


# --- The command


def command_reference() -> str:
    """One section for each verb, with its flags."""
    flags.read(["jaxgan", "--mode=train", "--workdir=DIR"], "")  # which defines them
    known = {flag.name: flag for flag in flags.FLAGS.get_flags_for_module(flags.__name__)}
    lines = ["## Flags of every verb", "", *table(known[name] for name in flags.EVERYWHERE)]
    for verb, mode in runs.MODES.items():
        argument = "CONFIG --workdir=DIR" if mode.trains else "DIR"
        lines += ["", f"## jaxgan {verb} {{ #{verb} }}", "", sentence(mode.summary), "", "```sh"]
        lines += [f"jaxgan {verb} {argument}", "```"]
        if mode.options:
            lines += ["", *table(known[name] for name in mode.options)]
    for verb, (summary, _) in command.OTHERS.items():
        lines += [
            "",
            f"## jaxgan {verb} {{ #{verb} }}",
            "",
            f"{sentence(summary)}",
            "",
            "```text",
            *helped(verb),
            "```",
        ]
    return "\n".join(lines) + "\n"


def table(chosen: Collection[Any] | Iterator[Any]) -> list[str]:
    """One row for each flag."""
    rows = [
        f"| `--{flag.name}` | {shown('' if flag.default is None else flag.default)} | {sentence(meaning(flag))} |"
        for flag in chosen
    ]
    return ['<div class="fields" markdown>', "", "| flag | default | meaning |", "|---|---|---|", *rows, "", "</div>"]


def meaning(flag: Any) -> str:
    """The help of a flag, without the modes that take it, and its choices."""
    choices = getattr(flag.parser, "enum_values", None)
    text = re.sub(r"^(?:<.*?>: )?(?:--mode=[a-z, ]+: )?", "", flag.help).replace("|", "\\|")
    return linked(text) + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")


def linked(text: str) -> str:
    """A text in which the names of pages are links to them."""
    return re.sub(r"docs/(\w+)\.md", r"[\1](../\1.md)", text)


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def helped(verb: str) -> list[str]:
    """What a verb prints for `--help`, or what it is called as if it takes no arguments."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        if verb == "prepare":
            command.OTHERS[verb][1](["--help"])
    return printed.getvalue().rstrip().splitlines() or [f"jaxgan {verb}"]
