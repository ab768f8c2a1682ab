"""Where a typology comes from and how it was made: the file ``run.json`` of a run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from site_typology.errors import Problem, StudyError
from site_typology.output import RUN_FILE

if TYPE_CHECKING:
    from site_typology.typology import Typology


@dataclass(frozen=True)
class Origin:
    """Where a typology comes from.

    Parameters
    ----------
    study : str
        Name of the study; names the experiment and the registered model too.
    study_hash : str
        SHA-256 of the study file; ``""`` where there is none.
    study_file : Path, optional
        Looked up in git, where it is kept there, and read again by a rerun.
    specification : str
        Name of the specification, such as ``quick``.
    workers : int
        Processes that were used; they do not change the figures.
    started, finished : str
        UTC, ISO 8601; ``""`` where not known.
    batch : str
        Names the runs of one proposal, so that they are logged once; ``""`` until `settled`.
    explanation : mapping of str to float
        Fidelity of the explanation: ``fidelity``, ``fidelity_sd``, ``fidelity_chance``.
    specifications : mapping of str to float
        How far the answer survives other choices, by the names of the metrics; empty where no grid
        was stated.
    names : mapping of int to str
        Names of types that people gave an earlier version, carried over.
    name_notes : tuple of str
        In words, what was carried over and what could not be.
    environment : mapping
        See `site_typology.experiments.environment.environment`.
    """

    study: str
    study_hash: str = ""
    study_file: Path | None = None
    specification: str = ""
    workers: int = 1
    started: str = ""
    finished: str = ""
    batch: str = ""
    explanation: Mapping[str, float] = field(default_factory=dict)
    specifications: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    name_notes: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)

    def settled(self, typology: Typology) -> Origin:
        """Fill in what is known only when the work is done: the time, the batch, the machine."""
        from site_typology.experiments.environment import environment

        finished = self.finished or now()
        return dataclasses.replace(
            self,
            finished=finished,
            batch=self.batch or _batch(typology, finished),
            environment=self.environment or environment(),
        )

    @property
    def milliseconds(self) -> int:
        """When the run finished, as MLflow counts time."""
        return int(datetime.fromisoformat(self.finished or now()).timestamp() * 1000)

    @property
    def seconds(self) -> float:
        """How long the run took; NaN where not known."""
        if not (self.started and self.finished):
            return float("nan")
        start, end = map(datetime.fromisoformat, (self.started, self.finished))
        return (end - start).total_seconds()

    def to_dict(self, typology: Typology) -> dict[str, Any]:
        """Content of ``run.json``: plain values."""
        file = self.study_file
        return {
            "study": self.study,
            "study_hash": self.study_hash,
            "study_file": str(file.absolute()) if file else "",
            "data_hash": typology.profiles.hash,
            "specification": self.specification,
            "settings": typology.settings.to_dict(),
            "seed": int(typology.seed),
            "workers": self.workers,
            "started": self.started,
            "finished": self.finished,
            "batch": self.batch,
            "explanation": dict(self.explanation),
            "specifications": dict(self.specifications),
            "names": {str(number): name for number, name in self.names.items()},
            "name_notes": list(self.name_notes),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Origin:
        """Make an origin from `to_dict` output."""
        return cls(
            study=content["study"],
            study_hash=content["study_hash"],
            study_file=Path(content["study_file"]) if content["study_file"] else None,
            specification=content["specification"],
            workers=content["workers"],
            started=content["started"],
            finished=content["finished"],
            batch=content["batch"],
            explanation=content["explanation"],
            specifications=content["specifications"],
            names={int(number): name for number, name in content["names"].items()},
            name_notes=tuple(content["name_notes"]),
            environment=content["environment"],
        )


def read_run_file(path: Path) -> dict[str, Any]:
    """Read a ``run.json``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict

    Raises
    ------
    StudyError
        It is not there, or cannot be understood.

    Examples
    --------
    >>> read_run_file(Path("nowhere/run.json"))
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere: 1 problem
      run.json  Not found. Give the output folder of a run that has finished.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Origin.from_dict(content)
    except FileNotFoundError:
        remedy = "Not found. Give the output folder of a run that has finished."
        raise StudyError(str(path.parent), [Problem(RUN_FILE, remedy)]) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"Cannot be understood ({error!r}). Run the study again."
        raise StudyError(str(path.parent), [Problem(RUN_FILE, said)]) from error
    return content


def now() -> str:
    """Return the time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _batch(typology: Typology, finished: str) -> str:
    """Time, eight characters that say what was asked, four that tell equal runs apart."""
    settings = json.dumps(typology.settings.to_dict(), sort_keys=True)
    same = f"{typology.profiles.hash} {settings} {typology.seed}"
    digest = hashlib.sha256(same.encode()).hexdigest()
    time = datetime.fromisoformat(finished)
    return f"{time:%Y-%m-%d %H:%M:%S} {digest[:8]}-{secrets.token_hex(2)}"
