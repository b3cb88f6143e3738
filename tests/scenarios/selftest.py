# SPDX-License-Identifier: BSD-2-Clause
"""Tests the judgement (judge.py) with made-up reports, and the runner with a made-up strait."""
import json
import os
import subprocess
import sys
import tempfile
import time

import judge
import noise

HERE = os.path.dirname(os.path.abspath(__file__))
WANT = {"ids": ["cpu.antagonist"], "culprit": {"process": ["hog"]}, "victim": {"process": ["db"]}}


def finding(rank, name, severity="high", where=None, chain=None):
    links = [{"id": name, "where": {"process": process}} for process in chain or []]
    return {"rank": rank, "id": name, "severity": severity, "where": where or {}, "chain": links}


def right(rank):
    return finding(rank, "cpu.antagonist", where={"process": "hog"}, chain=["hog", "db"])


def report(*findings, shares=None):
    steps = [{"bottleneck": r, "predicted": {"saved_share": s}} for r, s in (shares or {}).items()]
    return {"bottlenecks": list(findings), "strategy": {"steps": steps}}


def other(rank):
    return finding(rank, "cpu.saturated", where={"process": "x"})


def judgements():
    """(what, expectation, report, passed, rank, false alarm)"""
    healthy = {"healthy": True}
    third = dict(WANT, top=3)
    function = {"ids": ["cpu.hot-function"], "culprit": {"function": ["find_key"]}}
    group = {"ids": ["cpu.quota"], "culprit": {"process": ["wk"], "cgroup": ["g5"]}}
    wrong_victim = finding(1, "cpu.antagonist", where={"process": "hog"}, chain=["hog", "x"])
    in_chain = finding(1, "cpu.antagonist", where={"process": "db"}, chain=["hog", "db"])
    through = dict(WANT, chain=["cpu.antagonist", "lock.user"])
    by_lock = right(1)
    by_lock["chain"].insert(1, {"id": "lock.user", "where": {"process": "db"}})
    hot = finding(1, "cpu.hot-function", where={"process": "p", "function": "find_key"})
    cold = finding(1, "cpu.hot-function", where={"process": "p", "function": "other"})
    quota = finding(1, "cpu.quota", where={"cgroup": "/sys/fs/cgroup/cpu/g5", "process": "wk"})
    alien = finding(1, "cpu.quota", where={"cgroup": "/g5", "process": "someone"})
    return [
        ("right at rank 1", WANT, report(right(1)), True, 1, False),
        ("culprit in the chain", WANT, report(in_chain), True, 1, False),
        ("ranks in any order", WANT, report(other(2), right(1)), True, 1, False),
        ("second is not first", WANT, report(other(1), right(2)), False, 2, False),
        ("second is in the top three", third, report(other(1), right(2)), True, 2, False),
        ("fourth is not", third, report(other(1), other(2), other(3), right(4)), False, 4, False),
        ("nothing found", WANT, report(), False, None, False),
        ("other id", WANT, report(other(1)), False, None, False),
        ("wrong culprit", WANT,
         report(finding(1, "cpu.antagonist", where={"process": "x"}, chain=["x", "db"])), False, None, False),
        ("no culprit", WANT, report(finding(1, "cpu.antagonist", chain=[])), False, None, False),
        ("wrong victim", WANT, report(wrong_victim), False, None, False),
        ("right chain", through, report(by_lock), True, 1, False),
        ("wrong chain", through, report(right(1)), False, None, False),
        ("right function", function, report(hot), True, 1, False),
        ("wrong function", function, report(cold), False, None, False),
        ("cgroup by its path", group, report(quota), True, 1, False),
        ("one right, one wrong", group, report(alien), False, None, False),
        ("healthy, nothing found", healthy, report(), True, None, False),
        ("healthy, low", healthy, report(finding(1, "cpu.saturated", "low")), True, None, False),
        ("healthy, medium", healthy, report(finding(1, "cpu.saturated", "medium")), False, None, True),
        ("healthy, critical second", healthy,
         report(finding(1, "a.b", "low"), finding(2, "c.d", "critical")), False, None, True),
    ]


def judgements_test(check):
    for what, expect, made_up, passed, rank, alarm in judgements():
        verdict = judge.judge(expect, made_up)
        check(what, (verdict.passed, verdict.rank, verdict.false_alarm) == (passed, rank, alarm))
        check(what + ": says why", bool(verdict.why) != verdict.passed)


def malformed_test(check):
    for what, made_up in (
        ("a list", []),
        ("no bottlenecks", {}),
        ("a rank twice", report(right(1), other(1))),
        ("a rank missing", report(right(2))),
        ("an unknown severity", report(finding(1, "a.b", "awful"))),
    ):
        try:
            judge.judge(WANT, made_up)
            check("malformed: " + what, False)
        except judge.Malformed:
            check("malformed: " + what, True)


def figures_test(check):
    made_up = report(right(1), shares={1: 0.25, 2: 0.5})
    check("prediction by rank", judge.predicted_share(made_up, 2) == 0.5)
    check("no prediction", judge.predicted_share(made_up, 3) is None)
    check("null prediction", judge.predicted_share(report(shares={1: None}), 1) is None)
    check("no strategy", judge.predicted_share({}, 1) is None)
    check("measured", judge.measured_share(50, 200) == 0.75)
    check("measured from nothing", judge.measured_share(50, 0) is None)
    check("median odd", judge.median([3, 1, 2]) == 2)
    check("median even", judge.median([4, 1, 2, 3]) == 2.5)
    check("median of none", judge.median([]) is None)
    check("throughput", judge.throughput_of("x\nthroughput: 12.5\n") == 12.5)
    check("throughput not last", judge.throughput_of("throughput: 12.5\nx\n") is None)
    check("throughput nan", judge.throughput_of("throughput: nan\n") is None)


