// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/kernel.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/fd.hpp"
#include "vm/vx_oracle/fanotify.hpp"
#include "vm/vx_oracle/inotify.hpp"

namespace vexfs::vm {

namespace {

// MODIFY, ACCESS, MODIFY; or ACCESS, MODIFY.
bool tells_parts(const std::string& directory) {
    const std::string from = directory + "/from";
    const std::string to = directory + "/to";
    const UniqueFd in(::open(from.c_str(), O_CREAT | O_RDWR, 0600));
    const UniqueFd out(::open(to.c_str(), O_CREAT | O_RDWR, 0600));
    std::vector<Heard> heard;
    auto inotify = Inotify::open(1);
    if (inotify && ::write(in.get(), "0123456789", 10) == 10) {
        (*inotify)->watch(directory);
        off_t start = 0;
        if (::sendfile(out.get(), in.get(), &start, 10) != 10 || !(*inotify)->read(heard)) {
            heard.clear();
        }
    }
    ::unlink(from.c_str());
    ::unlink(to.c_str());
    return heard.size() > 2;
}

bool forgets_deleted(const std::string& directory) {
    const std::string path = directory + "/deleted";
    ::mknod(path.c_str(), S_IFREG | 0600, 0);
    auto fanotify = Fanotify::open(directory);
    std::vector<Said> said;
    ::unlink(path.c_str());
    if (!fanotify || !(*fanotify)->read(said)) {
        return false;
    }
    for (const Said& it : said) {
        if ((it.bits & FAN_DELETE) != 0) {
            return it.object == 0;
        }
    }
    return false;
}

}  // namespace

Kernel probe_kernel(const std::string& directory) {
    return {.tells_parts = tells_parts(directory), .forgets_deleted = forgets_deleted(directory)};
}

}  // namespace vexfs::vm
