// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_coverage/stream.hpp"

namespace vexfs::vm {

Result<std::unique_ptr<Stream>> Stream::open(const std::string& mount_point,
                                             std::uint64_t ops, const ChannelConfig& config) {
    std::unique_ptr<Stream> self(new Stream);
    Result<std::unique_ptr<Channel>> channel = Channel::open(config);
    if (!channel) {
        return channel.status();
    }
    self->channel_ = std::move(*channel);
    Channel& ch = *self->channel_;
    Result<std::unique_ptr<Source>> source =
        Source::create({.ring = ch.ring().bytes(),
                        .consumer = ch.consumer(),
                        .boundary = Boundary::kernel,
                        .barrier = [&ch] { return ch.barrier().status(); }});
    if (!source) {
        return source.status();
    }
    self->pipeline_ =
        std::make_unique<Pipeline>(self->store_, self->paths_, self->clock_, Pipeline::Config{});
    self->pipeline_->add_source(std::move(*source));
    Result<WatchInfo> watch =
        ch.add_watch({.path = mount_point, .subtree = false, .not_me = false, .ops = ops});
    if (!watch) {
        return watch.status();
    }
    self->paths_.anchor({watch->fsid, watch->root_ino, watch->root_gen}, mount_point);
    return self;
}

Status Stream::collect() {
    Status result;
    bool done = false;
    pipeline_->sync([&](const Status& status) {
        result = status;
        done = true;
    });
    while (!done && !pipeline_->broken()) {
        pipeline_->turn();
    }
    return done ? result : Status::error(EPROTO, "the ring holds something that cannot be");
}

}  // namespace vexfs::vm
