// SPDX-License-Identifier: Apache-2.0
#include "ctl/causes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "ctl/open_journal.hpp"
#include "ctl/output.hpp"
#include "route/json.hpp"
#include "route/text.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

namespace {

// "42", or "vx1:<journal>:42".
Result<Cursor> parse_event(const std::string& text) {
    Cursor at;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, at.seq);
    if (error == std::errc() && stop == end && at.seq != 0) {
        return at;
    }
    Result<Cursor> cursor = Cursor::parse(text);
    if (!cursor || cursor->seq == 0) {
        return Status::error(EINVAL,
                             "\"" + text + "\" is not the number or the cursor of an event");
    }
    return cursor;
}

class Causes {
  public:
    Causes(const Context& context, Reader reader, Output output)
        : context_(context),
          reader_(std::move(reader)),
          output_(std::move(output)),
          json_(reader_.journal()) {}

    int why(std::uint64_t seq) {
        for (;;) {
            const Result<bool> found = go_to(seq);
            if (!found) {
                return end(fail(context_, found.status()));
            }
            if (!*found) {
                return end(kDegraded);
            }
            show_event();
            const std::uint64_t cause = reader_.event().cause;
            if (cause == 0) {
                return end(kDone);
            }
            if (cause >= seq) {
                return end(fail(context_, fmt::format("event {} names the later event {} as its "
                                                      "cause: `vexctl journal verify`",
                                                      seq, cause)));
            }
            seq = cause;
        }
    }

    int effects(std::uint64_t seq) {
        const Result<bool> found = go_to(seq);
        if (!found || !*found) {
            return end(found ? kFailed : fail(context_, found.status()));
        }
        while (!output_.stopped()) {
            const Result<Reader::Item> item = reader_.next();
            if (!item) {
                return end(fail(context_, item.status()));
            }
            if (*item == Reader::Item::end) {
                break;
            }
            if (*item == Reader::Item::gap) {
                show_gap();  // what is lost may have been an effect
            } else if (reader_.event().cause == seq || reader_.event().chain == seq) {
                show_event();
            }
            output_.flush(false);
        }
        return end(kDone);
    }

  private:
    // The reader stands behind the event then. False: the journal has a gap there, which is shown.
    Result<bool> go_to(std::uint64_t seq) {
        const Cursor before{reader_.journal(), seq - 1};
        if (Status placed = reader_.seek(before, Reader::Expired::gap); !placed) {
            return placed.with_context(fmt::format("event {} is not in the journal", seq));
        }
        for (;;) {
            const Result<Reader::Item> item = reader_.next();
            if (!item) {
                return item.status();
            }
            switch (*item) {
                case Reader::Item::end:
                    return Status::error(ENOENT, fmt::format("event {} is not in the journal, "
                                                             "which ends with number {}",
                                                             seq, reader_.cursor().seq));
                case Reader::Item::gap:
                    if (reader_.gap().count() != 0) {
                        show_gap();
                        return false;
                    }
                    break;
                case Reader::Item::event:
                    if (reader_.event().seq == seq) {
                        return true;
                    }
                    return Status::error(EBADMSG, fmt::format("event {} is missing before number "
                                                              "{}: `vexctl journal verify`",
                                                              seq, reader_.event().seq));
            }
        }
    }

    void show_event() {
        const EventView& event = reader_.event();
        std::string& out = output_.buffer();
        if (context_.json) {
            json_.append(event, out);
            return;
        }
        fmt::format_to(std::back_inserter(out), "{:>10}  ", event.seq);
        route::append_text(event, {}, out);
    }

    void show_gap() {
        std::string& out = output_.buffer();
        if (context_.json) {
            json_.append(reader_.gap(), out);
            return;
        }
        fmt::format_to(std::back_inserter(out), "{:>10}  ", "");
        route::append_text(reader_.gap(), {}, out);
    }

    int end(int exit) {
        output_.flush(true);
        return output_.status() ? exit : fail(context_, output_.status());
    }

    const Context& context_;
    Reader reader_;
    Output output_;
    route::JsonLines json_;
};

int run(const Context& context, const CausesArgs& args, int (Causes::*act)(std::uint64_t)) {
    const Result<Cursor> event = parse_event(args.event);
    if (!event) {
        fail(context, event.status());
        return kUsage;
    }
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    Reader& reader = journal->reader;
    if (!event->journal.is_nil() && event->journal != reader.journal()) {
        return fail(context, reader.seek(*event));  // which says what is wrong with it
    }
    Result<Output> output = Output::create();
    if (!output) {
        return fail(context, output.status());
    }
    return (Causes(context, std::move(reader), std::move(*output)).*act)(event->seq);
}

}  // namespace

int run_why(const Context& context, const CausesArgs& args) {
    return run(context, args, &Causes::why);
}

int run_effects(const Context& context, const CausesArgs& args) {
    return run(context, args, &Causes::effects);
}

}  // namespace vexfs::ctl
