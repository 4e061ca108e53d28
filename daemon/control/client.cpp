// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <utility>

namespace vexfs {
namespace {

constexpr std::size_t kMaxLine = std::size_t{64} << 20U;

Status explain_connect(int err, const std::string& path) {
    const std::string what = "vexfsd is not running (";
    const std::string advice = "): start it with `vexfsd --watch DIR`, or pass --socket";
    switch (err) {
        case ENOENT:
            return Status::error(err, what + "no socket at " + path + advice);
        case ECONNREFUSED:
            return Status::error(err, what + "nobody answers at " + path + advice);
        case EACCES:
        case EPERM:
            return Status::error(err, "no permission to talk to vexfsd at " + path +
                                          ": run vexctl as the user that vexfsd runs as (root)");
        case EAGAIN:
            return Status::error(err,
                                 "vexfsd at " + path + " has too many clients waiting: try again");
        default:
            return Status::from_errno(err, "connect to vexfsd at " + path);
    }
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Status::error(ENAMETOOLONG, "the socket's path must have 1 to " +
                                               std::to_string(sizeof address.sun_path - 1) +
                                               " bytes: " + path);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return Status::from_errno(errno, "create socket");
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return explain_connect(errno, path);
    }
    return ControlClient(std::move(fd));
}

Status ControlClient::wait(short events, std::uint64_t timeout_ms) const {
    pollfd state{.fd = fd_.get(), .events = events, .revents = 0};
    const int limit =
        timeout_ms == 0 ? -1 : static_cast<int>(std::min<std::uint64_t>(timeout_ms, 1U << 30U));
    int rc = 0;
    do {
        rc = ::poll(&state, 1, limit);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return Status::from_errno(errno, "poll");
    }
    if (rc == 0) {
        return Status::error(ETIMEDOUT, "vexfsd has not answered for " +
                                            std::to_string(timeout_ms) +
                                            " ms: it is stuck or very busy; its log may say more");
    }
    return {};
}

Status ControlClient::send_all(const std::string& text, std::uint64_t timeout_ms) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const auto rc = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (rc > 0) {
            sent += static_cast<std::size_t>(rc);
        } else if (errno == EAGAIN) {
            if (Status s = wait(POLLOUT, timeout_ms); !s) {
                return s;
            }
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return {};  // the daemon has closed; what it said before is still to be read
        } else if (errno != EINTR) {
            return Status::from_errno(errno, "send to vexfsd");
        }
    }
    return {};
}

Result<std::string> ControlClient::read_line(std::uint64_t timeout_ms) {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        searched = buffer_.size();
        if (searched > kMaxLine) {
            return Status::error(EMSGSIZE, "vexfsd sent a line of more than 64 MiB");
        }
        std::array<char, 16384> chunk{};
        const auto rc = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
        if (rc > 0) {
            buffer_.append(chunk.data(), static_cast<std::size_t>(rc));
        } else if (rc == 0 || errno == ECONNRESET) {
            return Status::error(EPIPE, "vexfsd closed the connection before it answered");
        } else if (errno == EAGAIN) {
            if (Status s = wait(POLLIN, timeout_ms); !s) {
                return s;
            }
        } else if (errno != EINTR) {
            return Status::from_errno(errno, "receive from vexfsd");
        }
    }
}

Result<ControlAnswer> ControlClient::call(const Json& request, std::uint64_t timeout_ms,
                                          const std::function<void(const Json&)>& on_line) {
    if (Status s = send_all(to_line(request), timeout_ms); !s) {
        return s;
    }
    for (;;) {
        auto line = read_line(timeout_ms);
        if (!line) {
            return line.status();
        }
        Json json = Json::parse(*line, nullptr, /*allow_exceptions=*/false);
        if (!json.is_object()) {
            return Status::error(EPROTO,
                                 "vexfsd sent what is not a JSON object: is another program "
                                 "listening on this socket?");
        }
        const auto ok = json.find("ok");
        if (ok == json.end()) {
            if (on_line) {
                on_line(json);
            }
            continue;
        }
        ControlAnswer answer;
        answer.ok = ok->is_boolean() && ok->get<bool>();
        auto text = [&json](const char* key) {
            const auto it = json.find(key);
            return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
        };
        answer.error = answer.ok ? "" : text("error");
        answer.hint = text("hint");
        answer.json = std::move(json);
        return answer;
    }
}

}  // namespace vexfs
