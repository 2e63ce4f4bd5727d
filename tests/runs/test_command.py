"""The command `jaxgan`: its verbs, what it answers to mistakes, and what `jaxgan doctor` prints.

Signals: test_stops.py; the same code through `launch.py`: test_runs.py; an installed wheel: tests/test_wheel.py.
"""

import pathlib
import re
import subprocess
import sys

import pytest

import jaxgan
from jaxgan import runs
from jaxgan.errors import UsageError
from jaxgan.runs import command, doctor, flags
from tests.small_runs import train


def _read(*arguments, verb=None):
    return flags.read(["jaxgan", *arguments], "", verb)


def _ends(*arguments):
    with pytest.raises(SystemExit) as end:
        command.main(arguments, answers_signals=False)
    return end.value.code or 0


@pytest.mark.parametrize("verb", runs.MODES)
def test_a_mode_is_a_verb_with_an_argument_of_its_own(verb):
    _read("there", verb="sample")  # defines the flags
    known = {name: flags.FLAGS[name] for name in runs.MODES[verb].options}
    options = {name: getattr(flag.parser, "enum_values", "1")[0] for name, flag in known.items() if not flag.boolean}
    given = [f"--{name}={value}" for name, value in options.items()]
    long = ["--config=ring", "--workdir=there"] if runs.MODES[verb].trains else ["--workdir=there"]
    short = ["ring", "--workdir=there"] if runs.MODES[verb].trains else ["there"]
    wanted = _read(f"--mode={verb}", *long, *given, "--config.steps=7", "--debug")
    assert _read(*short, *given, "--config.steps=7", "--debug", verb=verb) == wanted
    assert wanted.mode == verb and wanted.overrides == {"steps": "7"} and set(wanted.options) == set(options)
    # The argument may stand behind the flags, and the flag in its place.
    assert _read("--config.steps=7", *given, "--debug", *short[::-1], verb=verb) == wanted
    assert _read(*long, *given, "--config.steps=7", "--debug", verb=verb) == wanted


def test_a_mode_that_is_added_is_a_verb(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(runs.MODES, "dream", runs.Mode("dream of a run", ("seed",)))
    assert _read("there", "--seed=3", verb="dream") == ("dream", None, {}, "there", {"seed": 3}, False)
    assert _ends("--help") == 0
    assert re.search(r"^  jaxgan dream DIR +dream of a run$", capsys.readouterr().out, re.M)
    assert _ends("dream", "--help") == 0
    out = capsys.readouterr().out
    assert "usage: jaxgan dream DIR" in out and "--seed: seed of the latents" in out and "--count" not in out
    assert _ends("sample", "--help") == 0
    assert "--mode" not in re.sub(r"--config: .*?(?=\n  --)", "", capsys.readouterr().out, flags=re.S)


def test_overrides_are_found_in_both_forms(tmp_path):
    arguments = ["--config=x.py", "--config.a.b=1", "--config.c", "2", "--mode=train"]
    others, overrides = flags.split_overrides(arguments)
    assert others == ["--config=x.py", "--mode=train"]
    assert overrides == {"a.b": "1", "c": "2"}
    with pytest.raises(UsageError, match="write --config.c=VALUE"):
        flags.split_overrides(["--config.c", "--mode=train"])


def test_a_file_of_flags_may_have_fields_of_the_config(tmp_path):
    (tmp_path / "flags").write_text("--config=ring\n# a comment\n--config.loss=hinge\n--workdir=there\n--profile\n")
    found = _read(f"--flagfile={tmp_path}/flags", "--config.steps=9")
    assert found == ("train", "ring", {"loss": "hinge", "steps": "9"}, "there", {"profile": True}, False)
    with pytest.raises(UsageError, match="none"):
        _read(f"--flagfile={tmp_path}/none")


def test_flags_of_an_earlier_command_are_forgotten():
    assert _read("--workdir=a", "--mode=sample", "--seed=3").options == {"seed": 3}
    assert _read("--workdir=a", "--mode=sample").options == {}


@pytest.mark.parametrize(("text", "number"), [("1e6", 1_000_000), ("12", 12), ("2E1", 20)])
def test_whole_numbers_may_have_an_exponent(text, number):
    assert _read("there", f"--count={text}", verb="sample").options == {"count": number}


@pytest.mark.parametrize("text", ["1.5e0", "1e-3", "many", "1e999", "0", "1.0", "nan"])
def test_other_numbers_are_no_counts(text):
    with pytest.raises(UsageError, match=f"flag --count={text}: "):
        _read("there", f"--count={text}", verb="sample")


RATES = (
    "did you mean --config.generator_optimizer.learning_rate={0} or --config.discriminator_optimizer.learning_rate={0}?"
)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("config.loss=wgan", "did you mean --config.loss=wgan?"),
        ("loss=wgan", "did you mean --config.loss=wgan?"),
        ("generator.widths=(64,64)", "did you mean --config.generator.widths=(64,64)?"),
        ("lr=1e-3", RATES.format("VALUE")),
        ("--lr=1e-3", RATES.format("VALUE")),
        ("--learning_rate=1e-3", RATES.format("1e-3")),
        ("--generator_optimizer.lr=1e-3", "did you mean --config.generator_optimizer.learning_rate=VALUE?"),
        ("--epochs=10", "did you mean --config.steps=VALUE?"),
        ("--steps=10", "did you mean --config.steps=10?"),
        ("--batch-size=10", "did you mean --config.batch_size=10?"),
        ("--batch_size", "did you mean --config.batch_size=VALUE?"),
        ("--wrkdir=x", "Did you mean: workdir ?; see --help"),
        ("--no_such_flag", "Unknown command line flag 'no_such_flag'; see --help"),
        ("nonsense=3", "'nonsense=3' is not a flag; flags look like --mode=train; see --help"),
        ("nonsense", "'nonsense' is not a flag; flags look like --mode=train; see --help"),
    ],
)
def test_habits_of_other_programs_are_answered_with_what_to_type(argument, said):
    for verb in (None, "train"):
        with pytest.raises(UsageError) as error:
            _read("--workdir=x", *(["ring"] if verb else []), argument, verb=verb)
        assert str(error.value).endswith(said)


