#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel's own tools say of the module's source: sparse, and with the kernel's source
# (which is there once scripts/vm --debug has built from it) checkpatch and its semantic patches.
# Each must find a mistake that is made on purpose.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
# shellcheck source=../../scripts/lib/common.sh
source "$ROOT/scripts/lib/common.sh"
for part in packages suite kernels debug_kernel; do
    # shellcheck source=/dev/null
    source "$ROOT/scripts/lib/$part.sh"
done

# What checkpatch has against tables that a macro walks through (op_table.h), against attributes in
# what user space compiles too, and against the window of supported kernels in compat.h.
IGNORED=COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL
IGNORED+=,TRAILING_SEMICOLON,PREFER_DEFINED_ATTRIBUTE_MACRO,LINUX_VERSION_CODE,SPLIT_STRING
SOURCES=("$ROOT"/kmod/*.[ch] "$ROOT"/kmod/compat/*.[ch]
    "$ROOT"/shared/*.[ch] "$ROOT"/shared/abi/*.h)
# Only the reader's half, which the kernel does not build.
SOURCES=("${SOURCES[@]/*ring_reader*/}")

# A copy of what builds the module, with a mistake in one file of it.
copy_with() {
    rm -rf "$WORK/copy" && mkdir "$WORK/copy" && cp -r "$ROOT"/{Kbuild,kmod,shared} "$WORK/copy"
    cat >>"$WORK/copy/kmod/place.c"
}

# Every file of the folder is looked at, built or not.
run_sparse() {
    (load_kernel "$DEFAULT_KERNEL" >&2 && make -C "$KERNEL_BUILD" M="$1" C=2 CHECK=sparse modules) \
        >"$WORK/sparse" 2>&1 || { cat "$WORK/sparse" && return 1; }
    ! grep -E "^$1/.*(warning|error):" "$WORK/sparse"
}
finds() { ! "$@"; }

run_checkpatch() {
    perl "$KERNEL_SOURCE/scripts/checkpatch.pl" --no-tree --quiet --terse --file --show-types \
        --max-line-length=100 --ignore="$IGNORED" "$@"
}

# run_coccinelle FOLDER [MAKE-ARGUMENT...]
run_coccinelle() {
    local folder=$1
    shift
    make -C "$KERNEL_SOURCE" --no-print-directory coccicheck MODE=report M="$folder" \
        DEBUG_FILE=/dev/null "$@" >"$WORK/cocci" 2>&1 ||
        { tail -n 20 "$WORK/cocci" && return 1; }
    ! grep -E "^$folder/.*\.[ch]:[0-9]+" "$WORK/cocci"
}

install_packages kmod check
copy_with </dev/null
check "sparse has nothing to say" run_sparse "$WORK/copy"
copy_with <<'END'
int vx_mistake(const char __user *from);
int vx_mistake(const char __user *from)
{
	return *from;
}
END
check "sparse sees user memory that is read as if it were ours" finds run_sparse "$WORK/copy"

KERNEL_SOURCE=$(debug_kernel_source "$DEFAULT_KERNEL-debug")
[[ -n $KERNEL_SOURCE ]] || {
    echo "skipped: checkpatch, coccinelle: only with the kernel's source (scripts/vm --debug)"
    exit "$FAILED"
}
install_packages debug
# shellcheck disable=SC2068  # empty ones vanish
check "checkpatch has nothing to say" run_checkpatch ${SOURCES[@]}
printf '/* SPDX-License-Identifier: GPL-2.0-only */\nint  vx_mistake( void ) ;\n' >"$WORK/mistake.h"
check "checkpatch sees bad style" finds run_checkpatch "$WORK/mistake.h"
copy_with </dev/null
check "the semantic patches have nothing to say" run_coccinelle "$WORK/copy"
copy_with <<'END'
#include <linux/slab.h>
void vx_mistake(void *p);
void vx_mistake(void *p)
{
	if (p)
		kfree(p);
}
END
check "they see a check that kfree() makes itself" \
    finds run_coccinelle "$WORK/copy" COCCI=scripts/coccinelle/free/ifnullfree.cocci
exit "$FAILED"
