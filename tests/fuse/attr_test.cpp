// SPDX-License-Identifier: Apache-2.0
// Attributes, owners, rights and extended attributes are those of the backing file system.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr uid_t kUser = 4000;
constexpr gid_t kGroup = 4001;
constexpr gid_t kExtra = 4002;

void check_equal(const std::string& one, const std::string& other) {
    const struct stat a = stat_of(one);
    const struct stat b = stat_of(other);
    INFO(one);
    CHECK(a.st_ino == b.st_ino);
    CHECK(a.st_mode == b.st_mode);
    CHECK(a.st_nlink == b.st_nlink);
    CHECK(a.st_uid == b.st_uid);
    CHECK(a.st_gid == b.st_gid);
    CHECK(a.st_rdev == b.st_rdev);
    CHECK(a.st_size == b.st_size);
    CHECK(a.st_blocks == b.st_blocks);
    CHECK(a.st_mtim.tv_sec == b.st_mtim.tv_sec);
    CHECK(a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
    CHECK(a.st_ctim.tv_nsec == b.st_ctim.tv_nsec);
}

mode_t mode_of(const std::string& path) {
    return stat_of(path).st_mode & 07777;
}

}  // namespace

TEST_CASE("stat says the same on the mount and behind it, whatever was done before") {
    NEEDS_FUSE("stat equality");
    Mounted m([](fuse::MountOptions& o) { o.healthy = true; });
    write_file(m.at("f"), "text");
    ::mkdir(m.at("d").c_str(), 0755);
    ::symlink("f", m.at("l").c_str());
    ::link(m.at("f").c_str(), m.at("d/f2").c_str());
    ::chmod(m.at("f").c_str(), 0640);
    ::lchown(m.at("l").c_str(), 7, 8);
    const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 6}};
    ::utimensat(AT_FDCWD, m.at("d/f2").c_str(), times, 0);
    ::truncate(m.at("f").c_str(), 100000);
    for (const char* name : {"f", "d", "l", "d/f2"}) {
        check_equal(m.at(name), m.behind(name));
    }
    check_equal(m.tree.point(), m.tree.source());
    ::rename(m.at("f").c_str(), m.at("d/g").c_str());
    ::unlink(m.at("d/f2").c_str());
    for (const char* name : {"d/g", "d"}) {
        check_equal(m.at(name), m.behind(name));
    }
}

TEST_CASE("chmod and chown are one event each, with what was set") {
    NEEDS_FUSE("chmod, chown");
    Mounted m;
    write_file(m.at("a"), "");
    REQUIRE(::chmod(m.at("a").c_str(), 0601) == 0);
    REQUIRE(::chown(m.at("a").c_str(), 11, static_cast<gid_t>(-1)) == 0);
    REQUIRE(::chown(m.at("a").c_str(), static_cast<uid_t>(-1), 12) == 0);
    const auto modes = m.sink.of(VX_OP_FILE_CHMOD);
    REQUIRE(modes.size() == 1);
    CHECK((modes[0].event.mode & 07777) == 0601);
    CHECK((modes[0].event.flags & VX_F_MODE) != 0);
    const auto owners = m.sink.of(VX_OP_FILE_CHOWN);
    REQUIRE(owners.size() == 2);
    CHECK((owners[0].event.flags & (VX_F_OWNER | VX_F_GROUP)) == VX_F_OWNER);
    CHECK(owners[0].event.owner_uid == 11);
    CHECK((owners[1].event.flags & (VX_F_OWNER | VX_F_GROUP)) == VX_F_GROUP);
    CHECK(owners[1].event.owner_gid == 12);
}

