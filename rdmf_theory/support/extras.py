"""How an optional part is installed: from this project, never by a name on a registry that may be a stranger's."""


def install_hint(extra: str) -> str:
    """One line that says how to install an extra, such as `onnx`, of pyproject.toml.

    The project is installed from a checkout or a wheel, so the remedy names those.
    """
    return f"In the checkout: pip install '.[{extra}]'; from a wheel: pip install 'PATH/TO/rdmf-VERSION.whl[{extra}]'."
