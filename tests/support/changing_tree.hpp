// SPDX-License-Identifier: Apache-2.0
// ChangingTree: a real tree of files that changes behind the back of a catalogue, and what both say
// is there.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fuse/file_handle.hpp"
#include "heal/comparison.hpp"
#include "record.h"
#include "support/catch.hpp"
#include "support/temp_directory.hpp"

namespace vexfs::test {

using heal::Comparison;
using heal::Directory;
using heal::Finding;
using heal::ListedName;
using heal::Listing;
using heal::Suspicion;

constexpr std::uint64_t kFsid = 7;
constexpr std::uint64_t kTold = VX_OPS_DEFAULT;
inline constexpr Suspicion kSizesAlone{.since_seq = 0, .since_ns = ~0ULL, .ops = kTold};

inline ObjectKey object_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    return {kFsid, st.st_ino, fuse::FileHandle::of(fd.get()).generation()};
}

// A finding as the event that it becomes.
struct AsEvent {
    AsEvent(const Finding& finding, std::uint64_t seq) : words(heal::record_of(finding, 1)) {
        REQUIRE(vx_event_check(words.data(), words.size() * 8) == 0);
        view.seq = seq;
        view.record = reinterpret_cast<const vx_record*>(words.data());
        view.path = finding.path;
        view.old_path = finding.old_path;
    }
    std::vector<std::uint64_t> words;
    EventView view;
};

class ChangingTree {
  public:
    explicit ChangingTree(std::uint64_t seed) : random_(seed) {
        REQUIRE(::mkdir((dir_ / "tree").c_str(), 0755) == 0);
        root_ = {object_of(dir_ / "tree"), dir_ / "tree"};
        catalogue = open();
    }

    std::unique_ptr<Catalogue> open() {
        REQUIRE(::mkdir((dir_ / "db").c_str(), 0755) == 0);
        auto opened = Catalogue::open(dir_ / "db", JournalId{{1}});
        INFO(opened.status().message());
        REQUIRE(opened.ok());
        REQUIRE((*opened)->begin().ok());
        REQUIRE(begin(**opened).ok());
        REQUIRE((*opened)->commit(0, 0).ok());
        return *std::move(opened);
    }
    // A catalogue of what is there at the beginning: nothing.
    Status begin(Catalogue& of) const {
        const Status status = of.add_root(root_.object, root_.path, root_.path, 0);
        return status ? of.set_complete(root_.object) : status;
    }

    // Something happens; what it is depends on the seed alone.
    void change() {
        const std::string a = some_path();
        const std::string b = some_path();
        switch (random_() % 11) {
            case 0:
            case 1:
                ::mkdir(a.c_str(), 0755);
                break;
            case 2:
            case 3:
                std::ofstream(a, std::ios::app) << "x";
                break;
            case 4:
                ::link(a.c_str(), b.c_str());
                break;
            case 5:
                ::symlink(a.c_str(), b.c_str());
                break;
            case 6:
                ::remove(a.c_str());
                break;
            case 7:
                ::chmod(a.c_str(), random_() % 2 == 0 ? 0700 : 0750);
                break;
            case 8:
                ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
                break;
            default:
                ::rename(a.c_str(), b.c_str());
                break;
        }
    }

