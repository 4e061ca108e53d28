# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Packages of any Debian suite, unpacked into a folder: neither installed nor known to the host's
# apt, whose configuration is not touched.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# open_suite SUITE FOLDER: FOLDER gets SUITE's package lists; false when they cannot be had.
open_suite() {
    local suite=$1 folder=$2 mirror
    mirror=$(debian_mirror)
    mkdir -p "$folder/debs" "$folder/lists/partial" "$folder/apt" "$folder/root"
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$mirror" "$suite" >"$folder/sources"
    suite_apt "$folder" apt-get update
}

# unpack_packages FOLDER PACKAGE...: just these, without what they depend on, into FOLDER/root.
unpack_packages() {
    local folder=$1 deb
    shift
    (cd "$folder/debs" && suite_apt "$folder" apt-get download "$@") || return 1
    for deb in "$folder/debs"/*.deb; do
        dpkg -x "$deb" "$folder/root"
    done
}

# close_suite FOLDER: leaves only what was unpacked.
close_suite() { rm -rf "$1/lists" "$1/apt" "$1/debs" "$1/sources"; }

# The mirror that this machine uses for Debian itself.
debian_mirror() {
    local mirror
    # shellcheck disable=SC2016  # apt's own variables
    mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian //p' | head -n 1)
    [[ -n $mirror ]] || die "apt's sources have no Debian mirror"
    printf '%s\n' "$mirror"
}

# suite_apt FOLDER COMMAND...: apt with the source list, package lists and cache of FOLDER.
suite_apt() {
    local folder=$1 command=$2
    shift 2
    "$command" -qq -o Dir::Etc::sourcelist="$folder/sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/apt" \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}
