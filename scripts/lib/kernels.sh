# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by those who source it
# SPDX-License-Identifier: Apache-2.0
# The kernels to build for and to boot. None is installed on the host: Debian's packages are
# unpacked into the cache, image, modules and headers of one version side by side.
#
# load_kernel NAME sets:
#   KERNEL_NAME     a file-name-safe name: 6.1, or one derived from the path
#   KERNEL_VERSION  what uname -r says in it
#   KERNEL_IMAGE    the bootable image
#   KERNEL_MODULES  the folder that modprobe wants at /lib/modules/$KERNEL_VERSION
#   KERNEL_BUILD    the folder that "make -C" wants
# NAME is a row of KERNEL_SUITES; or one of DEBUG_SOURCES (lib/debug_kernel.sh); or a folder with an
# unpacked kernel (lib/modules/VERSION, a vmlinuz and usr/src/linux-headers-VERSION); or a kernel's
# own build folder.

DEFAULT_KERNEL=6.1
# The Debian suite that has it; its cloud flavour is taken.
declare -A KERNEL_SUITES=([6.1]=bookworm [6.12]=bookworm-backports)
# Why a kernel that one may ask for is not there.
declare -A KERNEL_MISSING=(
    [7.3]="its modules must be built in a Debian 13 root, which is not set up here yet"
    [6.12-debug]="no debug kernel is built here yet"
)
# Groups of lib/packages.sh that its headers need besides "kmod".
declare -A KERNEL_NEEDS=([6.12]=btf)

load_kernel() {
    local name=$1 folder
    if [[ -v KERNEL_SUITES[$name] ]]; then
        folder=$VEXFS_CACHE/kernels/$name
        if [[ ! -e $folder/env ]]; then
            install_packages kmod
            with_lock "kernel-$name" fetch_kernel "$name" "$folder"
        fi
        # shellcheck source=/dev/null
        source "$folder/env"
    elif [[ -v DEBUG_SOURCES[$name] ]]; then
        load_debug_kernel "$name"
    elif [[ -d $name ]]; then
        load_kernel_folder "$(cd "$name" && pwd -P)"
    else
        die "no kernel '$name'${KERNEL_MISSING[$name]:+ (${KERNEL_MISSING[$name]})}: there are" \
            "${!KERNEL_SUITES[*]}, and any folder with a kernel in it"
    fi
}

load_kernel_folder() {
    local folder=$1 release
    KERNEL_NAME=${folder##*/}-$(hash_of "$folder")
    release=$folder/include/config/kernel.release
    if [[ -e $release ]]; then
        KERNEL_VERSION=$(<"$release")
        KERNEL_IMAGE=$folder/arch/x86/boot/bzImage
        KERNEL_MODULES=$folder/modules-installed/lib/modules/$KERNEL_VERSION
        KERNEL_BUILD=$folder
    else
        describe_unpacked "$folder"
    fi
    [[ -e $KERNEL_IMAGE ]] || die "no kernel image in $folder: ${KERNEL_IMAGE:-vmlinuz*}"
}

# describe_unpacked FOLDER: fills the KERNEL_ variables from what is in an unpacked kernel.
describe_unpacked() {
    local folder=$1 modules
    modules=$(find "$folder" -maxdepth 5 -type d -path '*lib/modules/*' -name '[0-9]*' | head -n 1)
    [[ -n $modules ]] || die "no lib/modules/VERSION in $folder"
    KERNEL_MODULES=$modules
    KERNEL_VERSION=${modules##*/}
    KERNEL_IMAGE=$(find "$folder" -maxdepth 5 -name 'vmlinuz*' -type f | head -n 1)
    KERNEL_BUILD=$folder/usr/src/linux-headers-$KERNEL_VERSION
}

fetch_kernel() {
    local name=$1 folder=$2 suite=${KERNEL_SUITES[$1]} part=$2.part
    [[ ! -e $folder/env ]] || return 0
    say "fetching kernel $name from Debian's $suite into $folder"
    rm -rf "$part" "$folder"
    open_suite "$suite" "$part" || die "no package lists for $suite; is the network up?"
    mapfile -t packages < <(kernel_packages "$part")
    [[ ${#packages[@]} -ge 3 ]] || die "$suite has no complete kernel: ${packages[*]:-nothing}"
    unpack_packages "$part" "${packages[@]}" || die "could not download ${packages[*]}"
    close_suite "$part"
    mv "$part" "$folder"
    settle_kernel "$folder/root"
    KERNEL_NAME=$name
    describe_unpacked "$folder/root"
    declare -p KERNEL_NAME KERNEL_VERSION KERNEL_IMAGE KERNEL_MODULES KERNEL_BUILD |
        sed 's/^declare -- //' >"$folder/env.part"
    mv "$folder/env.part" "$folder/env"
    say "kernel $name is $KERNEL_VERSION"
}

# kernel_packages FOLDER: the image, and the headers with all that they are made of.
kernel_packages() {
    local folder=$1 todo package seen=
    package_depends "$folder" linux-image-cloud-amd64 | grep '^linux-image-[0-9]'
    mapfile -t todo < <(package_depends "$folder" linux-headers-cloud-amd64)
    while [[ ${#todo[@]} -gt 0 ]]; do
        package=${todo[0]}
        todo=("${todo[@]:1}")
        [[ $package =~ ^linux-(headers|kbuild|compiler)- ]] || continue
        [[ " $seen " != *" $package "* ]] || continue
        seen+=" $package"
        printf '%s\n' "$package"
        mapfile -t -O "${#todo[@]}" todo < <(package_depends "$folder" "$package")
    done
}

package_depends() {
    suite_apt "$1" apt-cache show --no-all-versions "$2" |
        sed -n 's/^Depends: //p' | tr , '\n' | sed 's/^ *//; s/ .*//'
}

# What the packages' own scripts would do, and paths that name the place where they would be.
settle_kernel() {
    local root=$1 version modules
    modules=$(find "$root" -type d -path '*lib/modules/*' -name '[0-9]*' -prune | head -n 1)
    version=${modules##*/}
    ln -sfn "$root/usr/src/linux-headers-$version" "$modules/build"
    rm -f "$modules/source"
    sed -i "s|^include /usr/src/|include $root/usr/src/|" \
        "$root/usr/src/linux-headers-$version/Makefile"
    [[ -d $root/lib ]] || ln -s usr/lib "$root/lib"
    depmod -b "$root" "$version"
}