def noise_test(check):
    """A child that computes is the load in one meter and other work in the other."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with_child, without = noise.Meter(child.pid), noise.Meter(-1)
        time.sleep(2)
        used, free = without.others(), with_child.others()
        with open(f"/proc/{child.pid}/stat", encoding="ascii") as file:
            own = sum(int(field) for field in file.read().split()[13:15]) / noise.TICKS / 2
        check("other work is seen", own > 0.05 and abs(used - free - own) < 0.1)
    finally:
        child.kill()
        child.wait()


SCENARIO = """#!/bin/sh
case $1 in
setup) {setup} ;;
load) sleep $(($3 + 1)); [ -z "$4" ] && echo throughput: 50 || echo throughput: 100 ;;
clean) : ;;
esac
"""


def file_write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def runner(directory, made_up, *names):
    """Exit code and output of the runner with a strait that always reports made_up."""
    strait = os.path.join(directory, "strait")
    file_write(os.path.join(directory, "report.json"), json.dumps(made_up))
    file_write(strait, f"#!/bin/sh\nsleep $2\ncat {directory}/report.json\n", 0o755)
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "run"), "--strait", strait, "--scenarios", directory,
         "--dir", directory, "--seconds", "1", "--wait", "0", "--retries", "0", "--fixed",
         "--predictions", os.path.join(directory, "page"), *names],
        capture_output=True, text=True, check=False, timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def runner_test(check):
    with tempfile.TemporaryDirectory() as directory:
        for name, expect, setup in (
            ("one", dict(WANT, fixed=True), ":"),
            ("quiet", {"healthy": True}, ":"),
            ("absent", WANT, "echo needs a thing >&2; exit 77"),
            ("broken", WANT, "echo bad >&2; exit 3"),
        ):
            file_write(os.path.join(directory, name, "expect.json"), json.dumps(expect))
            file_write(os.path.join(directory, name, "scenario"), SCENARIO.replace("{setup}", setup), 0o755)
        page = "a\n<!-- predictions: tests/scenarios/run --fixed --predictions -->\n| old | 1 % |  | x | 5 % | 4 |\n"
        file_write(os.path.join(directory, "page"), page + "<!-- end of predictions -->\nz\n")
        code, text = runner(directory, report(right(1), shares={1: 0.4}), "one", "absent")
        lines = text.splitlines()
        with open(os.path.join(directory, "page"), encoding="utf-8") as file:
            page = file.read()
        check("page: the row", "| one | 40 % |  % |  | 50 % | 10 |" in page)
        check("page: older rows stay", "| old | 1 % |" in page and page.endswith("<!-- end of predictions -->\nz\n"))
        check("page: the median", "Median error: 7 points of saved share, over 2 scenarios." in page)
        check("right: exit 0", code == 0)
        check("right: ok", "ok one rank 1" in lines)
        check("right: skipped says why", "ok absent # skipped: needs a thing" in lines)
        check("right: last line", lines[-1] == "1 passed, 0 failed, 1 skipped")
        check("right: accuracy", "top-1 accuracy: 1 of 1 (100 %)" in lines)
        check("right: error", "median absolute prediction error: 10 points (of 1)" in lines)
        code, text = runner(directory, report(other(1)), "one", "quiet", "broken")
        lines = text.splitlines()
        check("wrong: exit 1", code == 1)
        check("wrong: not ok", any(line.startswith("not ok one:") for line in lines))
        check("wrong: false alarm", any(line.startswith("not ok quiet: false alarm") for line in lines))
        check("wrong: setup failed", any(line.startswith("not ok broken: setup failed") for line in lines))
        check("wrong: last line", lines[-1] == "0 passed, 3 failed, 0 skipped")
        check("wrong: accuracy", "top-1 accuracy: 0 of 1 (0 %)" in lines)


def expectations_test(check):
    """Every expect.json here is well formed, and says fixed where the scenario knows a variant."""
    for name in sorted(os.listdir(HERE)):
        scenario = os.path.join(HERE, name, "scenario")
        if not os.path.exists(scenario):
            continue
        try:
            expect = judge.expect_load(os.path.join(HERE, name, "expect.json"))
        except (judge.Malformed, OSError, ValueError):
            check("expectation of " + name, False)
            continue
        with open(scenario, encoding="utf-8") as file:
            variant = "= fixed ]" in file.read()
        check("expectation of " + name, os.access(scenario, os.X_OK) and variant == expect.get("fixed", False))


def run():
    counts = {True: 0, False: 0}

    def check(what, passed):
        counts[bool(passed)] += 1
        print(("ok " if passed else "not ok ") + what)

    judgements_test(check)
    malformed_test(check)
    figures_test(check)
    expectations_test(check)
    noise_test(check)
    runner_test(check)
    print()
    print(f"{counts[True]} passed, {counts[False]} failed, 0 skipped")
    return 1 if counts[False] else 0
