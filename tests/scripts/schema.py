# SPDX-License-Identifier: Apache-2.0
"""schema.py SCHEMA: judges what vexctl tail prints of real work by the published schemas."""
import copy
import ctypes
import json
import os
import re
import sys

import jsonschema

from vexfsd import Vexfsd, check, skip_without_fuse

RENAME_EXCHANGE = 2
# What a CloudEvents string must not hold.
DISALLOWED = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"


def strict(schema):
    """The schema, with members that it does not know forbidden: the test of its completeness."""
    if isinstance(schema, dict):
        out = {key: strict(value) for key, value in schema.items()}
        if "properties" in out and isinstance(out["properties"], dict):
            out.setdefault("additionalProperties", False)
        return out
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


def work(top):
    """Something of every kind that a mount without the module can show."""
    libc = ctypes.CDLL(None, use_errno=True)
    at = os.fsencode(top) + b"/"
    for name in (b"plain", b"caf\xc3\xa9", b"caf\xe9", b"two\nlines\t\"quoted\" \\", b"x" * 255):
        with open(at + name, "wb") as file:
            file.write(b"text " * 10)
        os.chmod(at + name, 0o640)
        os.chown(at + name, 1, 2)
    os.truncate(at + b"plain", 3)
    with open(at + b"plain", "rb") as file:
        file.read()
        os.fsync(file.fileno())
    os.mkdir(at + b"dir")
    os.mkdir(at + b"dir/deep\xff")
    os.symlink(b"../plain\xfe", at + b"dir/link")
    os.link(at + b"plain", at + b"dir/second")
    os.rename(at + b"plain", at + b"dir/moved")
    os.rename(at + b"dir/moved", at + b"caf\xc3\xa9")  # replaces
    libc.renameat2(-100, at + b"caf\xe9", -100, at + b"caf\xc3\xa9", RENAME_EXCHANGE)
    os.listdir(at + b"dir")
    for attempt in (lambda: os.rmdir(at + b"dir"), lambda: os.unlink(at + b"nothing")):
        try:
            attempt()
        except OSError:
            pass
    os.unlink(at + b"dir/link")
    os.rmdir(at + b"dir/deep\xff")
    os.rename(at + b"dir", at + b"renamed")


def damage(journal):
    """One byte of an entry in the middle becomes another, so that there is a gap."""
    path = f"{journal}/{min(name for name in os.listdir(journal) if name.endswith('.vxj'))}"
    with open(path, "r+b") as file:
        data = file.read()
        at = data.index(b"caf\xe9")
        file.seek(at)
        file.write(b"CAF\xe9")


def judge(validator, lines):
    """The first problem of each line that has one."""
    problems = []
    for line in lines:
        found = jsonschema.exceptions.best_match(validator.iter_errors(line))
        if found is not None:
            problems.append((found.message[:300], json.dumps(line)[:300]))
    return problems


def mutants(lines, required):
    """Lines with one thing wrong: each must be noticed, or the judge is none."""
    event = next(line for line in lines if "seq" in line)
    gap = next(line for line in lines if "gap" in line)
    for key in required:
        yield f"an event without {key}", {k: v for k, v in event.items() if k != key}
    for key in event:
        wrong = copy.deepcopy(event)
        wrong[key] = {"not": "this"}
        yield f"an event with another {key}", wrong
    for key in gap["gap"]:
        wrong = copy.deepcopy(gap)
        wrong["gap"][key] = ["not this"]
        yield f"a gap with another {key}", wrong
    for change in ({"op": "FileCreated"}, {"seq": 0}, {"error": 1}, {"fsid": "12"}, {"extra": 1},
                   {"cursor": "vx1:1"}, {"time": "2026-11-24 12:00"}, {"boundary": "moon"},
                   {"flags": ["director"]}, {"userspace_ops": [{}]}):
        yield f"an event with {change}", {**copy.deepcopy(event), **change}


def attribute_rules(event):
    """What CloudEvents 1.0 asks of the attributes ("Required attributes", "Type system")."""
    if event.get("specversion") != "1.0":
        return "specversion"
    for key, value in event.items():
        if not re.fullmatch("[a-z0-9]{1,20}", key):
            return f"the name {key}"
        if key != "data" and (not isinstance(value, str) or not value):
            return f"the value of {key}"
        if key != "data" and re.search(DISALLOWED, value):
            return f"a character of {key}"
    for key in ("id", "source", "type"):
        if key not in event:
            return f"no {key}"
    if not re.fullmatch(r"//([A-Za-z0-9._~-]|%[0-9a-f]{2})+/vexfs/[0-9a-f-]{36}", event["source"]):
        return "source"
    if not re.fullmatch(r"org\.vexfs\.[A-Za-z]+", event["type"]):
        return "type"
    if "time" in event and not re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", event["time"]):
        return "time"
    return None


