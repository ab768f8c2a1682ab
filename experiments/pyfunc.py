"""The typology as an MLflow model: the code that MLflow keeps with it and runs when it loads.

MLflow copies this file into the model and executes it, so that loading unpickles nothing. It
reads the typology (JSON and Parquet) that stands beside it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from site_typology.experiments.profile_rows import profiles_from_rows
from site_typology.experiments.store import quiet_mlflow
from site_typology.typology import Typology, load

with quiet_mlflow():
    from mlflow.models import set_model
    from mlflow.pyfunc import PythonModel

OUTPUT = ("type", "confidence", "next_type", "distance", "reason")


class TypologyModel(PythonModel):
    """Gives each row of site profiles its type, or the reason why it has none."""

    typology: Typology

    def load_context(self, context: Any) -> None:
        """Read the typology that was logged with the model."""
        self.typology = load(context.artifacts["typology"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Assign sites.

        Parameters
        ----------
        model_input : DataFrame
            One row a site: every feature the types were built from, in natural units, empty
            where unknown; for any of them its standard error as ``FEATURE__se`` and the n
            behind it as ``FEATURE__n``. A feature without the column ``FEATURE__se`` is known
            exactly; an error left empty there is taken from the fitted sites.

        Returns
        -------
        DataFrame
            Same rows; columns `OUTPUT`.

        Raises
        ------
        StudyError
            With every problem of the rows.
        """
        profiles = profiles_from_rows(model_input, self.typology.profiles.select(use="build"))
        answer = self.typology.assign(profiles).frame
        return answer[list(OUTPUT)].set_axis(model_input.index, axis=0)


set_model(TypologyModel())
