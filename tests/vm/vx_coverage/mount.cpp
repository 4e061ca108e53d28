// SPDX-License-Identifier: Apache-2.0
// Coverage: mounts. The object of the event is the mount point: the directory that is covered.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

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
    Want& want_mount(std::string_view text, std::uint32_t flags = 0) {
        return s_.want(VX_OP_MOUNT, name_, VX_F_DIRECTORY | flags).of(before_).text(text);
    }
    Want& want_unmount(std::uint32_t flags = 0) {
        return s_.want(VX_OP_UNMOUNT, name_, VX_F_DIRECTORY | flags).of(before_);
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
    Want& want = stage.want_mount("tmpfs:source");
    want.offset = MS_NOSUID;
    want.length = 0;
    s.ok(::umount(stage.path().c_str()), "umount");
    Want& gone = stage.want_unmount();
    gone.attributes = false;
}

void bound(Scene& s) {
    Stage stage(s, "m");
    s.make_dir("d");
    s.begin();
    s.ok(::mount(s.at("d").c_str(), stage.path().c_str(), nullptr, MS_BIND, nullptr), "bind");
    stage.want_mount(":" + s.at("d"), VX_F_BIND);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount().attributes = false;
}

void remounted(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    s.begin();
    s.ok(::mount(nullptr, stage.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
         "remount");
    stage.want_mount(":", VX_F_REMOUNT);
    s.ok(::umount(stage.path().c_str()), "umount");
    stage.want_unmount().attributes = false;
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
    Want& want = to.want_mount("tmpfs:tmpfs", VX_F_MOVE);
    want.name2.clear();
    want.name2 = "tmpfs:tmpfs";
    s.ok(::umount(to.path().c_str()), "umount");
    to.want_unmount().attributes = false;
    s.ok(::umount2(s.directory().c_str(), MNT_DETACH), "umount of the bind mount");
    s.want(VX_OP_UNMOUNT, "", VX_F_DIRECTORY | VX_F_LAZY).attributes = false;
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
    stage.want_unmount().attributes = false;
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
    stage.want_unmount().attributes = false;
}

void lazy(Scene& s) {
    Stage stage(s, "m");
    stage.mount_tmpfs();
    s.make("m/f");  // open: an unmount that is not lazy would fail
    s.begin();
    s.fails(::umount(stage.path().c_str()), EBUSY, "umount");
    s.ok(::umount2(stage.path().c_str(), MNT_DETACH), "umount2");
    stage.want_unmount(VX_F_LAZY).attributes = false;
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
    {"mount/remount", remounted, true},
    {"mount/move", moved, true},
    {"mount/fsmount and move_mount", new_api, true},
    {"mount/open_tree and move_mount", new_api_bind, true},
    {"mount/lazy umount", lazy, true},
    {"mount/that fails", failing, true},
};

}  // namespace

std::span<const Case> mount_cases() {
    return kCases;
}

}  // namespace vexfs::vm
