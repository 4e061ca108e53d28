// SPDX-License-Identifier: Apache-2.0
#include "ctl/ls.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <vector>

#include "base/path_text.hpp"
#include "catalogue/catalogue.hpp"
#include "config/settings.hpp"
#include "ctl/open_journal.hpp"
#include "ctl/output.hpp"
#include "ctl/position.hpp"
#include "route/json_text.hpp"

namespace vexfs::ctl {

namespace {

const char* type_name(std::uint32_t type) {
    switch (type) {
        case S_IFREG:
            return "file";
        case S_IFDIR:
            return "directory";
        case S_IFLNK:
            return "symlink";
        default:
            return "special";
    }
}

char type_letter(std::uint32_t type) {
    return type == S_IFREG ? '-' : type == S_IFDIR ? 'd' : type == S_IFLNK ? 'l' : 's';
}

// What has a name at the position that is asked about.
struct Entry {
    std::string path;
    ObjectKey object;
    std::uint32_t type = S_IFDIR;
    std::uint64_t since = 0;
};

class Ls {
  public:
    Ls(const Context& context, Catalogue& catalogue, Output& output, std::uint64_t at)
        : context_(context), catalogue_(catalogue), output_(output), at_(at) {}

    // What `path` is; ENOENT: nothing, or nothing that is kept.
    Result<Entry> resolve(const std::string& path);
    Status list(const Entry& directory, bool recursive);
    Status show(const Entry& entry);

  private:
    Status check(const CatalogueRoot& root) const;

    const Context& context_;
    Catalogue& catalogue_;
    Output& output_;
    std::uint64_t at_;
};

Status Ls::check(const CatalogueRoot& root) const {
    if (!root.complete) {
        return Status::error(EAGAIN, root.path + " has not been looked through yet: `vexctl sync "
                                                 "--healed` waits for it");
    }
    return at_ < root.since
               ? Status::error(kCursorExpired,
                               fmt::format("CURSOR_EXPIRED: the names below {} are known from "
                                           "event {} on",
                                           root.path, root.since))
               : Status();
}

Result<Entry> Ls::resolve(const std::string& path) {
    const Result<std::vector<CatalogueRoot>> roots = catalogue_.roots();
    if (!roots) {
        return roots.status();
    }
    const CatalogueRoot* best = nullptr;
    for (const CatalogueRoot& root : *roots) {
        if (is_at_or_below(path, root.path) &&
            (best == nullptr || root.path.size() > best->path.size())) {
            best = &root;
        }
    }
    if (best == nullptr) {
        return Status::error(ENOENT, path + " is not in the catalogue: `vexctl ls` shows what is");
    }
    if (Status status = check(*best); !status) {
        return status;
    }
    Entry here{.path = best->path, .object = best->object};
    std::size_t begin = best->path == "/" ? 1 : best->path.size() + 1;
    while (begin < path.size()) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        const Result<std::optional<CatalogueName>> found =
            catalogue_.find(here.object, name, at_);
        if (!found) {
            return found.status();
        }
        if (!*found) {
            return Status::error(ENOENT, path.substr(0, end) + ": there is no such name" +
                                             (at_ == Catalogue::kNow ? "" : " at that position"));
        }
        here = {path.substr(0, end), (*found)->object, (*found)->type, (*found)->since};
        begin = end + 1;
    }
    return here;
}

Status Ls::list(const Entry& directory, bool recursive) {
    const Result<std::vector<CatalogueName>> names = catalogue_.names_in(directory.object, at_);
    if (!names) {
        return names.status();
    }
    for (const CatalogueName& name : *names) {
        const Entry entry{path_below(directory.path, name.name), name.object, name.type,
                          name.since};
        Status status = show(entry);
        if (status && recursive && entry.type == S_IFDIR) {
            status = list(entry, true);
        }
        if (!status) {
            return status;
        }
    }
    return {};
}

Status Ls::show(const Entry& entry) {
    std::string& out = output_.buffer();
    if (!context_.json) {
        out += fmt::format("{} {:>10} {}\n", type_letter(entry.type), entry.object.ino, entry.path);
    } else {
        out += "{\"type\":\"";
        out += type_name(entry.type);
        out += '"';
        route::field_bytes("path", entry.path, out);
        route::field_hex("fsid", entry.object.fsid, out);
        route::field("ino", entry.object.ino, out);
        route::field("gen", entry.object.gen, out);
        route::field("since", entry.since, out);
        out += "}\n";
    }
    return output_.flush(false) ? Status() : Status::error(ECANCELED, "stopped");
}

// The number of the event behind which to look.
Result<std::uint64_t> position(const LsArgs& args, OpenJournal& journal, Catalogue& catalogue) {
    if (args.at.empty()) {
        return Catalogue::kNow;
    }
    const Result<Position> at = Position::parse(args.at, "--at");
    if (!at) {
        return at.status();
    }
    if (Status status = at->place(journal.reader); !status) {
        return status;
    }
    const std::uint64_t seq = journal.reader.cursor().seq;
    return seq <= catalogue.applied_seq()
               ? Result<std::uint64_t>(seq)
               : Status::error(EAGAIN, fmt::format("the catalogue is at event {} only: `vexctl "
                                                   "sync --healed` waits for it",
                                                   catalogue.applied_seq()));
}

Status list_path(Ls& ls, const LsArgs& args) {
    const Result<std::string> path = absolute_path(args.path);
    const Result<Entry> entry = path ? ls.resolve(*path) : path.status();
    if (!entry) {
        return entry.status();
    }
    return entry->type == S_IFDIR ? ls.list(*entry, args.recursive) : ls.show(*entry);
}

Status list_roots(Ls& ls, Catalogue& catalogue) {
    const Result<std::vector<CatalogueRoot>> roots = catalogue.roots();
    if (!roots) {
        return roots.status();
    }
    for (const CatalogueRoot& root : *roots) {
        const Entry entry{root.path, root.object, S_IFDIR, root.since};
        if (Status status = ls.show(entry); !status) {
            return status;
        }
    }
    return {};
}

}  // namespace

int run_ls(const Context& context, const LsArgs& args) {
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    Result<std::unique_ptr<Catalogue>> catalogue = Catalogue::open_to_read(journal->directory);
    Result<Output> output = Output::create();
    if (!catalogue || !output) {
        return fail(context, catalogue ? output.status() : catalogue.status());
    }
    const Result<std::uint64_t> at = position(args, *journal, **catalogue);
    if (!at) {
        return fail_position(context, at.status(), journal->reader);
    }
    Ls ls(context, **catalogue, *output, *at);
    const Status status = args.path.empty() ? list_roots(ls, **catalogue) : list_path(ls, args);
    output->flush(true);
    if (!status && status.code() != ECANCELED) {
        return fail_position(context, status, journal->reader);
    }
    return output->status() ? kDone : fail(context, output->status());
}

}  // namespace vexfs::ctl
