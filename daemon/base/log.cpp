// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

namespace vexfs {
namespace {

struct LevelName {
    std::string_view name;
    spdlog::level::level_enum level;
};

constexpr std::array<LevelName, 6> kLevels{{
    {"trace", spdlog::level::trace},
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},
    {"error", spdlog::level::err},
    {"off", spdlog::level::off},
}};

std::optional<spdlog::level::level_enum> find_level(std::string_view name) {
    for (const LevelName& entry : kLevels) {
        if (entry.name == name) {
            return entry.level;
        }
    }
    return std::nullopt;
}

// %* in the pattern: the syslog priority as sd-daemon(3) wants it.
class PriorityFlag final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& msg, const std::tm&,
                spdlog::memory_buf_t& dest) override {
        const std::string_view text = prefix(msg.level);
        dest.append(text.data(), text.data() + text.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<PriorityFlag>();
    }

  private:
    static std::string_view prefix(spdlog::level::level_enum level) {
        switch (level) {
            case spdlog::level::critical:
                return "<2>";
            case spdlog::level::err:
                return "<3>";
            case spdlog::level::warn:
                return "<4>";
            case spdlog::level::info:
                return "<6>";
            default:
                return "<7>";
        }
    }
};

}  // namespace

Status log_setup(std::string_view level, LogStyle style) {
    const auto wanted = find_level(level);
    if (!wanted) {
        return Status::error(EINVAL, "unknown log level '" + std::string(level) + "', use one of " +
                                         std::string(log_level_names()));
    }
    const bool terminal = style == LogStyle::terminal ||
                          (style == LogStyle::automatic && ::isatty(STDERR_FILENO) == 1);
    std::shared_ptr<spdlog::logger> logger;
    if (terminal) {
        logger = std::make_shared<spdlog::logger>(
            "vexfs", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>());
        logger->set_pattern("%H:%M:%S.%e %^%-7l%$ %v");
    } else {
        logger = std::make_shared<spdlog::logger>(
            "vexfs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        auto formatter = std::make_unique<spdlog::pattern_formatter>();
        formatter->add_flag<PriorityFlag>('*').set_pattern("%*%v");
        logger->set_formatter(std::move(formatter));
    }
    logger->set_level(*wanted);
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
    return {};
}

void log_to_syslog() {
    auto logger = std::make_shared<spdlog::logger>(
        "vexfs", std::make_shared<spdlog::sinks::syslog_sink_mt>("vexfsd", LOG_PID, LOG_DAEMON,
                                                                 /*enable_formatting=*/false));
    logger->set_level(spdlog::default_logger()->level());
    spdlog::set_default_logger(std::move(logger));
}

std::string_view log_level_names() {
    return "trace, debug, info, warn, error, off";
}

bool log_level_valid(std::string_view level) {
    return find_level(level).has_value();
}

}  // namespace vexfs
