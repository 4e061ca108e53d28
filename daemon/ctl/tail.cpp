// SPDX-License-Identifier: Apache-2.0
#include "ctl/tail.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/journal.hpp"
#include "ctl/output.hpp"
#include "route/filter.hpp"
#include "route/json.hpp"
#include "route/text.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

namespace {

std::size_t terminal_width() {
    winsize size{};
    if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

class Tail {
  public:
    Tail(const Context& context, const TailArgs& args, Reader reader, route::Filter filter,
         Output output)
        : context_(context),
          args_(args),
          reader_(std::move(reader)),
          filter_(std::move(filter)),
          output_(std::move(output)),
          json_(reader_.journal()) {
        text_.width = terminal_width();
    }

    int run() {
        while (!output_.stopped() && !enough()) {
            const Result<Reader::Item> item = reader_.next();
            if (!item) {
                output_.flush(true);
                return fail(context_, item.status());
            }
            if (*item != Reader::Item::end) {
                show(*item);
                output_.flush(false);
                continue;
            }
            if (!output_.flush(true) || !args_.follow) {
                break;
            }
            const Result<Reader::Wake> woken = reader_.wait(output_.stop_fd(), -1);
            if (!woken || *woken == Reader::Wake::stopped) {
                return woken ? kDone : fail(context_, woken.status());
            }
        }
        output_.flush(true);
        if (!output_.status()) {
            return fail(context_, output_.status());
        }
        return damaged_ ? kDegraded : kDone;
    }

  private:
    [[nodiscard]] bool enough() const { return args_.count && shown_ >= *args_.count; }

    void show(Reader::Item item) {
        std::string& out = output_.buffer();
        if (item == Reader::Item::gap) {
            // Whether what is lost would have passed the filter is not known: it is always shown.
            damaged_ = damaged_ || reader_.gap().reason == GapReason::damaged;
            context_.json ? route::JsonLines::append(reader_.gap(), out)
                          : route::append_text(reader_.gap(), text_, out);
            return;
        }
        const EventView& event = reader_.event();
        if (!filter_.matches(event)) {
            return;
        }
        ++shown_;
        context_.json ? json_.append(event, out) : route::append_text(event, text_, out);
    }

    const Context& context_;
    const TailArgs& args_;
    Reader reader_;
    route::Filter filter_;
    Output output_;
    route::JsonLines json_;
    route::TextOptions text_;
    std::uint64_t shown_ = 0;
    bool damaged_ = false;
};

}  // namespace

int run_tail(const Context& context, const TailArgs& args) {
    Result<route::Filter> filter = route::Filter::parse(args.filter);
    if (!filter) {
        fail(context, filter.status());
        return kUsage;
    }
    const bool words = args.since == "start" || args.since == "now";
    const Result<Cursor> cursor = words ? Cursor() : Cursor::parse(args.since);
    if (!cursor) {
        fail(context, cursor.with_context("--since takes start, now or a cursor"));
        return kUsage;
    }
    const Result<std::string> directory = journal_directory(context, args.journal);
    if (!directory) {
        return fail(context, directory.status());
    }
    Result<Reader> reader = Reader::open(*directory);
    if (!reader) {
        return fail(context, reader.status());
    }
    const Status placed = args.since == "now" ? reader->seek_end()
                          : words             ? reader->seek_start()
                                              : reader->seek(*cursor);
    if (!placed) {
        return fail(context, placed);
    }
    Result<Output> output = Output::create();
    if (!output) {
        return fail(context, output.status());
    }
    return Tail(context, args, std::move(*reader), std::move(*filter), std::move(*output)).run();
}

}  // namespace vexfs::ctl
