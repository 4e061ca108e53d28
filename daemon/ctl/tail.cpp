// SPDX-License-Identifier: Apache-2.0
#include "ctl/tail.hpp"

#include <unistd.h>

#include <memory>

#include "ctl/open_journal.hpp"
#include "ctl/output.hpp"
#include "ctl/position.hpp"
#include "ctl/snapshot.hpp"
#include "ctl/tail_format.hpp"
#include "route/filter.hpp"
#include "vexfs/consumer.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

namespace {

constexpr unsigned kCommitEvery = 4096;  // items

class Tail {
  public:
    Tail(const Context& context, const TailArgs& args, FormatKind format, Reader reader,
         route::Filter filter, Output output)
        : context_(context),
          args_(args),
          reader_(std::move(reader)),
          filter_(std::move(filter)),
          output_(std::move(output)),
          from_(reader_.cursor()),
          format_(make_format(format, from_, !filter_.empty())) {}

    // Records of a tree first, and the events since its beginning.
    Status write_snapshot(Snapshot& snapshot) { return snapshot.write(reader_, output_); }

    // It could not be written to its end.
    int stop(const Status& why) {
        output_.flush(true);
        if (!output_.status()) {
            return fail(context_, output_.status());
        }
        return output_.stopped() ? kDone : fail(context_, why);
    }

    // As `settle_ms` asks, from here on.
    Status settle() {
        return args_.settle_ms == 0 ? Status() : reader_.settle(args_.settle_ms);
    }

    // What is written is behind `consumer`, from here on.
    void commit_for(Consumer consumer) { consumer_ = std::move(consumer); }

    int run() {
        format_->begin(output_.buffer());
        while (!output_.stopped() && !enough()) {
            const Result<Reader::Item> item = reader_.next();
            if (!item) {
                output_.flush(true);
                return fail(context_, item.status());
            }
            if (*item != Reader::Item::end) {
                show(*item);
                const bool due = consumer_ && ++uncommitted_ >= kCommitEvery;
                if (due && !commit()) {
                    break;
                }
                output_.flush(false);
                continue;
            }
            if (reader_.due_ms() >= 0 && !args_.follow) {
                reader_.let_go();
                continue;
            }
            if (!commit() || !args_.follow) {
                break;
            }
            const Result<Reader::Wake> woken = reader_.wait(output_.stop_fd(), -1);
            if (!woken || *woken == Reader::Wake::stopped) {
                return woken ? kDone : fail(context_, woken.status());
            }
        }
        format_->end(reader_.cursor(), output_.buffer());
        commit();
        const Status& failed = output_.status() ? committed_ : output_.status();
        return !failed ? fail(context_, failed) : damaged_ ? kDegraded : kDone;
    }

  private:
    // Writes what there is to write, then says so to the journal. False: stop.
    bool commit() {
        uncommitted_ = 0;
        const Cursor to = reader_.cursor();
        if (!output_.flush(true) || !committed_) {
            return false;
        }
        if (consumer_ && to != from_) {
            committed_ = consumer_->commit(from_, to);
            from_ = to;
        }
        return committed_.ok();
    }

    [[nodiscard]] bool enough() const { return args_.count && shown_ >= *args_.count; }

    void show(Reader::Item item) {
        std::string& out = output_.buffer();
        if (item == Reader::Item::gap) {
            // Whether what is lost would have passed the filter is not known: it is always shown.
            damaged_ = damaged_ || reader_.gap().reason == GapReason::damaged;
            format_->append(reader_.gap(), out);
            return;
        }
        const EventView& event = reader_.event();
        if (!filter_.matches(event)) {
            return;
        }
        ++shown_;
        format_->append(event, out);
    }

