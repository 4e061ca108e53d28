#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317  # the work_* functions are called by name
# Programs of every day give the same result on the mount as on the directory behind it, and every
# event of theirs arrives: git, a kernel module's build, sqlite3, tar, rsync.
# vm: --timeout 900 --disk 1024
set -uo pipefail

plain=/scratch/plain    # a directory like any other
source=/scratch/source  # the directory behind the mount
mount=/tmp/mount
control=/tmp/vexfsd.sock
failed=0
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'

report() { # report STATUS WHAT
    if [[ $1 == 0 ]]; then
        echo "ok $2"
    else
        echo "not ok $2"
        failed=1
    fi
}

# Names, types, modes, owners, sizes, links and contents of a tree, one line an object.
listing() {
    (
        cd "$1" || exit 1
        # Directories' sizes differ between equals, and git's index holds inode numbers and times.
        find . -path '*/.git/index' -prune -o -type d -printf '%p %y %m %U:%G\n' -o \
            -printf '%p %y %m %U:%G %s %n %l\n' | sort
        find . -path '*/.git/index' -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum
    )
}

same() { # same DIRECTORY WHAT
    if diff <(listing "$plain/$1") <(listing "$mount/$1") >/tmp/difference; then
        report 0 "$2: the same on the mount"
    else
        head -n 10 /tmp/difference
        report 1 "$2: the same on the mount"
    fi
    diff <(listing "$source/$1") <(listing "$mount/$1") >/tmp/difference
    report $? "$2: the same behind the mount"
}

work_git() {
    git -c safe.directory='*' clone -q --no-hardlinks "$VEXFS_ROOT" repo && cd repo &&
        git config user.name t && git config user.email t@example.org && git config gc.auto 0 &&
        git mv README.md MOVED.md && echo text >new && git add new &&
        git commit -q -m change &&
        git checkout -q HEAD~1 && git checkout -q - && git status --porcelain >../status &&
        git fsck --strict --no-progress && git rev-parse HEAD >../revision &&
        # What carries times or is packed in an order of its own.
        rm -rf .git/logs .git/objects
}

work_module() {
    mkdir module && cd module &&
        printf 'obj-m := hello.o\n' >Kbuild &&
        cat >hello.c <<'END' &&
#include <linux/module.h>
static int __init hello_init(void) { pr_info("hello\n"); return 0; }
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_LICENSE("GPL");
END
        make -s -C "/lib/modules/$(uname -r)/build" M="$PWD" modules &&
        # The build id comes from debug data, which names the folder.
        strip -g -R .note.gnu.build-id hello.ko &&
        find . ! -name hello.ko ! -name hello.c -type f -delete
}

work_sqlite() {
    mkdir database && cd database && sqlite3 db.sqlite <<'END' >answer
PRAGMA journal_mode=WAL;
CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)
INSERT INTO t SELECT i, 'word' || (i*7919 % 5000) FROM n;
DELETE FROM t WHERE id % 3 = 0;
PRAGMA journal_mode=DELETE;
CREATE INDEX w ON t(word);
VACUUM;
SELECT count(*), sum(id), max(word) FROM t;
PRAGMA integrity_check;
END
}

work_rsync() {
    mkdir tree && cd tree && mkdir -p a/b 'with space' && echo one >a/one && ln a/one a/b/hard &&
        ln -s ../one a/b/soft && mkfifo a/fifo && chmod 4751 a/one && chown 12:34 a/b/hard &&
        setfattr -n user.note -v text a/one && setfacl -m u:99:rw a/one && echo x >"with space/f" &&
        touch -d @1000000000 a/one "with space" && rsync -aAXH ./ ../copy/ &&
        rsync -aAXHn --delete --itemize-changes ./ ../copy/ >../changes && [[ ! -s ../changes ]]
}

work_tar() {
    mkdir unpacked && cd unpacked &&
        tar -C "$VEXFS_ROOT" -cf - shared docs kmod | tar -xf - &&
        tar -cf archive.tar --sort=name --mtime=@1 --owner=0 --group=0 shared docs kmod
}

run() { # run WHAT DIRECTORY
    local log
    for where in "$plain" "$mount"; do
        log=/tmp/log
        (cd "$where" && "work_$1") >"$log" 2>&1
        local status=$?
        [[ $status == 0 ]] || tail -n 10 "$log"
        report $status "$1 works in ${where##*/}"
    done
    same "$2" "$1"
}

mkdir -p "$plain" "$source" "$mount" /scratch/journal
vexfsd --source "$source" --journal /scratch/journal --socket "$control" --ops all "$mount" ||
    exit 1
run git repo
compiler=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\([^ ]*\) .*/\1/p' \
    "/lib/modules/$(uname -r)/build/.config")
if command -v "$compiler" >/dev/null; then
    run module module
else
    echo "skipped: module: this kernel's modules are built with $compiler, which is not here"
fi
run sqlite database
run rsync tree
same copy "rsync's copy"
run tar unpacked
vexctl --socket "$control" sync >/dev/null
report $? "the daemon answers a barrier afterwards"
summary=$(vexctl --socket "$control" status --json | python3 -c '
import json, sys
stream = json.load(sys.stdin)["stream"]
print("lost %d, without a path %d" % (stream["lost"], stream["no_path"]))
sys.exit(stream["events"] < 1000)')
report $? "thousands of events"
[[ $summary == "lost 0, without a path 0" ]]
report $? "nothing was lost and every path is known ($summary)"

# Changes behind the mount are seen on it at once.
stale=0
for i in $(seq 100); do
    echo "$i" >"$source/changing"
    vexctl --socket "$control" sync >/dev/null
    [[ $(cat "$mount/changing") == "$i" ]] || stale=$((stale + 1))
done
[[ $stale == 0 ]]
report $? "100 changes behind the mount, none of them stale on it (stale: $stale)"

# So are stores through a shared mapping, once it is closed: no write tells of them.
stale=$(python3 - "$source/mapped" "$mount/mapped" "$control" <<'END'
import mmap, subprocess, sys
behind, seen, control = sys.argv[1:]
with open(behind, "wb") as file:
    file.write(bytes(4096))
stale = 0
for number in range(100):
    with open(behind, "r+b") as file, mmap.mmap(file.fileno(), 4096) as area:
        area[0] = number
    subprocess.run(["vexctl", "--socket", control, "sync"], check=True, stdout=subprocess.DEVNULL)
    with open(seen, "rb") as file:
        stale += file.read(1)[0] != number
print(stale)
END
)
[[ $stale == 0 ]]
report $? "100 stores through a mapping behind the mount, none of them stale on it (stale: $stale)"

daemon=$(pgrep -x vexfsd)
kill -TERM "$daemon"
tail --pid="$daemon" -f /dev/null
findmnt "$mount" >/dev/null && unmounted=1 || unmounted=0
report "$unmounted" "unmounted at the end"
exit $failed
