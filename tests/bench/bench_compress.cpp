// SPDX-License-Identifier: Apache-2.0
// What --compress zstd costs and gives, on the sealed segments of a real journal
// (VEXFS_BENCH_JOURNAL, which is only read): bytes, time to compress, and events read from the page
// cache in either form, from the start and by numbers in no order.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "journal/compress.hpp"
#include "journal/segment_reader.hpp"
#include "measure.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a program of one file
using namespace vexfs::bench;

namespace {

constexpr unsigned kSeeks = 200;

double seconds(const std::function<void()>& work) {
    const std::uint64_t begin = now_ns();
    work();
    return static_cast<double>(now_ns() - begin) / 1e9;
}

[[noreturn]] void end(const std::string& why) {
    std::fprintf(stderr, "bench_compress: %s\n", why.c_str());
    std::exit(1);
}

template <typename T>
T need(Result<T> result) {
    if (!result) {
        end(result.status().message());
    }
    return *std::move(result);
}

// A copy of the sealed segments.
class Copy {
  public:
    explicit Copy(const std::string& journal) {
        char name[] = "/tmp/vexfs-bench-XXXXXX";
        path_ = ::mkdtemp(name) != nullptr ? name : "";
        const UniqueFd from(::open(journal.c_str(), O_RDONLY | O_DIRECTORY));
        firsts_ = need(journal::list_segments(from.get()));
        if (firsts_.size() < 2 || path_.empty()) {
            end(journal + " has no sealed segment");
        }
        firsts_.pop_back();
        for (const std::uint64_t first : firsts_) {
            const std::string segment = "/" + journal::segment_name(first);
            std::filesystem::copy_file(journal + segment, path_ + segment);
        }
        fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY));
    }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    ~Copy() { std::filesystem::remove_all(path_); }

    journal::Compressed compress() {
        journal::DirectoryDisk disk(fd_.get());
        journal::Compressed sum;
        for (const std::uint64_t first : firsts_) {
            const auto done = need(journal::compress_segment(disk, first));
            if (!done) {
                end("a segment is not whole");
            }
            sum.plain_bytes += done->plain_bytes;
            sum.packed_bytes += done->packed_bytes;
        }
        return sum;
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    UniqueFd fd_;
    std::vector<std::uint64_t> firsts_;
};

std::uint64_t read_all(const std::string& path) {
    Reader reader = need(Reader::open(path));
    std::uint64_t last = 0;
    while (need(reader.next()) != Reader::Item::end) {
        last = reader.cursor().seq;
    }
    return last;
}

double seek_ms(const std::string& path, std::uint64_t last) {
    Reader reader = need(Reader::open(path));
    std::mt19937_64 random(1);
    return 1e3 / kSeeks * seconds([&] {
               for (unsigned i = 0; i < kSeeks; ++i) {
                   if (!reader.seek({reader.journal(), random() % last}) || !reader.next()) {
                       end("a number is not there");
                   }
               }
           });
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv,
                              "What --compress zstd costs and gives. VEXFS_BENCH_JOURNAL names a "
                              "journal with sealed segments; it is only read.");
    const char* journal = std::getenv("VEXFS_BENCH_JOURNAL");
    if (journal == nullptr) {
        end("VEXFS_BENCH_JOURNAL must name a journal");
    }
    Row ratio{.what = "plain bytes for each compressed one", .unit = "x"};
    Row speed{.what = "compressing, one core, with reading back", .unit = "MB/s"};
    Row reading{
        .what = "reading compressed, one core", .unit = "M/s", .reference = "reading plain"};
    Row seeking{.what = "going to a number, compressed", .unit = "ms", .reference = "plain"};
    for (unsigned run = 0; run < arguments.runs; ++run) {
        Copy copy(journal);
        const std::uint64_t last = read_all(copy.path());
        const auto events = static_cast<double>(last) / 1e6;
        const auto read = [&] { return events / seconds([&] { read_all(copy.path()); }); };
        const double plain = read();
        const double plain_ms = seek_ms(copy.path(), last);
        journal::Compressed sum;
        const double time = seconds([&] { sum = copy.compress(); });
        const auto bytes = static_cast<double>(sum.plain_bytes);
        ratio.value.add(bytes / static_cast<double>(sum.packed_bytes));
        speed.value.add(bytes / 1e6 / time);
        reading.value.add(read());
        reading.reference_value.add(plain);
        reading.ratio.add(reading.value.last() / plain);
        seeking.value.add(seek_ms(copy.path(), last));
        seeking.reference_value.add(plain_ms);
        seeking.ratio.add(seeking.value.last() / plain_ms);
    }
    for (const Row& row : {ratio, speed, reading, seeking}) {
        arguments.print(row);
    }
    return 0;
}
