"""Put together the folder that Triton runs from: backends, and a repository of what can be served."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from limner.catalog import CATALOG_FILE, Catalog
from limner.errors import ServingError
from limner.settings import PROJECT_ROOT
from serving.locate import TritonInstallation
from serving.runtime_folder import RuntimeFolder, make_folder, remove_stale
from serving.served_precision import as_served
from serving.winograd import WINOGRAD_CONFIG, can_use_winograd

MODEL_REPOSITORY = PROJECT_ROOT / "model_repository"
BACKENDS = PROJECT_ROOT / "backends"


def assemble(
    run_dir: Path, installation: TritonInstallation, exported: Path, profile: str, *, winograd: bool = False
) -> RuntimeFolder:
    """Make a runtime folder below ``run_dir``.

    Python models and the ensemble are always in it; a network is where it was exported. Files of models are linked. The
    catalogue tells the precision in which each is served here.

    Args:
        run_dir: parent of runtime folders; those of dead processes are removed.
        installation: the server. One that has backends of its own uses them on GPUs; on CPUs it runs ours, which
            are what all measurements are of.
        exported: folder that ``limner export`` filled.
        profile: which ``configs/<profile>.pbtxt`` every network must have.
        winograd: whether Limner's own kernel serves the networks that were exported for it.

    Raises:
        DamagedCatalog: the catalogue cannot be read.
        ServingError: a network has no configuration for the profile, or the folder
            cannot be written.
    """
    remove_stale(run_dir)
    native_backends = None if profile == "cpu" else installation.native_backends
    try:
        folder = make_folder(run_dir, native_backends)
    except OSError as error:
        raise ServingError(
            f"{run_dir} cannot be written ({error.strerror}). Make room there, or set LIMNER_DATA to another folder."
        ) from None
    try:
        _fill(folder, installation, exported, profile, winograd=winograd)
    except BaseException:
        folder.remove()
        raise
    return folder


def _fill(
    folder: RuntimeFolder, installation: TritonInstallation, exported: Path, profile: str, *, winograd: bool
) -> None:
    if folder.native_backends is None:
        folder.backends.mkdir()
        _make_python_backend(installation, folder.backends / "python")
        for backend in _subfolders(BACKENDS):
            if is_python_based(backend):
                (folder.backends / backend.name).symlink_to(backend)

    folder.models.mkdir()
    catalog = Catalog.load(exported / CATALOG_FILE)
    served = {entry.model for entry in catalog.entries if entry.available}
    by_kernel: set[str] = set()
    for model in _subfolders(MODEL_REPOSITORY):
        if _is_network(model):
            if model.name in served:
                _require_profile(model, profile)
                _link_model(model, exported / model.name, folder.models / model.name)
                if winograd and can_use_winograd(model, _versions(exported / model.name)):
                    _replace_config(model, folder.models / model.name, profile, WINOGRAD_CONFIG)
                    by_kernel.add(model.name)
        elif (model / "config.pbtxt").is_file():
            _link_model(model, model, folder.models / model.name)
    (folder.models / CATALOG_FILE).write_text(as_served(catalog, exported, profile, by_kernel).to_json(), "utf-8")


def is_python_based(backend: Path) -> bool:
    """Whether a backend's folder holds a backend in Python, run by the backend ``python``."""
    return (backend / "model.py").is_file()


def _make_python_backend(installation: TritonInstallation, target: Path) -> None:
    """The ``python`` backend with the stub of this Python beside it, where Triton looks for it.

    Triton refuses a library that is a link out of the folder. The stub is one: a fresh copy of a program cannot be
    run while another thread's fork holds it open.
    """
    shutil.copytree(installation.python_backend, target)
    if not (target / installation.stub.name).exists():
        (target / installation.stub.name).symlink_to(installation.stub)


def _subfolders(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith((".", "_")))


def _is_network(model: Path) -> bool:
    """Networks have configurations per profile; steps and the ensemble run alike everywhere."""
    return (model / "configs").is_dir()


def _require_profile(model: Path, profile: str) -> None:
    if not (model / "configs" / f"{profile}.pbtxt").is_file():
        there = {path.stem for path in (model / "configs").glob("*.pbtxt")}
        profiles = ", ".join(sorted(there - {WINOGRAD_CONFIG}))
        raise ServingError(
            f"The model {model.name} has no configuration for LIMNER_PROFILE={profile}. Available: {profiles}."
        )


def _link_model(definition: Path, versions: Path, target: Path) -> None:
    """``config.pbtxt`` and ``configs`` from ``definition``, the version folders from ``versions``."""
    target.mkdir()
    for name in ("config.pbtxt", "configs"):
        if (definition / name).exists():
            (target / name).symlink_to(definition / name)
    numbered = _versions(versions)
    for version in numbered:
        (target / version.name).symlink_to(version)
    if not numbered:  # an ensemble has no files, but Triton wants a version folder
        (target / "1").mkdir()


def _replace_config(definition: Path, target: Path, profile: str, chosen: str) -> None:
    """Have ``configs/<chosen>.pbtxt`` stand in for that of ``profile``, the only one that this server asks for."""
    (target / "configs").unlink()
    (target / "configs").mkdir()
    (target / "configs" / f"{profile}.pbtxt").symlink_to(definition / "configs" / f"{chosen}.pbtxt")


def _versions(model: Path) -> list[Path]:
    return [path for path in _subfolders(model) if path.name.isdigit()]
