# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The parts of scripts/vm: initramfs, file servers, QEMU's arguments, the KVM probe, the verdict on
# the kernel's log. RUN is the folder of this run; it goes when the run ends.

VIRTIOFSD=/usr/lib/qemu/virtiofsd
# In this order, with what they depend on; those that are built in are left out.
INITRAMFS_MODULES=(virtio_pci virtio_blk virtio_console fuse virtiofs overlay)
KVM_PROBE_SECONDS=10

# What the kernel prints when something is wrong with it, as an extended regular expression.
KERNEL_REPORTS='BUG:|kernel BUG at|WARNING:|Oops|KASAN|UBSAN|KCSAN|KFENCE|Kernel panic'
KERNEL_REPORTS+='|general protection fault|possible recursive locking|circular locking'
KERNEL_REPORTS+='|inconsistent lock state|inconsistent .* usage|suspicious RCU usage'
KERNEL_REPORTS+='|sleeping function called|scheduling while atomic|Call Trace|detected stalls'
KERNEL_REPORTS+='|self-detected stall|blocked for more than|refcount_t:|list_(add|del) corruption'
KERNEL_REPORTS+='|new suspected memory leaks|unreferenced object'
KERNEL_REPORTS+='|DEBUG_LOCKS_WARN_ON|bad unlock balance'

# make_initramfs FILE: busybox, the modules that lead to the root, and scripts/guest/init. Made once
# for a kernel and a state of these scripts.
make_initramfs() {
    local file=$1 tree=$1.tree name action path modules_root=${KERNEL_MODULES%/lib/modules/*}
    [[ ! -e $file ]] || return 0
    rm -rf "$tree"
    mkdir -p "$tree"/{bin,dev,proc,sys,lower,upper,root,modules,links}
    ln -s /proc/self/fd "$tree/links/fd"
    ln -s fd/0 "$tree/links/stdin"
    ln -s fd/1 "$tree/links/stdout"
    ln -s fd/2 "$tree/links/stderr"
    cp /bin/busybox "$tree/bin/busybox"
    cp "$VEXFS_ROOT/scripts/guest/init" "$tree/init"
    [[ ! -d $KERNEL_MODULES ]] ||
        for name in "${INITRAMFS_MODULES[@]}"; do
            modprobe -d "$modules_root" -S "$KERNEL_VERSION" --show-depends "$name" || true
        done 2>/dev/null >"$tree/modules/list"
    touch "$tree/modules/list"
    while read -r action path _; do
        [[ $action == insmod ]] || continue
        name=${path##*/}
        name=${name%.xz}
        [[ ! -e $tree/modules/$name ]] || continue
        case $path in
        *.xz) xz -dc "$path" >"$tree/modules/$name" ;;
        *) cp "$path" "$tree/modules/$name" ;;
        esac
        printf '%s\n' "$name"
    done <"$tree/modules/list" >"$tree/modules/order"
    pack "$tree" "$file.part"
    mv "$file.part" "$file"
    rm -rf "$tree"
}

