// SPDX-License-Identifier: Apache-2.0
#include "ctl/tail_format.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "route/binary.hpp"
#include "route/cloud_events.hpp"
#include "route/json.hpp"
#include "route/text.hpp"

namespace vexfs::ctl {

namespace {

std::size_t terminal_width() {
    winsize size{};
    if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

std::string host_name() {
    std::array<char, 256> name{};
    // Without a name, "localhost" is said.
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

class Text final : public Format {
  public:
    Text() { options_.width = terminal_width(); }
    void append(const EventView& event, std::string& out) override {
        route::append_text(event, options_, out);
    }
    void append(const Gap& gap, std::string& out) override {
        route::append_text(gap, options_, out);
    }

  private:
    route::TextOptions options_;
};

// One of the forms of JSON.
template <typename Writer>
class Lines final : public Format {
  public:
    explicit Lines(Writer writer) : writer_(std::move(writer)) {}
    void append(const EventView& event, std::string& out) override { writer_.append(event, out); }
    void append(const Gap& gap, std::string& out) override { writer_.append(gap, out); }

  private:
    Writer writer_;
};

class Binary final : public Format {
  public:
    Binary(const Cursor& begin, bool filtered) : stream_(begin, filtered) {}
    void begin(std::string& out) override { stream_.begin(out); }
    void append(const EventView& event, std::string& out) override { stream_.append(event, out); }
    void append(const Gap& gap, std::string& out) override { stream_.append(gap, out); }
    void end(const Cursor& reached, std::string& out) override { stream_.end(reached.seq, out); }

  private:
    route::BinaryStream stream_;
};

constexpr auto kFormats = std::to_array<std::pair<const char*, FormatKind>>({
    {"text", FormatKind::text},
    {"json", FormatKind::json},
    {"cloudevents", FormatKind::cloudevents},
    {"binary", FormatKind::binary},
});

}  // namespace

Result<FormatKind> parse_format(const std::string& name) {
    for (const auto& [known, kind] : kFormats) {
        if (name == known) {
            return kind;
        }
    }
    return Status::error(
        EINVAL, "no format \"" + name + "\"; there are text, json, cloudevents and binary");
}

std::unique_ptr<Format> make_format(FormatKind kind, const Cursor& begin, bool filtered) {
    switch (kind) {
        case FormatKind::json:
            return std::make_unique<Lines<route::JsonLines>>(route::JsonLines(begin.journal));
        case FormatKind::cloudevents:
            return std::make_unique<Lines<route::CloudEvents>>(
                route::CloudEvents(begin.journal, host_name()));
        case FormatKind::binary:
            return std::make_unique<Binary>(begin, filtered);
        case FormatKind::text:
            break;
    }
    return std::make_unique<Text>();
}

}  // namespace vexfs::ctl
