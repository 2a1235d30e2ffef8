"""What an inspection found, as data and as a page of Markdown."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.faults import Fault
from sensorium.core.schema import Schema, schema_description
from sensorium.data.examine import Examined
from sensorium.data.infer import Finding
from sensorium.data.leaks import Leak

_MOST_FAULTS = 20
_MOST_CLASSES = 12


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a table holds, what is wrong with it, and what would be learned from.

    Attributes:
        rows: how many rows.
        findings: each column's kind and role, with the reason and how to say otherwise.
        examined: what the cells of columns with a kind are like.
        schema: what would be learned from what.
        split: the column that names train, valid and test rows.
        leaks: what might leak.
    """

    rows: int
    findings: Mapping[str, Finding]
    examined: Mapping[str, Examined]
    schema: Schema
    split: str | None
    leaks: tuple[Leak, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All damaged cells, in the order of the rows."""
        every = [fault for examined in self.examined.values() for fault in examined.faults]
        return tuple(sorted(every, key=lambda fault: (int(fault.row), fault.column)))

    @property
    def bytes(self) -> int:
        """The clean columns' size in memory, by estimate."""
        return sum(self.examined[name].bytes for name in self._used)

    @property
    def seconds(self) -> float:
        """The time to decode all media once on one core, by measure of a sample."""
        return sum(self.examined[name].seconds for name in self._used)

    @property
    def _used(self) -> list[str]:
        return [n for n, f in self.findings.items() if f.role in ("input", "target")
                and n in self.examined]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON data."""
        columns: dict[str, dict[str, Any]] = {}
        for name, finding in self.findings.items():
            columns[name] = {
                "kind": finding.kind,
                "role": finding.role,
                "field": None if finding.field is None else repr(finding.field),
                "reason": finding.reason,
                "override": finding.override,
            }
            if name in self.examined:
                of = self.examined[name]
                columns[name] |= {"missing": of.missing, "damaged": len(of.faults),
                                  "decoded": of.decoded, "facts": of.facts}  # fmt: skip
        return {
            "rows": self.rows,
            "columns": columns,
            "schema": schema_description(self.schema),
            "split": self.split,
            "faults": [asdict(fault) for fault in self.faults],
            "leaks": [asdict(leak) for leak in self.leaks],
            "memory_bytes": self.bytes,
            "decode_seconds": round(self.seconds, 1),
        }

    def markdown(self) -> str:
        """Lay everything out as Markdown that also reads well as plain text."""
        parts = [
            self._columns(),
            self._facts(),
            self._damage(),
            self._suspicions(),
            self._cost(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _columns(self) -> str:
        lines = [
            f"# {counted(self.rows, 'row')}, {counted(len(self.findings), 'column')}",
            "",
            "| column | kind | role | missing | damaged | why |",
            "|---|---|---|---:|---:|---|",
        ]
        for name, finding in self.findings.items():
            of = self.examined.get(name)
            counts = f"{of.missing:,} | {len(of.faults):,}" if of else " | "
            lines.append(
                f"| {_cell(name)} | {finding.kind or '-'} | {finding.role} | {counts} "
                f"| {_cell(finding.reason)} |"
            )
        first = next(iter(self.findings))
        lines += [
            "",
            f"A kind is wrong? `--kind {first}=text` or `kinds={{{first!r}: 'text'}}`.",
            "A column should not be used? Name those that should: `--inputs A,B`.",
        ]
        if self.split:
            lines.append(f"The column {self.split!r} names the rows to train and to test on.")
        return "\n".join(lines)

    def _facts(self) -> str:
        shown = {name: of.facts for name, of in self.examined.items()
                 if of.facts and self.findings[name].role != "left out"}  # fmt: skip
        lines = [f"- **{name}**: {_told(facts)}" for name, facts in shown.items()]
        return "\n".join(["## What the cells are like", "", *lines]) if lines else ""

    def _damage(self) -> str:
        media = {name: of for name, of in self.examined.items() if of.decoded}
        checked = [f"{of.decoded:,} of {name!r}" for name, of in media.items()]
        note = f"Decoded whole: {', '.join(checked)}; the other files by their headers." if (
            checked and any(of.decoded < self.rows - of.missing for of in media.values())
        ) else ""  # fmt: skip
        note = f"\n\n{note} `--thorough` decodes all." if note else ""
        faults = self.faults
        if not faults:
            return f"## No damaged cells were found{note}"
        lines = [f"- {fault}" for fault in faults[:_MOST_FAULTS]]
        if len(faults) > _MOST_FAULTS:
            lines.append(f"- and {len(faults) - _MOST_FAULTS:,} more")
        return "\n".join([f"## {counted(len(faults), 'damaged cell')}", "", *lines]) + note

    def _suspicions(self) -> str:
        if not self.leaks:
            return "## No leaks are suspected"
        lines = [f"- **{leak.column}** ({leak.kind}): {leak.found}; {leak.advice}."
                 for leak in self.leaks]  # fmt: skip
        return "\n".join(["## Likely leaks", "", *lines])

    def _cost(self) -> str:
        text = f"## Cost\n\nIn memory about {self.bytes / 1e6:,.0f} MB once read"
        if self.seconds:
            text += f"; reading all media takes about {self.seconds:,.0f} s on one core"
        return text + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _told(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in facts.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"least", "middle", "greatest"}:
        least, middle, greatest = (f"{value[k]:,.10g}" for k in ("least", "middle", "greatest"))
        return least if least == greatest else f"{least} to {greatest} (middle {middle})"
    if isinstance(value, Mapping):
        shown = [f"{key} {count:,}" for key, count in list(value.items())[:_MOST_CLASSES]]
        more = ["..."] * (len(value) > _MOST_CLASSES)
        return "(" + ", ".join(shown + more) + ")"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
