// SPDX-License-Identifier: Apache-2.0
// StreamPort: what healing asks of the stream, from a thread of its own. Each call waits for its
// answer; ECANCELED: the daemon ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.hpp"
#include "heal/finding.hpp"
#include "heal/touched.hpp"

namespace vexfs::heal {

class StreamPort {
  public:
    virtual ~StreamPort() = default;

    // Waits until all that has happened before this call is in the journal: up to which number.
    virtual Result<std::uint64_t> sync() = 0;

    // From now on the stream remembers what its events speak of, until the next call.
    virtual Status begin() = 0;

    // Puts events into the stream that say this, in this order, but for those that events since
    // begin() settle (telling.hpp). Everything that had happened when the findings were made must
    // have been waited for by sync().
    struct Told {
        std::size_t events = 0;
        Again again;
    };
    virtual Result<Told> tell(std::vector<Finding> findings) = 0;
};

}  // namespace vexfs::heal