def test_help_and_a_mistyped_flag_are_answered_before_jax_is_imported():
    program = """
import sys
from jaxgan.runs import command
for arguments in (["--help"], ["train", "--help"], ["--no_flag"], ["train", "--lr=1"], ["trian"], ["--version"]):
    try:
        command.main(arguments, answers_signals=False)
    except SystemExit as end:
        print(end.code, 'jax' in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    codes = [line for line in done.stderr.splitlines() if not line.startswith("jaxgan: error: ")]
    assert codes == [f"{code} False" for code in (0, 0, 2, 2, 2, 0)]
    assert done.stdout.endswith(f"{jaxgan.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "jaxgan; 'trian' is not a verb; did you mean train?"),
        (["xyz"], "choose one of train, sweep, "),
        (["train", "ring"], "--workdir is missing"),
        (["train", "--workdir=x"], "--config is missing"),
        (["sample"], "--workdir is missing"),
        (["train", "ring", "--config=mnist", "--workdir=x"], "it has two: ring and --config=mnist"),
        (["train", "ring", "mnist", "--workdir=x"], "'mnist' is not a flag"),
        (["train", "ring", "--mode=sweep", "--workdir=x"], "write jaxgan sweep"),
        (["train", "rnig", "--workdir=x"], "--config=rnig; there is no file rnig; did you mean configs/ring.py"),
        (["train", "ring", "--workdir=x", "--count=3"], "--count does not go with --mode=train"),
        (["report", "x", "--config.loss=hinge"], "it takes no --config.loss"),
        (["report", "x"], "has no run; config.json is not there"),
        (["doctor", "--all"], "it takes no --all"),
        (["--workdir=x"], "--config is missing"),
    ],
)
def test_a_mistake_is_one_line_and_2(arguments, said, capsys):
    assert _ends(*arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("jaxgan: error: ") and said in lines[0]
    assert not pathlib.Path("x").exists()


def test_help_is_printed_without_a_verb_and_names_every_verb(capsys):
    assert _ends() == 0
    out = capsys.readouterr().out
    assert all(f"\n  jaxgan {verb}" in out for verb in (*runs.MODES, *command.OTHERS))
    assert max(map(len, out.splitlines())) <= 120


def test_prepare_is_a_verb(tmp_path, capsys):
    assert _ends("prepare", "mnist", "--from", str(tmp_path), "--to", str(tmp_path)) == 3
    assert "has no training images" in capsys.readouterr().err


@pytest.mark.medium
def test_a_report_is_made_again(tmp_path, capsys):
    train(tmp_path / "run", steps=10)
    report = (tmp_path / "run/report.html").read_text()
    (tmp_path / "run/report.html").unlink()
    (tmp_path / "run/curves.png").unlink()
    capsys.readouterr()
    assert _ends("report", str(tmp_path / "run")) == 0
    assert capsys.readouterr().out == f"Written: {tmp_path / 'run/report.html'}\n"
    assert (tmp_path / "run/report.html").read_text() == report and (tmp_path / "run/curves.png").exists()


def _doctor(capsys):
    assert _ends("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    column = len(re.match(r"jaxgan +", lines[0])[0])
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines)
    return {line[:column].strip(): line[column:] for line in lines}


def test_doctor_says_what_there_is(tmp_path, monkeypatch, capsys):
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled/entry").write_bytes(bytes(3_000))
    (tmp_path / "data.npz").write_bytes(bytes(5_000))
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", "/data\nof mine")
    found = _doctor(capsys)
    assert found["jaxgan"].startswith(jaxgan.__version__)
    assert found["devices"] == "4 x cpu"  # tests/conftest.py
    assert found["data cache"] == f"{tmp_path}, 7.8 KiB in 2 files"
    assert found["compiled code"] == f"{tmp_path}/compiled, 2.9 KiB in 1 files"
    assert found["TFDS_DATA_DIR"] == "/data of mine"
    assert found["jax"] == __import__("jax").__version__ and re.match(r"[\d.]+ GiB", found["memory"])


def test_doctor_names_the_extra_of_what_is_missing_and_has_no_traceback(monkeypatch, capsys):
    def version(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    def broken(*_):
        raise OSError("it is gone")

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    monkeypatch.setattr(doctor.shutil, "disk_usage", broken)
    found = _doctor(capsys)
    assert found["mlxtend"] == "missing: pip install 'jaxgan[demo]'"
    assert found["flax"] == "missing: pip install 'jaxgan[train]'"
    assert found["disk"] == "not known (OSError: it is gone)"


def test_doctor_does_not_wait_for_devices(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "DEVICE_SECONDS", 0.0)
    monkeypatch.setattr(doctor.threading.Thread, "start", lambda thread: None)
    monkeypatch.setattr(doctor.threading.Thread, "join", lambda thread, seconds: None)
    assert "none found in 0 s" in _doctor(capsys)["devices"]