pack() { (cd "$1" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$2"; }

# The initramfs for the loaded kernel; its path goes to INITRAMFS.
prepare_initramfs() {
    local state
    state=$(cat "$VEXFS_ROOT/scripts/guest/init" "$VEXFS_ROOT/scripts/lib/vm.sh")
    INITRAMFS=$VEXFS_CACHE/initramfs/$KERNEL_NAME-$(hash_of "$KERNEL_VERSION $KERNEL_IMAGE $state")
    [[ -e $INITRAMFS ]] || {
        mkdir -p "${INITRAMFS%/*}"
        with_lock "${INITRAMFS##*/}" make_initramfs "$INITRAMFS"
    }
}

# print_fstab: what the guest mounts after its root, in this order. What it needs of the host's
# files and would be hidden by a mount of its own comes back through a second view of the root.
print_fstab() {
    local view=/run/vexfs/host path i
    fstab_line devpts /dev/pts devpts mode=0620,ptmxmode=0666
    fstab_line shm /dev/shm tmpfs mode=1777
    fstab_line debugfs /sys/kernel/debug debugfs mode=0700
    fstab_line tracefs /sys/kernel/tracing tracefs mode=0700
    fstab_line / "$view" none bind
    fstab_line tmp /tmp tmpfs mode=1777
    fstab_line /dev/vda /scratch ext4 noinit_itable
    for path in "$@"; do
        case $path in
        /tmp/* | /run/* | /scratch/*)
            [[ ! -e $path ]] || fstab_line "$view$path" "$path" none bind
            ;;
        esac
    done
    for i in "${!JOB_SHARES[@]}"; do
        fstab_line "share$i" "${JOB_SHARES[i]}" virtiofs rw
    done
    [[ ! -d $KERNEL_MODULES ]] ||
        fstab_line "$view$KERNEL_MODULES" "/lib/modules/$KERNEL_VERSION" none bind
}

fstab_line() {
    local from=${1// /\\040} to=${2// /\\040}
    printf '%s %s %s %s,X-mount.mkdir 0 0\n' "$from" "$to" "$3" "$4"
}

# serve_files TAG SOURCE CACHE-MODE [PREFIX...]: one virtiofsd, for a device that gets this TAG.
# PREFIX is a command that runs it.
serve_files() {
    local tag=$1 source=$2 cache=$3 socket=$RUN/$1.socket tries=0
    shift 3
    setpriv --pdeathsig KILL "$@" "$VIRTIOFSD" --socket-path="$socket" -o source="$source" \
        -o cache="$cache" -o sandbox=chroot -o log_level=err -f >"$RUN/$tag.log" 2>&1 </dev/null &
    SERVERS+=($!)
    until [[ -S $socket ]]; do
        kill -0 "${SERVERS[-1]}" 2>/dev/null && ((tries++ < 200)) || {
            cat "$RUN/$tag.log" >&2
            die "virtiofsd does not start for $source (its messages are above)"
        }
        sleep 0.02
    done
    QEMU+=(-chardev "socket,id=$tag,path=$socket"
        -device "vhost-user-fs-pci,queue-size=1024,chardev=$tag,tag=$tag")
}

# The host's files, read-only on this side too where a mount namespace can be had.
serve_host() {
    mkdir "$RUN/host"
    if unshare --mount --propagation unchanged true 2>/dev/null; then
        serve_files host "$RUN/host" always unshare --mount --propagation unchanged \
            "$VEXFS_ROOT/scripts/lib/readonly_root" "$RUN/host"
    else
        say "no mount namespaces here: only the guest itself keeps the host's files read-only"
        serve_files host / always
    fi
}

# machine ACCELERATOR: QEMU's arguments for the bare machine.
machine() {
    local accelerator=$1
    QEMU=("${QEMU_PROGRAM[@]}" -nodefaults -no-user-config -display none -no-reboot
        -kernel "$KERNEL_IMAGE" -m "$MEMORY_MIB" -serial "file:$RUN/console"
        -object "memory-backend-memfd,id=memory,size=${MEMORY_MIB}M,share=on"
        -machine "q35,memory-backend=memory")
    case $accelerator in
    kvm) QEMU+=(-accel kvm -cpu host -smp "$CPUS") ;;
    tcg) QEMU+=("${QEMU_EMULATION[@]}" -smp "$CPUS") ;;
    icount) QEMU+=("${QEMU_EMULATION[@]/multi/single}" -smp 1 -icount shift=0,sleep=off) ;;
    esac
    KERNEL_ARGUMENTS="console=ttyS0 loglevel=7 panic=-1 oops=panic printk.devkmsg=on log_buf_len=4M"
    KERNEL_ARGUMENTS+=" tsc=reliable clocksource=tsc mitigations=off random.trust_cpu=on"
    KERNEL_ARGUMENTS+=" rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=30"
    # What virtiofsd writes into the guest's memory an emulator does not see, and would go on
    # running code that stood there before. A page that is cleared first is no code any more.
    KERNEL_ARGUMENTS+=" init_on_alloc=1"
}

# True when a guest boots with KVM within seconds. Tried once for a kernel and a boot of the host.
kvm_works() {
    local answer
    [[ -r /dev/kvm && -w /dev/kvm ]] || return 1
    answer=$VEXFS_CACHE/kvm/$(hash_of "$(cat /proc/sys/kernel/random/boot_id) $KERNEL_IMAGE")
    [[ -e $answer ]] || with_lock kvm probe_kvm "$answer"
    [[ $(<"$answer") == yes ]]
}

probe_kvm() {
    local answer=$1 result=no
    [[ ! -e $answer ]] || return 0
    say "trying whether a guest boots with KVM (at most $KVM_PROBE_SECONDS s)"
    machine kvm
    (timeout -k 1 "$KVM_PROBE_SECONDS" "${QEMU[@]}" -initrd "$INITRAMFS" \
        -append "$KERNEL_ARGUMENTS vexfs.probe" </dev/null || true) >"$RUN/kvm.log" 2>&1
    ! grep -qs 'vexfs-probe: booted' "$RUN/console" || result=yes
    rm -f "$RUN/console"
    say "KVM $([[ $result == yes ]] && echo works || echo 'does not work: emulation it is')"
    mkdir -p "${answer%/*}"
    echo "$result" >"$answer"
}

# add_devices: /scratch, the ports for the command's output and the report, the job.
add_devices() {
    local port number=0 image=${IMAGE:-$RUN/scratch}
    [[ -e $image ]] ||
        mke2fs -q -t ext4 -i 8192 "$image" "${DISK_MIB}M" >"$RUN/mke2fs.log" 2>&1 || {
        cat "$RUN/mke2fs.log" >&2
        die "cannot make the image for /scratch (messages above)"
    }
    QEMU+=(-drive "if=none,id=scratch,format=raw,cache=unsafe,file=$image"
        -device virtio-blk-pci,drive=scratch -device virtio-serial-pci)
    for port in output errors report; do
        : >"$RUN/$port"
        QEMU+=(-chardev "file,id=$port,path=$RUN/$port"
            -device "virtserialport,nr=$((++number)),chardev=$port,name=$port")
    done
    pack "$RUN/job" "$RUN/job.cpio"
    cat "$INITRAMFS" "$RUN/job.cpio" >"$RUN/initramfs"
    QEMU+=(-initrd "$RUN/initramfs" -append "$KERNEL_ARGUMENTS")
}

# judge_log: false, with the place shown, when the kernel's log has a report.
judge_log() {
    local line
    line=$(grep -anE -m 1 "$KERNEL_REPORTS" "$RUN/console" | cut -d : -f 1) || return 0
    say "the guest's kernel reports (console line $line):"
    sed -n "$((line > 3 ? line - 3 : 1)),$((line + 60))p" "$RUN/console" |
        sed 's/\r$//; s/^/  | /' >&2
    return 1
}

show_log_end() {
    say "the end of the guest's console:"
    tail -n 40 "$RUN/console" | sed 's/\r$//; s/^/  | /' >&2
}
