# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The one list of Debian packages, by what they are needed for, and how they get installed.

declare -A PACKAGES=(
    # vexfsd, vexctl, libvexfs and the test programs
    [build]="cmake ninja-build g++ pkg-config ccache libfuse3-dev fuse3 liburing-dev libxxhash-dev
        catch2 libfmt-dev libspdlog-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev
        libre2-dev libsystemd-dev libzstd-dev libsqlite3-dev"
    # vexfs.ko; the kernels themselves are unpacked into the cache by lib/kernels.sh
    [kmod]="make gcc libc6-dev libelf-dev kmod xz-utils rsync debian-archive-keyring"
    # a guest; virtiofsd is in qemu-system-common
    [vm]="qemu-system-x86 qemu-system-common busybox-static cpio kmod xz-utils e2fsprogs util-linux
        mount"
    # what the tests and the demo run on the file system, on the host and in the guest
    [test]="git rsync sqlite3 python3 python3-jsonschema strace inotify-tools attr acl procps
        xfsprogs btrfs-progs stress-ng fio"
    # what scripts/bench compares the journal with
    [peers]="libsqlite3-dev librocksdb-dev liblmdb-dev"
    # scripts/check, and sparse for the module
    [check]="git shellcheck sparse"
    # the models of docs/litmus (tests/scripts/litmus.sh)
    [litmus]="spin gcc"
    # a kernel with reports of its own mistakes, built from source (scripts/vm --debug), and the
    # checks that come with its source
    [debug]="flex bison bc libelf-dev libssl-dev dwarves coccinelle ocaml-nox"
    # the headers of kernels from 6.12 on carry BTF
    [btf]="dwarves"
    # a Debian system of a later release, to build modules of its kernels in (lib/root.sh)
    [root]="debootstrap debian-archive-keyring"
)

# missing_packages GROUP...: the packages of these groups that are not installed, one a line.
missing_packages() {
    local group words wanted=()
    for group in "$@"; do
        [[ -v PACKAGES[$group] ]] || usage_error "no package group '$group': ${!PACKAGES[*]}"
        read -ra words -d '' <<<"${PACKAGES[$group]}" || true
        wanted+=("${words[@]}")
    done
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(installed_packages | sort -u)
}

installed_packages() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p'
}

# install_packages GROUP...: installs what is missing and says what. Asks nothing.
install_packages() {
    [[ -e /etc/debian_version ]] && command -v apt-get >/dev/null ||
        die "this is not a Debian system; install by hand what scripts/lib/packages.sh lists"
    [[ -z $(missing_packages "$@") ]] || with_lock apt apt_install_missing "$@"
}

apt_install_missing() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    [[ $(id -u) == 0 ]] || die "needs root to install: ${missing[*]}"
    say "installing: ${missing[*]}"
    if ! apt_knows "${missing[@]}"; then
        apt_quiet update || die "apt-get update failed (above); is the network up?"
    fi
    # Lists that are too old name files that are gone: one fresh look before giving up.
    apt_quiet install "${missing[@]}" ||
        { apt_quiet update && apt_quiet install "${missing[@]}"; } ||
        die "apt-get could not install: ${missing[*]} (its messages are above)"
}

# True when apt's lists have a candidate for each package.
apt_knows() {
    local package
    for package in "$@"; do
        apt-cache policy "$package" 2>/dev/null | grep -q '^ *Candidate: [^(]' || return 1
    done
}

# apt_quiet COMMAND [PACKAGE...]: shows apt's output only when it fails.
apt_quiet() {
    local command=$1 log status=0
    shift
    log=$(mktemp)
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$command" "$@" \
        >"$log" 2>&1 </dev/null || status=$?
    [[ $status == 0 ]] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}