TEST_CASE("set-id bits are dropped by a stranger's write and kept by root's") {
    NEEDS_FUSE("set-id bits");
    Mounted m;
    for (const char* name : {"w", "t", "o", "c"}) {
        write_file(m.at(name), "text");
        ::chmod(m.at(name).c_str(), 06777);
    }
    REQUIRE(::truncate(m.at("t").c_str(), 2) == 0);  // root may
    CHECK(mode_of(m.behind("t")) == 06777);
    CHECK(in_child(
        [&] {
            const int w = ::open(m.at("w").c_str(), O_WRONLY);
            const bool wrote = ::write(w, "x", 1) == 1;
            const bool cut = ::truncate(m.at("t").c_str(), 1) == 0;
            const bool opened = ::open(m.at("o").c_str(), O_WRONLY | O_TRUNC) >= 0;
            return wrote && cut && opened;
        },
        kUser, kGroup));
    CHECK(mode_of(m.behind("w")) == 0777);
    CHECK(mode_of(m.behind("t")) == 0777);
    CHECK(mode_of(m.behind("o")) == 0777);
    m.sink.clear();
    REQUIRE(::chown(m.at("c").c_str(), 5, 5) == 0);
    CHECK(mode_of(m.behind("c")) == 0777);
    REQUIRE(m.sink.of(VX_OP_FILE_CHMOD).size() == 1);
    CHECK((m.sink.of(VX_OP_FILE_CHMOD)[0].event.flags & VX_F_FORCED) != 0);
}

TEST_CASE("new objects belong to the caller and obey its umask") {
    NEEDS_FUSE("caller's objects");
    Mounted m;
    ::chmod(m.tree.source().c_str(), 0777);
    CHECK(in_child(
        [&] {
            ::umask(027);
            const bool file = ::open(m.at("f").c_str(), O_CREAT | O_WRONLY, 0666) >= 0;
            return file && ::mkdir(m.at("d").c_str(), 0777) == 0 &&
                   ::symlink("x", m.at("l").c_str()) == 0 && ::mkfifo(m.at("p").c_str(), 0666) == 0;
        },
        kUser, kGroup));
    for (const char* name : {"f", "d", "l", "p"}) {
        CHECK(stat_of(m.behind(name)).st_uid == kUser);
        CHECK(stat_of(m.behind(name)).st_gid == kGroup);
    }
    CHECK(mode_of(m.behind("f")) == 0640);
    CHECK(mode_of(m.behind("d")) == 0750);
    const auto created = m.sink.of(VX_OP_FILE_CREATE);
    REQUIRE(created.size() == 2);
    CHECK(created[0].event.caller.uid == kUser);
    CHECK(created[0].event.caller.gid == kGroup);
    CHECK(created[0].event.owner_uid == kUser);
    write_file(m.at("root"), "");
    CHECK(stat_of(m.behind("root")).st_uid == 0);
}

TEST_CASE("a supplementary group's right to a directory counts") {
    NEEDS_FUSE("supplementary groups");
    Mounted m;
    ::mkdir(m.behind("shared").c_str(), 0770);
    ::chown(m.behind("shared").c_str(), 0, kExtra);
    ::chmod(m.behind("shared").c_str(), 02770);
    const auto create = [&] {
        return ::open(m.at("shared/f").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666) >= 0 &&
               ::mkdir(m.at("shared/d").c_str(), 0777) == 0;
    };
    CHECK_FALSE(in_child(create, kUser, kGroup));
    CHECK(in_child(create, kUser, kGroup, {kExtra}));
    CHECK(stat_of(m.behind("shared/f")).st_uid == kUser);
    CHECK(stat_of(m.behind("shared/f")).st_gid == kExtra);  // from the set-gid directory
    CHECK((stat_of(m.behind("shared/d")).st_mode & S_ISGID) != 0);
}

