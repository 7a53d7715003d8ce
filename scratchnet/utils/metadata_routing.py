"""What scikit-learn asks of a splitter when it routes metadata (`enable_metadata_routing`)."""

from __future__ import annotations

from typing import Any

__all__ = ["split_request"]


def split_request(splitter: Any, uses_groups: bool) -> Any:
    """Return scikit-learn's record of what `splitter.split` asks for: groups, or nothing.

    Only scikit-learn calls for it, so that it is there to be imported.
    """
    from sklearn.utils.metadata_routing import MetadataRequest

    request = MetadataRequest(owner=splitter)
    if uses_groups:
        request.split.add_request(param="groups", alias=True)
    return request
