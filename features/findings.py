"""What an assessment found and what to do about it, a sentence or two a section."""

from __future__ import annotations

from site_typology.features.assessment import Assessment
from site_typology.features.finding import Finding
from site_typology.features.findings_features import (
    agreement_finding,
    changes_finding,
    extremes_finding,
    precision_finding,
    same_finding,
)
from site_typology.features.findings_returns import (
    chase_finding,
    missing_finding,
    returns_finding,
    thin_finding,
    weights_finding,
)


def findings(assessment: Assessment) -> list[Finding]:
    """Say what was found, in the order of the report.

    Examples
    --------
    >>> import pandas as pd
    >>> from site_typology.features.assessment import assess
    >>> from site_typology.profiles import SiteProfiles
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0, 4.0]}, index=["A", "B", "C"])
    >>> for finding in findings(assess(SiteProfiles.from_frame(values)))[3:6]:
    ...     print(finding.found)
    Every cell has a value.
    No feature has a measurement error above 0, so none has a reliability.
    No feature rests on informants.
    """
    return [
        chase_finding(assessment),
        returns_finding(assessment),
        weights_finding(assessment),
        missing_finding(assessment),
        precision_finding(assessment),
        thin_finding(assessment),
        agreement_finding(assessment),
        same_finding(assessment),
        extremes_finding(assessment),
        changes_finding(assessment),
    ]
