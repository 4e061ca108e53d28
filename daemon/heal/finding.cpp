// SPDX-License-Identifier: Apache-2.0
#include "heal/finding.hpp"

#include <cstring>

#include "record.h"

namespace vexfs::heal {

Place source_of(const Finding& finding) {
    return finding.op == VX_OP_FILE_RENAME ? Place{finding.old_parent, finding.name2}
                                           : Place{finding.parent, finding.name};
}

std::vector<std::uint64_t> record_of(const Finding& finding, std::uint64_t mono_ns) {
    const auto name_len = static_cast<std::uint32_t>(finding.name.size());
    const auto name2_len = static_cast<std::uint32_t>(finding.name2.size());
    std::vector<std::uint64_t> words(vx_event_len(finding.op, name_len, name2_len) / 8);
    auto& e = *reinterpret_cast<vx_event*>(words.data());
    e.rec.type = VX_REC_EVENT;
    e.rec.op = static_cast<__u16>(finding.op);
    e.rec.mono_ns = mono_ns;
    e.fsid = finding.object.fsid;
    e.ino = finding.object.ino;
    e.gen = finding.object.gen;
    e.parent_ino = finding.parent.ino;
    e.parent_gen = finding.parent.gen;
    e.size = finding.facts.size;
    e.flags = finding.flags;
    e.mode = finding.facts.mode;
    e.nlink = finding.nlink;
    e.owner_uid = finding.facts.uid;
    e.owner_gid = finding.facts.gid;
    e.cookie = finding.cookie;
    std::memcpy(e.comm, "vexfsd", sizeof "vexfsd");
    if (vx_rename* rename = vx_event_rename(&e); rename != nullptr) {
        rename->old_parent_ino = finding.old_parent.ino;
        rename->old_parent_gen = finding.old_parent.gen;
    }
    vx_event_strings(&e, finding.name.data(), name_len, finding.name2.data(), name2_len);
    return words;
}

}  // namespace vexfs::heal
