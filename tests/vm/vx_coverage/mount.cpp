// SPDX-License-Identifier: Apache-2.0
// Coverage: mounts. The object of the event is the mount point: the directory that is covered.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

// A stage with a directory to mount on. What was mounted is gone when the case is over.
class Stage {
  public:
    Stage(Scene& s, const char* name) : s_(s), name_(name) {
        s.make_dir(name);
        before_ = look(path());
    }
    ~Stage() {
        while (::umount2(path().c_str(), MNT_DETACH) == 0) {
        }
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] std::string path() const { return s_.at(name_); }
    void mount_tmpfs() { s_.ok(::mount("source", path().c_str(), "tmpfs", 0, nullptr), "mount"); }
    // `how`: the flags of mount(2).
    Want& want_mount(std::string_view text, std::uint32_t flags = 0, std::uint64_t how = 0) {
        return s_.want(VX_OP_MOUNT, name_, VX_F_DIRECTORY | flags)
            .of(before_)
            .text(text)
            .range(how, 0);
    }
    Want& want_unmount(std::uint32_t flags = 0) {
        Want& want = s_.want(VX_OP_UNMOUNT, name_, VX_F_DIRECTORY | flags)
                         .of(before_)
                         .range((flags & VX_F_LAZY) != 0 ? MNT_DETACH : 0, 0);
        want.attributes = false;
        return want;
    }

  private:
    Scene& s_;
    const char* name_;
    Object before_;
};

