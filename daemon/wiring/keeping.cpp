// SPDX-License-Identifier: Apache-2.0
// The daemon's catalogue: what it is kept of, its beginning and its end.
#include <spdlog/spdlog.h>

#include "wiring/daemon.hpp"

namespace vexfs {

namespace {

// Who does not see all of these cannot say which names there are.
constexpr std::uint64_t kNamingOps =
    VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_FILE_RENAME) |
    VX_OP_BIT(VX_OP_DIR_CREATE) | VX_OP_BIT(VX_OP_DIR_DELETE) | VX_OP_BIT(VX_OP_SYMLINK_CREATE) |
    VX_OP_BIT(VX_OP_HARDLINK_CREATE);

bool sees_all_names(std::uint64_t ops) { return (ops & kNamingOps) == kNamingOps; }

}  // namespace

// The mount shows the source's names: they are kept once, as the source's.
std::vector<heal::Scope> Daemon::scopes() const {
    std::vector<heal::Scope> out;
    const std::uint64_t since = store_->next_seq() - 1;
    if (!watches_) {
        if (mount_ && sees_all_names(options_.ops)) {
            const fuse::ObjectId root = mount_->root();
            out.push_back({{root.fsid, root.ino, root.gen}, mount_->mountpoint(), options_.source,
                           options_.ops, since});
        }
        return out;
    }
    for (const Watch& watch : watches_->list()) {
        const WatchRequest& request = watch.request;
        const std::string& path = request.subtree ? request.path : watch.top;
        if (watch.purpose == "mount" || path.empty() || !sees_all_names(request.ops) ||
            request.uid >= 0 || request.pid >= 0 || watches_->gone(watch)) {
            continue;
        }
        const WatchInfo& info = watch.info;
        const ObjectKey root = request.subtree
                                   ? ObjectKey{info.fsid, info.ino, info.gen}
                                   : ObjectKey{info.fsid, info.root_ino, info.root_gen};
        out.push_back({root, path, path, request.ops, since});
    }
    return out;
}

void Daemon::start_keeper() {
    if (!options_.catalogue) {
        return;
    }
    heal_stream_ = std::make_unique<HealStream>(*loop_, *pipeline_, *store_, clock_);
    pipeline_->set_found(heal_stream_.get());
    keeper_ = std::make_unique<heal::Keeper>(options_.journal, scopes(), *heal_stream_, clock_);
}

void Daemon::update_keeper() {
    if (keeper_) {
        keeper_->set_scopes(scopes());
        keeper_->forget_before(retention_->last().oldest_seq);
    }
}

void Daemon::stop_keeper() {
    if (keeper_) {
        keeper_->stop();
        heal_stream_->stop();
        keeper_.reset();
        pipeline_->set_found(nullptr);
    }
}

}  // namespace vexfs