def judge_cloud_events(events, lines, validator):
    check("cloud events: as many as lines of JSON", len(events) == len(lines),
          f"{len(events)}, {len(lines)}")
    wrong = [(attribute_rules(e), e) for e in events if attribute_rules(e) is not None]
    check("cloud events: the attributes are as the specification asks", not wrong, wrong[:2])
    check("cloud events: the data is the line", [e["data"] for e in events] == lines)
    check("cloud events: the data fits the schema",
          not judge(validator, [e["data"] for e in events]))
    check("cloud events: each has an id of its own", len({e["id"] for e in events}) == len(events))
    check("cloud events: subjects are the paths",
          all(e.get("subject", "") == line["path"] for e, line in zip(events, lines)
              if "seq" in line and line["path"].isprintable()))
    official = os.environ.get("CLOUDEVENTS_SCHEMA")
    if official is None:
        print("skipped: cloud events by the specification's own schema: "
              "CLOUDEVENTS_SCHEMA names none")
        return
    with open(official, encoding="utf-8") as file:
        schema = json.load(file)
    problems = judge(jsonschema.Draft7Validator(schema), events)
    check("cloud events: they fit the specification's own schema", not problems, problems[:2])
    bad = dict(events[0])
    del bad["id"]
    check("cloud events: that schema refuses one without an id",
          judge(jsonschema.Draft7Validator(schema), [bad]))


def main():
    skip_without_fuse("schemas")
    with open(sys.argv[1], encoding="utf-8") as file:
        published = json.load(file)
    jsonschema.Draft202012Validator.check_schema(published)
    loose = jsonschema.Draft202012Validator(published)
    exact = jsonschema.Draft202012Validator(strict(published))
    with Vexfsd() as daemon:
        work(daemon.mount)
        daemon.ctl("sync")
        snapshot = daemon.lines("tail", "--json", "--snapshot", daemon.mount)
        daemon.stop()
        damage(daemon.journal)
        daemon.start()
        work(daemon.mount + "/renamed")
        daemon.ctl("sync", "--healed")  # what is found comes behind it
        lines = daemon.lines("tail", "--json")
        events = daemon.lines("tail", "--format", "cloudevents")
        problems = judge(loose, lines + snapshot)
        check(f"all {len(lines)} lines fit the schema", not problems, problems[:3])
        problems = judge(exact, lines + snapshot)
        check("the schema knows every member of every line", not problems, problems[:3])
        settled = daemon.lines("tail", "--json", "--settle", "60000")
        problems = judge(exact, settled)
        check(f"the schema knows every member of {len(settled)} settled lines", not problems,
              problems[:3])
        told = sum(line.get("coalesced", 1) + line.get("vanished", 0)
                   for line in settled if "seq" in line)
        read = sum("seq" in line for line in lines)
        check(f"{read} events come to less than half as many lines, and all are counted",
              read - 100 < told <= read and 2 * len(settled) < len(lines),
              (told, read, len(settled)))
        ops = {line["op"] for line in lines if "op" in line}
        losses = {line["gap"]["reason"] for line in lines if "gap" in line}
        check("there were lines of 14 operations and of two kinds of loss",
              len(ops) >= 14 and losses >= {"damaged", "stopped"}, (ops, losses))
        failed = daemon.lines("tail", "--json", "--since", "yesterday", status=2)
        failed += daemon.lines("tail", "--json", "--since",
                               "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:5", status=1)
        check("failures fit it too", len(failed) == 2 and not judge(exact, failed), failed)
        kinds = {next(iter(line)) for line in snapshot}
        check("and of all kinds of a snapshot",
              kinds >= {"snapshot_begin", "r", "snapshot_end"}, kinds)
        for line in snapshot:
            if "r" in line:
                wrong = {"r": {**line["r"], "ino": "1"}}
        unseen = [what for what, line in [*mutants(lines, published["$defs"]["event"]["required"]),
                                       ("a record with another ino", wrong)]
                  if not judge(exact, [line])]
        check("each line with one thing wrong is refused", not unseen, unseen)
        judge_cloud_events(events, lines, exact)


if __name__ == "__main__":
    main()