void mounted(Scene& s) {
    Stage stage(s, "m");
    s.begin();
    s.ok(::mount("source", stage.path().c_str(), "tmpfs", MS_NOSUID, nullptr), "mount");
    stage.want_mount("tmpfs:source", 0, MS_NOSUID);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void bound(Scene& s) {
    Stage stage(s, "m");
    s.make_dir("d");
    s.begin();
    s.ok(::mount(s.at("d").c_str(), stage.path().c_str(), nullptr, MS_BIND, nullptr), "bind");
    stage.want_mount(":" + s.at("d"), VX_F_BIND, MS_BIND);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void bound_with_all_below(Scene& s) {
    Stage stage(s, "m");
    s.make_dir("d");
    Stage below(s, "d/n");
    below.mount_tmpfs();
    s.begin();
    s.ok(::mount(s.at("d").c_str(), stage.path().c_str(), nullptr, MS_BIND | MS_REC, nullptr),
         "bind");
    // One: what comes along below it is told by no event.
    stage.want_mount(":" + s.at("d"), VX_F_BIND, MS_BIND | MS_REC);
    s.ok(::umount2(stage.path().c_str(), MNT_DETACH), "umount2");
    stage.want_unmount(VX_F_LAZY);
    s.ok(::umount(below.path().c_str()), "umount below");
    below.want_unmount();
}

// The disk that /scratch is on, once more.
void block_device(Scene& s) {
    std::string device;
    std::string point;
    std::string rest;
    for (std::ifstream mounts("/proc/self/mounts"); mounts >> device >> point;) {
        if (point == "/scratch") {
            break;
        }
        std::getline(mounts, rest);
    }
    Stage stage(s, "m");
    s.begin();
    s.ok(::mount(device.c_str(), stage.path().c_str(), "ext4", MS_NODEV, nullptr), "mount");
    stage.want_mount("ext4:" + device, 0, MS_NODEV);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void remounted(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    s.begin();
    s.ok(::mount(nullptr, stage.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
         "remount");
    stage.want_mount(":", VX_F_REMOUNT, MS_REMOUNT | MS_RDONLY);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void moved(Scene& s) {
    Stage from(s, "m");
    Stage to(s, "n");
    // A shared mount above would refuse it.
    s.ok(::mount(s.directory().c_str(), s.directory().c_str(), nullptr, MS_BIND, nullptr), "bind");
    s.ok(::mount(nullptr, s.directory().c_str(), nullptr, MS_PRIVATE, nullptr), "private");
    from.mount_tmpfs();
    s.begin();
    s.ok(::mount(from.path().c_str(), to.path().c_str(), nullptr, MS_MOVE, nullptr), "move");
    to.want_mount("tmpfs:tmpfs", VX_F_MOVE);
    s.ok(::umount(to.path().c_str()), "umount");
    to.want_unmount();
    s.ok(::umount2(s.directory().c_str(), MNT_DETACH), "umount of the bind mount");
    s.want(VX_OP_UNMOUNT, "", VX_F_DIRECTORY | VX_F_LAZY).range(MNT_DETACH, 0).attributes = false;
}

void new_api(Scene& s) {
    Stage stage(s, "m");
    const int fs = s.keep(s.ok(::fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen"));
    s.ok(::fsconfig(fs, FSCONFIG_SET_STRING, "source", "source", 0), "fsconfig");
    s.ok(::fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig");
    const int mnt = s.ok(::fsmount(fs, FSMOUNT_CLOEXEC, 0), "fsmount");
    s.begin();
    s.ok(::move_mount(mnt, "", AT_FDCWD, stage.path().c_str(), MOVE_MOUNT_F_EMPTY_PATH),
         "move_mount");
    ::close(mnt);
    stage.want_mount("tmpfs:tmpfs");
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void new_api_bind(Scene& s) {
    Stage stage(s, "m");
    s.make_dir("d");
    const int tree =
        s.ok(::open_tree(AT_FDCWD, s.at("d").c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), "tree");
    s.begin();
    s.ok(::move_mount(tree, "", AT_FDCWD, stage.path().c_str(), MOVE_MOUNT_F_EMPTY_PATH),
         "move_mount");
    ::close(tree);
    Want& want = stage.want_mount("");
    want.name2 = "*";  // type and name of this file system
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void lazy(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    s.make("m/f");  // open: an unmount that is not lazy would fail
    s.begin();
    s.fails(::umount(stage.path().c_str()), EBUSY, "umount");
    s.ok(::umount2(stage.path().c_str(), MNT_DETACH), "umount2");
    stage.want_unmount(VX_F_LAZY);
}

// What is mounted below goes along, and is told by no event.
void lazy_with_all_below(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    s.make_dir("m/n");
    s.ok(::mount("source", s.at("m/n").c_str(), "tmpfs", 0, nullptr), "mount");
    s.begin();
    s.fails(::umount(stage.path().c_str()), EBUSY, "umount");
    s.ok(::umount2(stage.path().c_str(), MNT_DETACH), "umount2");
    stage.want_unmount(VX_F_LAZY);
}

// Options changed by the new calls.
void picked(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    const int fs = s.keep(
        s.ok(::fspick(AT_FDCWD, stage.path().c_str(), FSPICK_CLOEXEC), "fspick"));
    s.begin();
    s.ok(::fsconfig(fs, FSCONFIG_SET_FLAG, "ro", nullptr, 0), "fsconfig");
    s.ok(::fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0), "fsconfig");
    s.ok(::umount2(stage.path().c_str(), MNT_DETACH), "umount2");
    stage.want_unmount(VX_F_LAZY);
}

void attributes_set(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    struct mount_attr attributes {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    s.begin();
    s.ok(::mount_setattr(AT_FDCWD, stage.path().c_str(), 0, &attributes, sizeof(attributes)),
         "mount_setattr");
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount();
}

void failing(Scene& s) {
    Stage stage(s, "m");
    s.begin();
    s.fails(::mount("x", stage.path().c_str(), "no such type", 0, nullptr), ENODEV, "mount");
    s.fails(::umount(stage.path().c_str()), EINVAL, "umount");
}

constexpr Case kCases[] = {
    {"mount/mount and umount", mounted, true},
    {"mount/bind", bound, true},
    {"mount/bind with all below", bound_with_all_below, true},
    {"mount/block device", block_device, true},
    {"mount/remount", remounted, true},
    {"mount/move", moved, true},
    {"mount/fsmount and move_mount", new_api, true},
    {"mount/open_tree and move_mount", new_api_bind, true},
    {"mount/lazy umount", lazy, true},
    {"mount/lazy umount with all below", lazy_with_all_below, true},
    {"mount/that fails", failing, true},
    {"unseen/fspick and fsconfig", picked, true},
    {"unseen/mount_setattr", attributes_set, true},
};

}  // namespace

std::span<const Case> mount_cases() {
    return kCases;
}

}  // namespace vexfs::vm