TEST_CASE("a default ACL decides instead of the umask, and ACLs are enforced") {
    NEEDS_FUSE("ACLs");
    Mounted m;
    ::mkdir(m.at("d").c_str(), 0777);
    // The on-disk form of POSIX ACLs in an extended attribute: version, then (tag, perm, id).
    struct [[gnu::packed]] Entry {
        std::uint16_t tag, perm;
        std::uint32_t id;
    };
    struct [[gnu::packed]] {
        std::uint32_t version = 2;
        Entry entries[5] = {
            {1, 7, ~0U}, {2, 6, kUser}, {4, 5, ~0U}, {0x10, 7, ~0U}, {0x20, 0, ~0U}};
    } acl;
    if (::setxattr(m.at("d").c_str(), "system.posix_acl_default", &acl, sizeof acl, 0) != 0) {
        std::printf("skipped: ACLs: the backing file system has none\n");
        return;
    }
    const mode_t before = ::umask(077);
    write_file(m.at("d/f"), "secret");
    ::mkdir(m.behind("d2").c_str(), 0777);
    ::setxattr(m.behind("d2").c_str(), "system.posix_acl_default", &acl, sizeof acl, 0);
    write_file(m.behind("d2/f"), "secret");
    ::umask(before);
    CHECK(mode_of(m.at("d/f")) == mode_of(m.behind("d2/f")));
    char mine[200];
    char native[200];
    const ssize_t n = ::getxattr(m.behind("d/f").c_str(), "system.posix_acl_access", mine, 200);
    REQUIRE(n > 0);
    REQUIRE(::getxattr(m.behind("d2/f").c_str(), "system.posix_acl_access", native, 200) == n);
    CHECK(std::string(mine, static_cast<std::size_t>(n)) ==
          std::string(native, static_cast<std::size_t>(n)));
    const auto read = [&] { return ::open(m.at("d/f").c_str(), O_RDONLY) >= 0; };
    ::chmod(m.behind("d").c_str(), 0777);
    CHECK(in_child(read, kUser, kGroup));
    CHECK_FALSE(in_child(read, kUser + 50, kGroup));
}

TEST_CASE("extended attributes are set, read, listed and removed") {
    NEEDS_FUSE("xattrs");
    Mounted m;
    write_file(m.at("a"), "");
    const std::string value(2000, 'v');
    REQUIRE(::setxattr(m.at("a").c_str(), "user.key", value.data(), value.size(), 0) == 0);
    CHECK(::setxattr(m.at("a").c_str(), "user.key", "x", 1, XATTR_CREATE) == -1);
    CHECK(errno == EEXIST);
    char buffer[4096];
    CHECK(::getxattr(m.at("a").c_str(), "user.key", nullptr, 0) == 2000);
    CHECK(::getxattr(m.at("a").c_str(), "user.key", buffer, 10) == -1);
    CHECK(errno == ERANGE);
    CHECK(::getxattr(m.behind("a").c_str(), "user.key", buffer, sizeof buffer) == 2000);
    ::setxattr(m.at("a").c_str(), "trusted.t", "x", 1, 0);
    CHECK(::listxattr(m.at("a").c_str(), buffer, sizeof buffer) ==
          ::listxattr(m.behind("a").c_str(), buffer, sizeof buffer));
    CHECK(in_child(
        [&] {
            char names[100] = {};
            return ::listxattr(m.at("a").c_str(), names, sizeof names) == 9 &&
                   std::string(names) == "user.key";
        },
        kUser, kGroup));
    REQUIRE(::removexattr(m.at("a").c_str(), "user.key") == 0);
    CHECK(::getxattr(m.behind("a").c_str(), "user.key", buffer, sizeof buffer) == -1);
    CHECK(errno == ENODATA);
}

TEST_CASE("rights are checked: what a user may not do is refused") {
    NEEDS_FUSE("rights");
    Mounted m;
    write_file(m.at("private"), "x");
    ::chmod(m.at("private").c_str(), 0600);
    CHECK(in_child(
        [&] {
            return ::open(m.at("private").c_str(), O_RDONLY) == -1 && errno == EACCES &&
                   ::unlink(m.at("private").c_str()) == -1 && errno == EACCES &&
                   ::chmod(m.at("private").c_str(), 0777) == -1 && errno == EPERM &&
                   ::access(m.at("private").c_str(), R_OK) == -1 &&
                   ::mkdir(m.at("d").c_str(), 0777) == -1;
        },
        kUser, kGroup));
}

TEST_CASE("the file system's figures are the backing ones") {
    NEEDS_FUSE("statfs");
    Mounted m;
    CHECK(::pathconf(m.tree.point().c_str(), _PC_NAME_MAX) == 255);
    const std::string long_name(255, 'n');
    write_file(m.at(long_name), "");
    CHECK(exists(m.behind(long_name)));
    CHECK(::open(m.at(long_name + "n").c_str(), O_CREAT | O_WRONLY, 0600) == -1);
    CHECK(errno == ENAMETOOLONG);
}
