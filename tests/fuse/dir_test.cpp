// SPDX-License-Identifier: Apache-2.0
// Listing directories.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

TEST_CASE("a directory of thousands lists each name once, with number and type") {
    NEEDS_FUSE("big directory");
    Mounted m;
    constexpr int kFiles = 3000;
    for (int i = 0; i < kFiles; ++i) {
        const std::string path = m.behind("file-with-a-longish-name-" + std::to_string(i));
        UniqueFd(::open(path.c_str(), O_CREAT | O_WRONLY, 0644)).reset();
    }
    std::set<std::string> names;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(m.tree.point().c_str()), ::closedir);
    REQUIRE(dir != nullptr);
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string name = entry->d_name;
        CHECK(names.insert(name).second);
        if (name != "." && name != "..") {
            const struct stat st = stat_of(m.behind(name));
            REQUIRE(entry->d_ino == st.st_ino);
            REQUIRE(entry->d_type == DT_REG);
        }
    }
    CHECK(names.size() == kFiles + 2);
}

TEST_CASE("a listing can be left, sought in and begun again") {
    NEEDS_FUSE("seekdir");
    Mounted m;
    for (int i = 0; i < 300; ++i) {
        write_file(m.behind("n" + std::to_string(i)), "");
    }
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(m.tree.point().c_str()), ::closedir);
    REQUIRE(dir != nullptr);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(::readdir(dir.get()) != nullptr);
    }
    const long at = ::telldir(dir.get());
    const std::string next = ::readdir(dir.get())->d_name;
    while (::readdir(dir.get()) != nullptr) {
    }
    ::seekdir(dir.get(), at);
    CHECK(::readdir(dir.get())->d_name == next);
    ::rewinddir(dir.get());
    int count = 0;
    while (::readdir(dir.get()) != nullptr) {
        ++count;
    }
    CHECK(count == 302);
}

TEST_CASE("listing a small directory is an open, one DirRead and a close") {
    NEEDS_FUSE("DirRead");
    Mounted m;
    ::mkdir(m.behind("d").c_str(), 0755);
    write_file(m.behind("d/x"), "");
    CHECK(names_in(m.at("d")) == std::vector<std::string>{"x"});
    REQUIRE(m.sink.wait_for(VX_OP_FILE_CLOSE, 1).size() == 1);
    const auto reads = m.sink.of(VX_OP_DIR_READ);
    REQUIRE(reads.size() == 1);
    CHECK(reads[0].event.object.ino == stat_of(m.behind("d")).st_ino);
    CHECK(reads[0].name == "d");
    CHECK((reads[0].event.flags & VX_F_DIRECTORY) != 0);
}

TEST_CASE("removing everything while listing leaves nothing") {
    NEEDS_FUSE("remove while listing");
    Mounted m([](fuse::MountOptions& o) { o.healthy = true; });
    for (int i = 0; i < 500; ++i) {
        write_file(m.behind("n" + std::to_string(i)), "");
    }
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(m.tree.point().c_str()), ::closedir);
    REQUIRE(dir != nullptr);
    while (const dirent* entry = ::readdir(dir.get())) {
        if (entry->d_name[0] == 'n') {
            CHECK(::unlinkat(::dirfd(dir.get()), entry->d_name, 0) == 0);
        }
    }
    CHECK(names_in(m.tree.source()).empty());
    CHECK(names_in(m.tree.point()).empty());
}
