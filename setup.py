"""What pyproject.toml cannot say: a wheel has the folder `configs` too, inside the package."""

import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies `configs/*.py` to `jaxgan/packaged/configs`, where `jaxgan.config_files` finds them.

    An editable install uses the folder itself, which lies beside the package.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._configs().items():
                pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copies = [] if self.editable_mode else list(self._configs().values())
        return [*super().get_outputs(include_bytecode), *copies]

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *self._configs()]

    def _configs(self) -> dict[str, str]:
        """The copies by their sources."""
        folder = pathlib.Path(self.build_lib, "jaxgan", "packaged", "configs")
        return {path.as_posix(): str(folder / path.name) for path in sorted(pathlib.Path("configs").glob("*.py"))}


setup(cmdclass={"build_py": BuildWithConfigs})