    // What is there, beside what this catalogue says.
    std::vector<Finding> compare(const Suspicion& suspicion) {
        return compare(*catalogue, suspicion);
    }
    std::vector<Finding> compare(Catalogue& of, const Suspicion& suspicion) {
        Comparison comparison(of, suspicion);
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            Listing listing = list(left.back());
            left.pop_back();
            REQUIRE(listing.state == Listing::State::complete);
            REQUIRE(comparison.add(listing, left, left).ok());
        }
        const auto orphaned = of.orphaned();
        REQUIRE(orphaned.ok());
        for (const ObjectKey& directory : *orphaned) {
            REQUIRE(comparison.add_gone(directory).ok());
        }
        auto findings = comparison.findings();
        REQUIRE(findings.ok());
        return *std::move(findings);
    }

    // Each as the event that it becomes; each must be possible where the ones before have led.
    void apply(const std::vector<Finding>& findings) {
        REQUIRE(catalogue->begin().ok());
        for (const Finding& finding : findings) {
            check_possible(finding);
            apply(*catalogue, finding);
        }
        REQUIRE(catalogue->commit(seq_, 0).ok());
    }
    // The same, where it need not be possible: something was lost before.
    void apply_after_a_loss(Catalogue& to, const std::vector<Finding>& findings) {
        REQUIRE(to.begin().ok());
        for (const Finding& finding : findings) {
            apply(to, finding);
        }
        REQUIRE(to.commit(seq_, 0).ok());
    }

    struct Seen {
        std::uint64_t ino;
        std::uint32_t mode;
        std::uint64_t size;
        bool operator==(const Seen&) const = default;
    };
    using All = std::map<std::string, Seen>;

    All on_disk() {
        All all;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory directory = left.back();
            left.pop_back();
            for (const ListedName& name : listed(directory)) {
                const Directory below_it = below(directory, name);
                const bool is_dir = S_ISDIR(name.facts.mode);
                all[below_it.path] = {name.object.ino, name.facts.mode,
                                      S_ISREG(name.facts.mode) ? name.facts.size : 0};
                if (is_dir) {
                    left.push_back(below_it);
                }
            }
        }
        return all;
    }

    All in_catalogue(std::uint64_t at = Catalogue::kNow) { return in(*catalogue, at); }
    All in(Catalogue& of, std::uint64_t at = Catalogue::kNow) {
        All all;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory directory = left.back();
            left.pop_back();
            const auto names = of.names_in(directory.object, at);
            REQUIRE(names.ok());
            for (const CatalogueName& name : *names) {
                const std::string path = path_below(directory.path, name.name);
                const auto facts = of.facts_of(name.object);
                REQUIRE(facts.ok());
                const ObjectFacts known = facts->value_or(ObjectFacts{.mode = name.type});
                all[path] = {name.object.ino, known.mode, S_ISREG(known.mode) ? known.size : 0};
                if (name.type == S_IFDIR) {
                    left.push_back({name.object, path});
                }
            }
        }
        return all;
    }

    [[nodiscard]] std::string path(const std::string& name) const {
        return path_below(root_.path, name);
    }
    void move(const char* from, const char* to) const {
        REQUIRE(::rename(path(from).c_str(), path(to).c_str()) == 0);
    }
    // The event of a name in the root that becomes another one there; `flags` besides.
    [[nodiscard]] Finding renamed(const ObjectKey& object, const ObjectFacts& facts,
                                  const std::string& from, const std::string& to,
                                  std::uint32_t flags) const {
        Finding event;
        event.op = VX_OP_FILE_RENAME;
        event.flags = flags | (S_ISDIR(facts.mode) ? VX_F_DIRECTORY : 0);
        event.object = object;
        event.parent = event.old_parent = root_.object;
        event.name = to;
        event.name2 = from;
        event.facts = facts;
        event.path = path(to);
        event.old_path = path(from);
        return event;
    }
    [[nodiscard]] std::uint64_t seq() const { return seq_; }
    [[nodiscard]] const Directory& root() const { return root_; }

    std::unique_ptr<Catalogue> catalogue;

  private:
    static std::vector<ListedName> listed(const Directory& directory) {
        Listing listing = list(directory);
        REQUIRE(listing.state == Listing::State::complete);
        return std::move(listing.names);
    }
    std::string some_path() {
        std::string path = root_.path;
        const auto depth = 1 + random_() % 4;
        for (unsigned i = 0; i < depth; ++i) {
            path += "/" + std::string(1, static_cast<char>('a' + random_() % 4));
        }
        return path;
    }

    void apply(Catalogue& to, const Finding& finding) {
        REQUIRE(to.apply(AsEvent(finding, ++seq_).view).ok());
    }

    void check_possible(const Finding& f) {
        INFO(vx_op_name(f.op) << ' ' << f.path << " from " << f.old_path);
        if (f.name.empty()) {
            return;
        }
        CHECK(f.path == path_below(*catalogue->path_of(f.parent), f.name));
        if (f.op == VX_OP_FILE_RENAME) {
            CHECK(f.old_path == path_below(*catalogue->path_of(f.old_parent), f.name2));
        }
        const auto there = catalogue->find(f.parent, f.name);
        REQUIRE(there.ok());
        const bool gives = f.op == VX_OP_FILE_CREATE || f.op == VX_OP_DIR_CREATE ||
                           f.op == VX_OP_SYMLINK_CREATE || f.op == VX_OP_HARDLINK_CREATE;
        const bool exchange = (f.flags & VX_F_EXCHANGE) != 0;
        if (gives || (f.op == VX_OP_FILE_RENAME && !exchange)) {
            CHECK_FALSE(there->has_value());
        }
        if (gives || f.op == VX_OP_FILE_RENAME) {
            CHECK(*catalogue->knows(f.parent));
        }
        if (f.op == VX_OP_FILE_RENAME && !exchange) {
            const auto source = catalogue->find(f.old_parent, f.name2);
            CHECK((source.ok() && source->has_value() && (*source)->object == f.object));
        }
        if (f.op == VX_OP_DIR_DELETE) {
            CHECK(catalogue->names_in(f.object)->empty());
        }
        if (f.op == VX_OP_DIR_DELETE || f.op == VX_OP_FILE_DELETE) {
            CHECK((there->has_value() && (*there)->object == f.object));
        }
    }

    TempDirectory dir_;
    std::mt19937_64 random_;
    Directory root_;
    std::uint64_t seq_ = 0;
};

inline std::string text_of(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& f : findings) {
        text += std::string(vx_op_name(f.op)) + " " + f.path;
        text += (f.old_path.empty() ? "" : " from ") + f.old_path + "\n";
    }
    return text;
}

}  // namespace vexfs::test
