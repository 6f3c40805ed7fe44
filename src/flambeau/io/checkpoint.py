"""`save` and `load`: one front door for all file formats."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from flambeau.io.errors import FormatError
from flambeau.io.files import PathOrFile, Source, open_source

if TYPE_CHECKING:
    import flambeau as fb
    from flambeau.storage import UntypedStorage

    MapLocation: TypeAlias = (
        str | fb.device | Mapping[str, str] | Callable[[UntypedStorage, str], Any] | None
    )

TAR_MAGIC_AT = 257


def save(
    obj: object,
    f: PathOrFile,
    *,
    metadata: Mapping[str, str] | None = None,
    format: Literal["safetensors", "pt"] | None = None,
) -> None:
    """Save tensors, and plain data around them, to a file.

    A path ending in ``.safetensors`` gets the safetensors format, which holds a flat dict of
    tensors (a ``state_dict``) in which tensors that share memory are written each in full.
    Everything else gets PyTorch's zip format, which ``torch.load`` reads with
    ``weights_only=True``: tensors, Parameters, numbers, strings, lists, dicts and the like; views
    stay views of one storage. A file appears under its name only when it is complete; one that is
    there already is replaced only when the new one is on disk, so that no power cut costs both.

    Args:
        obj: What to save.
        f: Path, or a file open for writing in binary mode.
        metadata: Texts stored in a safetensors file.
        format: "safetensors" or "pt", where the path's ending does not say it.

    Raises:
        TypeError: `obj` contains something the format cannot hold.

    Example:
        >>> import flambeau, io
        >>> buffer = io.BytesIO()
        >>> flambeau.save({"step": 3, "w": flambeau.zeros(2)}, buffer)
        >>> _ = buffer.seek(0)
        >>> flambeau.load(buffer)
        {'step': 3, 'w': tensor([0., 0.])}
    """
    if format is None:
        name = os.fspath(f) if isinstance(f, str | os.PathLike) else ""
        format = "safetensors" if name.endswith(".safetensors") else "pt"
    if format == "safetensors":
        from flambeau.io.safetensors import write

        write(obj, f, metadata)  # type: ignore[arg-type]
    elif format == "pt":
        from flambeau.io.torch_file import save_zip

        if metadata is not None:
            raise ValueError("save: only the safetensors format stores metadata")
        save_zip(obj, f)
    else:
        raise ValueError(f"save: expected format 'safetensors' or 'pt', but got {format!r}")


def load(
    f: PathOrFile,
    map_location: "MapLocation" = None,
    *,
    mmap: bool | None = None,
    weights_only: bool = True,
    encoding: str = "utf-8",
) -> Any:
    """Load what `save` or ``torch.save`` wrote, or a safetensors or NumPy file.

    The format is told from the content. Nothing in a file is ever executed: only tensors,
    Parameters and plain data are built, and classes allowed through `add_safe_globals`.

    Args:
        f: Path, or a file open for reading in binary mode.
        map_location: Where storages go: a device, a dict from saved to wanted devices, or a
            function of the storage and its saved location. None keeps the saved devices.
        mmap: Let tensors share the file's pages (private to this process, read when touched)
            instead of reading the file. The default is True for a path to a safetensors file.
            While tensors use them, the file must not be shortened in place; `save` does not.
        weights_only: Accepted as in PyTorch; False does not make loading less safe.
        encoding: Of strings in files written by Python 2; "bytes" keeps them as bytes.

    Raises:
        FormatError: The file is truncated, corrupt or of an unknown format. For a pickle it is
            an `UnpicklingError`, which is a ``pickle.UnpicklingError`` too.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> flambeau.save({"w": flambeau.ones(2)}, path)
        >>> flambeau.load(path)["w"]
        tensor([1., 1.])
    """
    with open_source(f, use_mmap=bool(mmap)) as source:
        read = _reader(source)
        if read is None:
            if mmap is None and isinstance(f, str | os.PathLike):
                with open_source(f, use_mmap=True) as mapped:
                    return _load_safetensors(mapped, map_location)
            return _load_safetensors(source, map_location)
        return read(source, map_location, encoding)


def _load_safetensors(source: Source, map_location: Any) -> "dict[str, fb.Tensor]":
    from flambeau.io.safetensors import read_all
    from flambeau.io.torch_tensors import resolve_location

    return read_all(source, resolve_location("cpu", map_location))


def _reader(source: Source) -> Callable[[Source, Any, str], object] | None:
    """What reads this file; None for safetensors."""
    from flambeau.io import torch_file

    head = source.read(0, min(source.size, 512))
    if head.startswith(b"PK\x03\x04"):
        return torch_file.load_zip
    if head.startswith(b"\x80") and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return torch_file.load_legacy
    if head[8:9] == b"{":
        return None
    if head.startswith(b"\x93NUMPY"):
        from flambeau.io.numpy_file import load_array

        return load_array
    if not head:
        raise FormatError("load: the file is empty")
    if head[TAR_MAGIC_AT:].startswith(b"ustar"):
        raise FormatError("load: a tar file (PyTorch before 0.2); load and save it with PyTorch")
    raise FormatError(
        f"load: unknown file format (it starts with {head[:8]!r}); safetensors, PyTorch's .pt and "
        ".pth, and NumPy's .npy are supported"
    )
