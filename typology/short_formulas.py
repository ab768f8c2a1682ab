"""Formulas of a spreadsheet that places a site: links, errors, gaps and distances, cell by cell.

Only functions that every spreadsheet of the last twenty years has: no arrays, no macros. The
covariance of the columns that a site has is factorised in the row itself, as
`site_typology.models.kernels.eliminate` does; a gap is a row and column of the identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from site_typology.models.kernels import RIDGE
from site_typology.models.links import PSEUDO_COUNTS, CompositionBlock, SingleBlock, contrasts
from site_typology.models.ordinal import OrdinalBlock
from site_typology.short_cells import Answer, Inputs, Parameters, Row
from site_typology.short_question import Question
from site_typology.short_rule import BLANK, FAR, PLACED, SHORT, ShortRule
from site_typology.short_words import limits_of

NOT_ENOUGH, NONE = "not enough data", "none of these"
"""Answers for sites without a type."""
WRONG, CHECK = 4, "check the values"
"""State and answer of a site with a cell that holds no number, or one that cannot be."""
SLACK, LARGEST = 1e-6, 1e100
"""Room for rounding at the limits of a feature; limit of one that has none, which can be squared.
"""


class RuleFormulas:
    """Formulas of a rule.

    Parameters
    ----------
    rule : ShortRule
    """

    def __init__(self, rule: ShortRule) -> None:
        self.rule = rule
        self.parameters = Parameters()
        put, model = self.parameters.put, rule.model
        columns = [name for own in rule.questions for name in own.block.columns]
        k, q = model.k, len(columns)
        self.size = (k, q)
        self.ridge = put("added to each variance", RIDGE)
        self.centre = [put(f"centre of {n}", v) for n, v in zip(columns, rule.centre, strict=True)]
        self.spread = [put(f"spread of {n}", v) for n, v in zip(columns, rule.spread, strict=True)]
        self.means = [
            [put(f"type {j + 1}: mean of {n}", model.means[j, a]) for a, n in enumerate(columns)]
            for j in range(k)
        ]
        self.weights = [
            put(f"log share of type {j + 1}", np.log(model.weights[j])) for j in range(k)
        ]
        self.temperature = put("temperature of memberships", model.temperature)
        pairs = [(a, b) for a in range(q) for b in range(a, q)]
        self.covariance = {
            (a, b): put(f"within types: {columns[a]}, {columns[b]}", model.covariance[a, b])
            for a, b in pairs
        }
        self.correlation = {
            (a, b): put(f"errors: {columns[a]}, {columns[b]}", rule.correlation[a, b])
            for a, b in pairs
            if a != b and rule.correlation[a, b] != 0.0
        }
        self.least = put("fewest features", rule.least)
        types = range(1, k + 1)
        self.names = self.parameters.put_all(
            [f"name of type {j}" for j in types], [rule.names[j] for j in types]
        )
        limits = rule.farthest()
        self.limits = self.parameters.put_all(
            [f"farthest with {m} columns, type {j}" for m in range(1, q + 1) for j in types],
            limits.ravel().tolist(),
        )
        self.links = [self._link_parameters(own) for own in rule.questions]

    def _link_parameters(self, own: Question) -> dict[str, list[str]]:
        put, block = self.parameters.put, own.block
        found: dict[str, list[str]] = {}
        if isinstance(block, OrdinalBlock):
            levels = np.array(block.levels)
            between = (levels[1:] + levels[:-1]) / 2
            found["between"] = [put(f"{own.name}: between levels", at) for at in between]
            found["value"] = [put(f"{own.name}: value of level", at) for at in block.values]
            column = [name for q in self.rule.questions for name in q.block.columns]
            spread = self.rule.spread[column.index(block.columns[0])]
            found["error"] = [
                put(f"{own.name}: error of level", at) for at in block.variances / spread**2
            ]
            return found
        found["typical"] = [put(f"{own.name}: typical error variance", v) for v in own.variance]
        if own.single is not None:
            found["single"] = [put(f"{own.name}: variance of one informant", v) for v in own.single]
        if isinstance(block, CompositionBlock):
            found["units"] = [put(f"{own.name}: typical units", own.units)]
            found["each"] = [put(f"{own.name}: units an informant adds", own.units_each)]
            added = PSEUDO_COUNTS * np.array(block.mix)
            found["mix"] = [put(f"{own.name}: units added to a part", part) for part in added]
        return found

    def fill(self, row: Row, inputs: Inputs) -> Answer:
        """Write the working cells of one site."""
        k = self.size[0]
        known: list[str] = []
        linked: list[str] = []
        variances: list[str] = []
        for own, given in zip(self.rule.questions, self.links, strict=True):
            for mask, value, variance in self._question(own, given, row, inputs):
                known.append(mask)
                linked.append(value)
                variances.append(variance)
        masks = [row.put("known", mask) for mask in known]
        values = [
            row.put("working value", f"IF({m}=1,({v}-{c})/{s},0)")
            for m, v, c, s in zip(masks, linked, self.centre, self.spread, strict=True)
        ]
        errors = [row.put("error variance", variance) for variance in variances]
        root = self._factor(row, masks, errors)
        apart = [self._solve(row, root, masks, values, j) for j in range(k)]
        distances = [
            row.put(f"distance to type {j + 1}", "+".join(f"{cell}*{cell}" for cell in apart[j]))
            for j in range(k)
        ]
        scores = [
            row.put(
                f"score of type {j + 1}",
                f"({self.weights[j]}-{distances[j]}/2)/{self.temperature}",
            )
            for j in range(k)
        ]
        cells = row.put("columns known", f"SUM({masks[0]}:{masks[-1]})")
        features = row.put("features known", self._features_known(masks))
        near = f"{distances[0]}:{distances[-1]}"
        nearest = row.put("nearest type", f"MATCH(MIN({near}),{near},0)")
        limit = f"INDEX({self.limits},({cells}-1)*{k}+{nearest})"
        typed = ",".join(inputs.values.values())
        wrong = [row.put("cannot be", formula) for formula in self._wrong(inputs)]
        state = row.put(
            "state",
            f"IF(SUM({wrong[0]}:{wrong[-1]})>0,{WRONG},"
            f'IF(AND(COUNT({typed})=0,{inputs.site}=""),{BLANK},'
            f"IF({features}<{self.least},{SHORT},"
            f"IF(MIN({near})>{limit},{FAR},{PLACED}))))",
        )
        return self._ranked(row, scores, state)

    def _features_known(self, masks: Sequence[str]) -> str:
        """Count the features that are known; parts count where their mix is whole."""
        questions = self.rule.questions
        firsts = [self.rule.columns_of([place])[0] for place in range(len(questions))]
        return "+".join(
            f"{masks[at]}*{len(own.block.features)}"
            for at, own in zip(firsts, questions, strict=True)
        )

    def _wrong(self, inputs: Inputs) -> list[str]:
        """Whether each cell that is typed in holds what it cannot, however it came there."""
        bounds: list[tuple[str, float | None, float | None]] = []
        for own in self.rule.questions:
            for info in own.infos:
                low, high = limits_of(info)
                if low is None and isinstance(own.block, OrdinalBlock):
                    low, high = own.block.levels[0], own.block.levels[-1]
                bounds.append((inputs.values[info.name], low, high))
            if own.name in inputs.numbers:
                bounds.append((inputs.numbers[own.name], 0.0, None))
        return [_outside(cell, low, high) for cell, low, high in bounds]

    def _ranked(self, row: Row, scores: list[str], state: str) -> Answer:
        k = self.size[0]
        every = f"{scores[0]}:{scores[-1]}"
        chances = [
            row.put(f"odds of type {j + 1}", f"EXP({scores[j]}-MAX({every}))") for j in range(k)
        ]
        all_of = f"{chances[0]}:{chances[-1]}"
        best = row.put("type", f"MATCH(MAX({every}),{every},0)")
        others = [
            row.put(f"other than type: {j + 1}", f"IF({best}={j + 1},-1,{chances[j]})")
            for j in range(k)
        ]
        rest = f"{others[0]}:{others[-1]}"
        confidence = row.put("confidence", f"MAX({all_of})/SUM({all_of})")
        following = row.put("next type", f"MATCH(MAX({rest}),{rest},0)")
        second = row.put("next confidence", f"MAX({rest})/SUM({all_of})")
        return Answer(state, best, confidence, following, second, self.names)

    def _factor(self, row: Row, masks: list[str], errors: list[str]) -> dict[tuple[int, int], str]:
        """Upper triangular root of the covariance of what is known."""
        q = self.size[1]
        root: dict[tuple[int, int], str] = {}
        for a in range(q):
            before = "".join(f"-{root[r, a]}*{root[r, a]}" for r in range(a))
            own = f"IF({masks[a]}=1,{self.covariance[a, a]}+{errors[a]}+{self.ridge},1)"
            # Two columns that say the same leave nothing, or less by rounding.
            root[a, a] = row.put("root", f"SQRT(MAX({own}{before},{self.ridge}))")
            for b in range(a + 1, q):
                both = self.covariance[a, b]
                if (a, b) in self.correlation:
                    both += f"+{self.correlation[a, b]}*SQRT({errors[a]}*{errors[b]})"
                before = "".join(f"-{root[r, a]}*{root[r, b]}" for r in range(a))
                shared = f"IF({masks[a]}*{masks[b]}=1,{both},0)"
                root[a, b] = row.put("root", f"({shared}{before})/{root[a, a]}")
        return root

    def _solve(
        self,
        row: Row,
        root: dict[tuple[int, int], str],
        masks: list[str],
        values: list[str],
        j: int,
    ) -> list[str]:
        """Deviations from type j in units of the root."""
        solved: list[str] = []
        for a, (mask, value) in enumerate(zip(masks, values, strict=True)):
            before = "".join(f"-{root[r, a]}*{solved[r]}" for r in range(a))
            own = f"IF({mask}=1,{value}-{self.means[j][a]},0)"
            solved.append(row.put(f"deviation from type {j + 1}", f"({own}{before})/{root[a, a]}"))
        return solved

    def _question(
        self, own: Question, given: dict[str, list[str]], row: Row, inputs: Inputs
    ) -> list[tuple[str, str, str]]:
        """Whether each working column is known, its linked value, and its error variance."""
        block = own.block
        cells = [inputs.values[name] for name in block.features]
        if isinstance(block, OrdinalBlock):
            value = _step(cells[0], given["between"], given["value"])
            return [
                (f"COUNT({cells[0]})", value, _step(cells[0], given["between"], given["error"]))
            ]
        number = inputs.numbers.get(own.name)
        variances = [
            _counted(number, f"{given['single'][at]}/{number}", typical) if number else typical
            for at, typical in enumerate(given["typical"])
        ]
        if isinstance(block, SingleBlock):
            return [(f"COUNT({cells[0]})", _single(block.kind, cells[0]), variances[0])]
        total = row.put(f"{own.name}: total", f"SUM({','.join(cells)})")
        mask = f"IF(COUNT({','.join(cells)})={len(cells)},IF({total}>0,1,0),0)"
        units = given["units"][0]
        if number:
            units = _counted(number, f"{given['each'][0]}*{number}", units)
        rests = row.put(f"{own.name}: units", units)
        logs = [
            row.put(
                f"{own.name}: log of a part",
                f"IF({total}>0,LN(({rests}*{cell}/{total}+{mix})/({rests}+{PSEUDO_COUNTS:g})),0)",
            )
            for cell, mix in zip(cells, given["mix"], strict=True)
        ]
        links = [_weighted(line, logs) for line in contrasts(len(cells)).tolist()]
        return [(mask, link, error) for link, error in zip(links, variances, strict=True)]


def _outside(cell: str, low: float | None, high: float | None) -> str:
    """1 where a cell is neither blank nor a number within limits.

    Examples
    --------
    >>> _outside("B2", None, 5.0)
    'IF(ISNUMBER(B2),IF(AND(B2>=-1e+100,B2<=5.000001),0,1),IF(ISBLANK(B2),0,1))'
    """
    least = -LARGEST if low is None else low - SLACK
    most = LARGEST if high is None else high + SLACK
    within = f"AND({cell}>={least:.15g},{cell}<={most:.15g})"
    return f"IF(ISNUMBER({cell}),IF({within},0,1),IF(ISBLANK({cell}),0,1))"


def _single(kind: str, cell: str) -> str:
    if kind == "arcsine root":
        return f"ASIN(SQRT(MIN(1,MAX(0,{cell}))))"
    if kind == "square root":
        return f"SIGN({cell})*SQRT(ABS({cell}))"
    return cell


def _step(cell: str, between: list[str], values: list[str]) -> str:
    """The value of the level that a cell is nearest to, of two the lower.

    Examples
    --------
    >>> _step("B2", ["1.5", "2.5"], ["10", "20", "30"])
    'IF(B2<=1.5,10,IF(B2<=2.5,20,30))'
    """
    found = values[-1]
    for cut, value in zip(reversed(between), reversed(values[:-1]), strict=True):
        found = f"IF({cell}<={cut},{value},{found})"
    return found


def _counted(number: str, with_it: str, without: str) -> str:
    return f"IF(COUNT({number})=1,IF({number}>0,{with_it},{without}),{without})"


def _weighted(weights: Sequence[float], cells: Sequence[str]) -> str:
    """A weighted sum of cells; those that weigh nothing are left out."""
    terms = [f"({weight!r})*{cell}" for weight, cell in zip(weights, cells, strict=True) if weight]
    return f"({'+'.join(terms)})"