    const Context& context_;
    const TailArgs& args_;
    Reader reader_;
    route::Filter filter_;
    Output output_;
    std::optional<Consumer> consumer_;
    Cursor from_;  // where the consumer is
    Status committed_;
    unsigned uncommitted_ = 0;  // items
    std::unique_ptr<Format> format_;
    std::uint64_t shown_ = 0;
    bool damaged_ = false;
};

// What it has missed, because it was away for too long, is a gap.
Status place_consumer(const std::string& directory, const std::string& name, Reader& reader,
                      std::optional<Consumer>& consumer) {
    Result<Consumer> opened = Consumer::open(directory, name);
    const Result<Cursor> position = opened ? opened->position() : opened.status();
    if (!position) {
        return position.status();
    }
    consumer = std::move(*opened);
    return reader.seek(*position, Reader::Expired::gap);
}

Result<FormatKind> choose_format(const Context& context, const TailArgs& args) {
    if (args.format.empty()) {
        return context.json ? FormatKind::json : FormatKind::text;
    }
    const Result<FormatKind> format = parse_format(args.format);
    if (format && context.json && *format != FormatKind::json) {
        return Status::error(EINVAL, "--json is --format json: give one of them");
    }
    if (format && *format == FormatKind::binary && ::isatty(STDOUT_FILENO) == 1) {
        return Status::error(EINVAL, "--format binary is not for a terminal: use a pipe or a file");
    }
    return format;
}

int run_snapshot(const Context& context, const TailArgs& args, FormatKind format) {
    if (format != FormatKind::json || !args.filter.empty() || args.since != "start" ||
        !args.journal.empty() || !args.consumer.empty()) {
        fail(context,
             "--snapshot is for --json, with the running vexfsd's journal: without --since, "
             "--consumer, --filter and --journal");
        return kUsage;
    }
    Result<Snapshot> snapshot = Snapshot::create(context.socket, args.snapshot);
    if (!snapshot) {
        return fail(context, snapshot.with_context("snapshot"));
    }
    Result<Reader> reader = Reader::open(snapshot->journal());
    Result<Output> output = Output::create();
    if (!reader || !output) {
        return fail(context, reader ? output.status() : reader.status());
    }
    Tail tail(context, args, format, std::move(*reader), route::Filter(), std::move(*output));
    if (const Status written = tail.write_snapshot(*snapshot); !written) {
        return tail.stop(written.with_context("snapshot"));
    }
    const Status settles = tail.settle();
    return settles ? tail.run() : fail(context, settles);
}

}  // namespace

int run_tail(const Context& given, const TailArgs& args) {
    Context context = given;
    const Result<FormatKind> format = choose_format(context, args);
    if (!format) {
        fail(context, format.status());
        return kUsage;
    }
    if (*format == FormatKind::binary && args.settle_ms != 0) {
        fail(context,
             "--format binary writes events as they are stored, so they cannot settle: leave out "
             "--settle");
        return kUsage;
    }
    context.json = *format == FormatKind::json;
    Result<route::Filter> filter = route::Filter::parse(args.filter);
    if (!filter) {
        fail(context, filter.status());
        return kUsage;
    }
    if (!args.snapshot.empty()) {
        return run_snapshot(context, args, *format);
    }
    const Result<Position> since = Position::parse(args.since, "--since");
    if (!since) {
        fail(context, since.status());
        return kUsage;
    }
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    Reader& reader = journal->reader;
    std::optional<Consumer> consumer;
    const Status placed =
        args.consumer.empty()
            ? since->place(reader)
            : place_consumer(journal->directory, args.consumer, reader, consumer);
    if (!placed) {
        return fail_position(context, placed, reader);
    }
    Result<Output> output = Output::create();
    if (!output) {
        return fail(context, output.status());
    }
    Tail tail(context, args, *format, std::move(reader), std::move(*filter), std::move(*output));
    if (args.commit) {
        tail.commit_for(std::move(*consumer));
    }
    const Status settles = tail.settle();
    return settles ? tail.run() : fail(context, settles);
}

}  // namespace vexfs::ctl
