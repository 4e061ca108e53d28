// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "config/settings.hpp"
#include "config/shell.hpp"
#include "op_table.h"

namespace vexfs {
namespace {

constexpr const char* kAbout =
    "Turns what happens to files into one ordered stream of events.\n"
    "Observes directories through the kernel module vexfs, or a directory through a FUSE mount, or "
    "both.";

std::string footer() {
    std::string text =
        "Every flag is also a key of the TOML file, without \"--\": watch = [\"/srv\"], ops = "
        "\"all\".\n"
        "The command line wins over the file. Exit codes: 0 done, 1 failed, 2 usage.\n\n"
        "Examples:\n"
        "  vexfsd --watch /srv/data                       observe a directory tree\n"
        "  vexfsd --source /srv/data /mnt/data --no-kmod  without the kernel module\n"
        "  vexfsd --config /etc/vexfs/vexfsd.toml --foreground\n\n"
        "Operations (--ops):";
    std::size_t column = 80;
    auto add = [&](const char* name) {
        const std::string word(name);
        if (column + word.size() + 1 > 78) {
            text += "\n ";
            column = 1;
        }
        text += " " + word;
        column += word.size() + 1;
    };
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        add(vx_op_name(op));
    }
    text += "\n\nUserspace operations (--pushback):";
    column = 80;
    for (unsigned op = 0; op < VX_UOP_COUNT; ++op) {
        add(vx_uop_name(op));
    }
    return text;
}

// Help that fits into 100 columns.
class HelpFormat final : public CLI::Formatter {
  public:
    static constexpr std::size_t kNames = 28;
    static constexpr std::size_t kText = 70;

    std::string make_usage(const CLI::App*, std::string) const override {
        return "Usage: vexfsd [--watch PATH]... [--source DIR MOUNTPOINT] [OPTIONS]\n";
    }
    std::string make_option_desc(const CLI::Option* option) const override {
        std::string result;
        std::size_t column = 0;
        std::istringstream words(option->get_description());
        for (std::string word; words >> word;) {
            const bool fits = column + 1 + word.size() <= kText;
            result += (result.empty() ? "" : fits ? " " : "\n") + word;
            column = fits ? column + 1 + word.size() : word.size();
        }
        return result;
    }
};

// What CLI11 fills; lives as long as the parser.
struct CommandLine {
    CLI::App app{kAbout, "vexfsd"};
    std::map<std::string, std::vector<std::string>> words;
    std::map<std::string, bool> flags;
    std::map<std::string, CLI::Option*> given;
    std::string config;

    CommandLine() {
        auto format = std::make_shared<HelpFormat>();
        format->column_width(HelpFormat::kNames);
        app.formatter(format);
        app.footer(footer());
        app.set_version_flag("--version", std::string("vexfsd ") + VEXFS_VERSION);
        app.add_option("--config", config, "Read further options from this TOML file")
            ->type_name("FILE");
        for (const Setting& setting : settings()) {
            add(setting);
        }
    }

    void add(const Setting& setting) {
        const std::string name(setting.name);
        std::string help = setting.help;
        if (setting.kind == SettingKind::flag) {
            given[name] = app.add_flag("--" + name, flags[name], help);
            return;
        }
        if (*setting.unset != '\0') {
            help += " [default: " + std::string(setting.unset) + "]";
        }
        const bool positional = name == "mountpoint";
        CLI::Option* option = app.add_option(positional ? name : "--" + name, words[name], help);
        option->type_name(setting.type)->allow_extra_args(false);
        if (setting.kind == SettingKind::text) {
            option->expected(1);
        }
        given[name] = option;
    }

    [[nodiscard]] RawValues values() const {
        RawValues result;
        for (const auto& [name, option] : given) {
            if (option->count() == 0) {
                continue;
            }
            const auto flag = flags.find(name);
            const std::string origin = name == "mountpoint" ? "MOUNTPOINT" : "--" + name;
            result[name] = flag == flags.end()
                               ? RawValue{words.at(name), origin, ""}
                               : RawValue{{flag->second ? "true" : "false"}, origin, ""};
        }
        return result;
    }
};

Status usage(std::string message) {
    return Status::error(EINVAL, std::move(message) + "\nTry `vexfsd --help`.");
}

// What no single option can know.
Status check_together(const Options& options) {
    if (!options.source.empty() && options.mountpoint.empty()) {
        return usage("--source needs a MOUNTPOINT: vexfsd --source DIR MOUNTPOINT");
    }
    if (options.source.empty() && !options.mountpoint.empty()) {
        return usage("MOUNTPOINT " + options.mountpoint +
                     " needs --source DIR, the directory to show "
                     "there (to observe a directory use --watch)");
    }
    if (options.no_kmod && !options.watches.empty()) {
        return usage(
            "--watch needs the kernel module and does not go with --no-kmod; without the "
            "module use --source DIR MOUNTPOINT");
    }
    if (options.source.empty() && options.watches.empty()) {
        return usage("nothing to observe: give --watch PATH, or --source DIR MOUNTPOINT");
    }
    const journal::RetentionLimits& retention = options.retention;
    if (retention.max_bytes != 0 && retention.bytes > retention.max_bytes) {
        return usage("--retain-max must not be less than --retain-bytes; 0 is without limit");
    }
    return {};
}

// The command line again, good in any directory: paths are absolute, each word is quoted.
std::string restart_command(const std::string& program, const RawValues& given,
                            const std::string& config) {
    const bool by_path = program.find('/') != std::string::npos;
    std::string command = shell_quote(by_path ? absolute_path(program).value_or(program) : program);
    auto add = [&command](const std::string& word) { command += " " + shell_quote(word); };
    if (!config.empty()) {
        add("--config");
        add(absolute_path(config).value_or(config));
    }
    for (const Setting& setting : settings()) {
        const auto value = given.find(setting.name);
        if (value == given.end()) {
            continue;
        }
        const std::string flag = std::string("--") + setting.name;
        for (const std::string& word : value->second.words) {
            if (setting.kind == SettingKind::flag) {
                add(word == "true" ? flag : flag + "=false");
                continue;
            }
            if (flag != "--mountpoint") {
                add(flag);
            }
            add(setting.is_path ? absolute_path(word).value_or(word) : word);
        }
    }
    return command;
}

Status apply_all(Options& options, const RawValues& values) {
    for (const Setting& setting : settings()) {
        const auto found = values.find(setting.name);
        const RawValue unset{{setting.unset}, setting.name, ""};
        if (found == values.end() && *setting.unset == '\0') {
            continue;
        }
        const RawValue& value = found == values.end() ? unset : found->second;
        if (Status s = setting.apply(options, value); !s) {
            return usage(value.origin + ": " + s.message());
        }
    }
    return {};
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
    CommandLine line;
    Options options;
    try {
        line.app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        options.action = Options::Action::print;
        options.text = line.app.help();
        return options;
    } catch (const CLI::CallForVersion& version) {
        options.action = Options::Action::print;
        options.text = std::string(version.what()) + "\n";
        return options;
    } catch (const CLI::ParseError& error) {
        return usage(error.what());
    }
    RawValues values = line.values();
    if (!line.config.empty()) {
        auto from_file = read_config(line.config);
        if (!from_file) {
            return usage("--config: " + from_file.status().message());
        }
        values.merge(*from_file);  // keeps what is there: the command line wins
        options.config = line.config;
    }
    if (Status s = apply_all(options, values); !s) {
        return s;
    }
    if (Status s = check_together(options); !s) {
        return s;
    }
    options.command = restart_command(argv[0], line.values(), line.config);
    return options;
}

}  // namespace vexfs
