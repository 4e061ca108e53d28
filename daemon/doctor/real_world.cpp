// SPDX-License-Identifier: Apache-2.0
// The real outside world of the doctor.
#include <sys/utsname.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "doctor/doctor.hpp"

namespace vexfs {
namespace {

int stat_path(const std::string& path, struct stat& info) {
    return ::stat(path.c_str(), &info) == 0 ? 0 : errno;
}

// A mount whose server hangs makes stat() hang: it is asked from a thread that may be left behind
// (the end of the process ends it, because a FUSE request can be killed).
int probe_mount(const std::string& mountpoint) {
    auto result = std::make_shared<std::promise<int>>();
    auto future = result->get_future();
    std::thread([result, mountpoint] {
        struct stat info {};
        result->set_value(stat_path(mountpoint, info));
    }).detach();
    return future.wait_for(kDoctorPatience) == std::future_status::ready ? future.get() : ETIMEDOUT;
}

Result<ControlAnswer> ask_status(const std::string& socket) {
    auto client = ControlClient::connect(socket);
    if (!client) {
        return client.status();
    }
    return client->call({{"cmd", "status"}}, std::chrono::milliseconds(kDoctorPatience).count());
}

}  // namespace

DoctorWorld real_world(const std::string& socket) {
    DoctorWorld world;
    world.socket = socket;
    world.version = VEXFS_VERSION;
    world.source_directory = VEXFS_BUILT_FROM;
    utsname kernel{};
    if (::uname(&kernel) == 0) {
        world.release = kernel.release;
    }
    world.stat = stat_path;
    world.probe_mount = probe_mount;
    world.ask_status = ask_status;
    return world;
}

}  // namespace vexfs
