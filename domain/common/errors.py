"""The errors that the domain raises; core.errors lists every error of this project."""


class HubError(Exception):
    """Something the hub knows how to report. Its text never holds secrets or personal data."""


class MappingError(HubError):
    """One record cannot be represented; `reason` says which field and why, without its value."""

    def __init__(self, system: str, source_id: str, reason: str) -> None:
        super().__init__(f"{system} record {source_id}: {reason}")
        self.system = system
        self.source_id = source_id
        self.reason = reason
