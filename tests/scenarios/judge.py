# SPDX-License-Identifier: BSD-2-Clause
"""Judges a report (docs/json.md) against a scenario's expect.json. Runs nothing, prints nothing.

expect.json:
  healthy   true: nothing may be found above severity low. Else:
  ids       accepted finding ids, any of them
  top       the rank that is good enough: 1 (default) or 3
  culprit   {"process": [names], "function": […], "cgroup": […], …}: who must be named as the cause;
            empty: not judged
  victim    the same, who must be named as the one that suffers; absent: not judged
  chain     [words]: links that its chain must lead through; absent: not judged
  fixed     true: the scenario has a fixed variant
"""
import json
import math

KEYS = {"healthy", "ids", "top", "culprit", "victim", "chain", "fixed"}
SEVERITIES = ("low", "medium", "high", "critical")


class Malformed(Exception):
    """An expectation or a report that breaks its contract."""


def expect_load(path):
    with open(path, encoding="utf-8") as file:
        expect = json.load(file)
    unknown = set(expect) - KEYS
    if unknown:
        raise Malformed(f"{path}: unknown key {sorted(unknown)[0]}")
    if not expect.get("healthy") and not expect.get("ids"):
        raise Malformed(f"{path}: neither healthy nor ids")
    if expect.get("top", 1) not in (1, 3):
        raise Malformed(f"{path}: top is 1 or 3")
    return expect


def findings_of(report):
    """The findings by rank; ranks must be 1, 2, 3, …"""
    findings = report.get("bottlenecks") if isinstance(report, dict) else None
    if not isinstance(findings, list):
        raise Malformed("the report has no list of bottlenecks")
    findings = sorted(findings, key=lambda f: f.get("rank", 0))
    for rank, finding in enumerate(findings, 1):
        if finding.get("rank") != rank:
            raise Malformed(f"rank {rank} is missing or there twice")
        if finding.get("severity") not in SEVERITIES:
            raise Malformed(f"rank {rank} has no known severity: {finding.get('severity')!r}")
        if not isinstance(finding.get("id"), str):
            raise Malformed(f"rank {rank} has no id")
    return findings


def place_matches(place, wanted):
    """One wanted key is named right and none is named wrong. Paths compare by their last part."""
    right = False
    for key, names in wanted.items():
        value = (place or {}).get(key)
        if value is None:
            continue
        if str(value) not in names and str(value).rstrip("/").rsplit("/", 1)[-1] not in names:
            return False
        right = True
    return right


def culprit_matches(finding, wanted):
    """The cause is where the finding is, or the first link of its chain."""
    chain = finding.get("chain") or []
    places = [finding.get("where")] + [link.get("where") for link in chain[:1]]
    return not wanted or any(place_matches(place, wanted) for place in places)


def victim_matches(finding, wanted):
    """The victim is the last link of the chain."""
    chain = finding.get("chain") or []
    return not wanted or bool(chain) and place_matches(chain[-1].get("where"), wanted)


def chain_matches(finding, wanted):
    """Every wanted word is the id of a link."""
    return set(wanted or []) <= {link.get("id") for link in finding.get("chain") or []}


def finding_matches(finding, expect):
    return (
        finding["id"] in expect["ids"]
        and culprit_matches(finding, expect.get("culprit"))
        and victim_matches(finding, expect.get("victim"))
        and chain_matches(finding, expect.get("chain"))
    )


def finding_text(finding):
    where = finding.get("where") or {}
    named = [str(where[key]) for key in ("process", "function", "device") if where.get(key)]
    return " ".join([finding["id"]] + named)


class Verdict:
    """passed; rank of the expected finding or None; false_alarm; why, for a failure."""

    def __init__(self, passed, rank=None, false_alarm=False, why=""):
        self.passed, self.rank, self.false_alarm, self.why = passed, rank, false_alarm, why


def judge(expect, report):
    findings = findings_of(report)
    if expect.get("healthy"):
        loud = [f for f in findings if f["severity"] != "low"]
        if not loud:
            return Verdict(True)
        return Verdict(False, None, True, f"false alarm: {loud[0]['severity']} {finding_text(loud[0])}")
    top = expect.get("top", 1)
    for finding in findings:
        if finding_matches(finding, expect):
            rank = finding["rank"]
            if rank <= top:
                return Verdict(True, rank)
            return Verdict(False, rank, False, f"at rank {rank}, first is {finding_text(findings[0])}")
    why = "/".join(expect["ids"]) + " not found"
    for finding in findings:
        if finding["id"] in expect["ids"]:
            what = "culprit"
            if culprit_matches(finding, expect.get("culprit")):
                what = "victim" if not victim_matches(finding, expect.get("victim")) else "chain"
            why = f"wrong {what} in {finding_text(finding)} at rank {finding['rank']}"
            break
    first = finding_text(findings[0]) if findings else "nothing"
    return Verdict(False, None, False, f"{why}, first is {first}")


def predicted_step(report, rank):
    """What the strategy predicts for the finding of this rank; empty where there is no step for it."""
    for step in (report.get("strategy") or {}).get("steps") or []:
        if step.get("bottleneck") == rank:
            return step.get("predicted") or {}
    return {}


def predicted_share(report, rank):
    """The saved share that the strategy predicts for the finding of this rank, or None."""
    share = predicted_step(report, rank).get("saved_share")
    if isinstance(share, (int, float)) and math.isfinite(share):
        return float(share)
    return None


def measured_share(before, after):
    """1 − throughput before / throughput after: the share of the work's time that the fix removed."""
    if before is None or after is None or after <= 0:
        return None
    return 1 - before / after


def median(values):
    values = sorted(values)
    if not values:
        return None
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def throughput_of(text):
    """N of the last line, which must be `throughput: N`; None where it is not."""
    lines = text.strip().splitlines()
    if not lines or not lines[-1].startswith("throughput: "):
        return None
    try:
        value = float(lines[-1].split(": ", 1)[1])
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
