# SPDX-License-Identifier: Apache-2.0
"""One life of a machine that loses its power. See tests/scripts/powercut.sh.

powercut.py KNOWN look|work: looks at what the lives before have left on /scratch. KNOWN is a file
with the last line that each of them has said before it was cut:

    durable FILES START CURSOR    its files 1 to FILES were durable when the journal ended at
                                  CURSOR; START is where it ended when that life began

Then works until the power goes, and says such lines."""

import json
import os
import sys

from session import Vexfsd, check, check_equal, finish, run

JOURNAL = "/scratch/journal"
WATCHED = "/tmp/watched"
BATCH = 400  # files between two lines


def number_of(cursor):
    return int(cursor.rpartition(":")[2])


def read_all():
    """(the files that were made, in order; gaps) of the whole journal, its numbers checked."""
    tail = run("vexctl", "tail", "--json", "--journal", JOURNAL)
    expected, jumps, made, gaps = 1, [], [], []
    for line in map(json.loads, tail.stdout.splitlines()):
        gap = line.get("gap")
        first, last = (gap["from"], gap["to"]) if gap else (line["seq"], line["seq"])
        if first != expected:
            jumps.append((expected, first))
        expected = last + 1
        if gap:
            gaps.append(gap)
        elif line["op"] == "FileCreate":
            made.append(os.path.basename(line["path"]))
    check_equal("each number is an event or in a gap", jumps, [])
    return made, gaps


def look(lives):
    verified = run("vexctl", "journal", "verify", JOURNAL)
    check("the journal is whole", verified.returncode == 0, verified.stdout + verified.stderr)
    made, gaps = read_all()
    check("nothing is there twice", len(made) == len(set(made)))
    for life, (_, files, start, cursor) in enumerate(lives):
        names = [f"{life}-{number}" for number in range(1, int(files) + 1)]
        check_equal(f"life {life}: the {files} files that were durable are there, in order",
                    [name for name in made if name in set(names)], names)
        first, last = number_of(start) + 1, number_of(cursor)
        lost = [gap for gap in gaps
                if gap["count"] and gap["to"] >= first and gap["from"] <= last]
        check_equal(f"life {life}: nothing that was durable is lost", lost, [])
    reasons = {gap["reason"] for gap in gaps}
    check("what is lost is what a power cut takes", reasons <= {"unclean", "damaged", "rebooted"},
          str(reasons))


def start(lives):
    daemon = Vexfsd("--watch", WATCHED, "--segment-bytes", "1M", "--sync-interval", "0.02",
                    name="cut", journal=JOURNAL)
    began = daemon.sync()
    if lives:
        reasons = [line["gap"]["reason"] for line in daemon.lines("--since", lives[-1][3])
                   if "gap" in line]
        check("readers are told that the machine was started anew", "rebooted" in reasons,
              str(reasons))
    return daemon, began


def work(daemon, began, life):
    number = 0
    while True:
        number += 1
        path = f"{WATCHED}/{life}-{number}"
        with open(path, "w", encoding="ascii") as file:
            file.write("content")
        os.unlink(path)
        if number % BATCH == 0:
            print("durable", number, began, daemon.sync(), flush=True)


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        lives = [line.split() for line in file]
    os.makedirs(WATCHED)
    if lives:
        look(lives)
    if sys.argv[2] == "look":
        finish()
    work(*start(lives), len(lives))


main()
