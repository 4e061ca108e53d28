// SPDX-License-Identifier: Apache-2.0
#include "pipeline/source.hpp"

namespace vexfs {

Result<std::unique_ptr<Source>> Source::create(const SourceConfig& config) {
    std::unique_ptr<Source> self(new Source);
    if (config.ring.size() < sizeof(vx_ring_header)) {
        return Status::error(EINVAL, "the ring's mapping is too short");
    }
    const auto* header = reinterpret_cast<const vx_ring_header*>(config.ring.data());
    if (header->producers > VX_PRODUCERS_MAX) {
        return Status::error(EINVAL, "the ring claims more producers than there can be");
    }
    self->scratch_.resize(vx_reader_scratch(header->producers) / sizeof(std::uint64_t) + 1);
    const int error = vx_reader_init(&self->reader_, config.ring.data(), config.ring.size(),
                                     config.consumer, self->scratch_.data(), 1);
    if (error != 0) {
        return Status::from_errno(error, "read the ring");
    }
    if (config.resume != nullptr) {
        std::vector<__u64> counts(config.resume->next_count.begin(),
                                  config.resume->next_count.end());
        counts.resize(std::size_t{header->producers} * VX_CLASSES);
        if (vx_reader_resume(&self->reader_, counts.data(), config.resume->next_ticket) != 0) {
            return Status::error(EINVAL, "the ring does not hold what its last reader noted");
        }
    }
    self->boundary_ = config.boundary;
    self->barrier_ = config.barrier;
    return self;
}

Source::Mark Source::mark() const {
    Mark mark(std::size_t{reader_.n} * VX_CLASSES + 1);
    vx_reader_mark(&reader_, mark.data());
    return mark;
}

void Source::where(Place& at) const {
    at.resize(vx_reader_places(reader_.n));
    vx_reader_where(&reader_, at.data());
}

void Source::release_to(const Place& at, std::uint64_t next_seq, std::uint64_t missed) {
    vx_reader_release_to(&reader_, at.data());
    vx_reader_note(&reader_, at.data(), next_seq, missed);
}

bool Source::sleep() {
    if (!asleep_) {
        asleep_ = vx_reader_sleep(&reader_, 1) != 0;
    }
    return asleep_;
}

void Source::awake() {
    if (asleep_) {
        vx_reader_awake(&reader_);
        asleep_ = false;
    }
}

}  // namespace vexfs
