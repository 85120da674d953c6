"""Builds the optional CPU kernel with the package. Without a working C++ compiler the install succeeds and says so."""

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RECIPE = Path("rdmf_model/ops/native/build.py")


class KernelBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        recipe = _load(Path(self.root, RECIPE))
        # Never ship or keep a library of another source or machine.
        recipe.LIBRARY.unlink(missing_ok=True)
        try:
            library = recipe.build()
        except recipe.BuildError as error:
            self.app.display_warning(f"The CPU kernel is left out, the torch backends do its work: {error}")
            return
        build_data["artifacts"].append(f"/{library.relative_to(self.root).as_posix()}")
        # Plain C interface: any Python, this platform.
        platform_tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform_tag}"
        build_data["pure_python"] = False


def _load(path: Path) -> Any:
    # By path: importing the package would import torch, which a build environment does not have.
    spec = importlib.util.spec_from_file_location("rdmf_kernel_recipe", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
