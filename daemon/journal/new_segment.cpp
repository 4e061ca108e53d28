// SPDX-License-Identifier: Apache-2.0
#include "journal/new_segment.hpp"

namespace vexfs::journal {

Status write_segment(Disk& disk, std::uint64_t first_seq,
                     const std::function<Status(const Rewrite::Output&)>& fill,
                     const std::function<Status()>& before_named) {
    const Result<UniqueFd> fd = disk.create(kNewSegment);
    if (!fd) {
        return fd.status();
    }
    std::uint64_t offset = 0;
    Status status = fill([&](std::span<const std::byte> bytes) {
        Status written = disk.write(fd->get(), bytes, offset);
        offset += bytes.size();
        return written;
    });
    if (status) {
        status = disk.sync(fd->get());
    }
    if (status && before_named) {
        status = before_named();
    }
    if (status) {
        status = disk.rename(kNewSegment, segment_name(first_seq));
    }
    if (!status) {
        disk.remove(kNewSegment).ignore();  // the next one to open the journal does it as well
        return status;
    }
    return disk.sync_directory();
}

Status write_anew(Disk& disk, SegmentReader& reader, const SegmentHeader& header,
                  const RewriteConfig& config, const std::function<Status()>& before_named) {
    const auto fill = [&](const Rewrite::Output& output) {
        return Rewrite(reader, header, config).run(output).status();
    };
    return write_segment(disk, header.first_seq, fill, before_named);
}

}  // namespace vexfs::journal
