// SPDX-License-Identifier: Apache-2.0
// The plain C face of the library: handles, errors and what has no structure. Each function is a
// fence that no exception passes.
#include "client/c_face.hpp"

#include <new>
#include <string>

#include "vexfs/client.hpp"
#include "vexfs/consumer.h"
#include "vexfs/consumer.hpp"

struct vexfs_client {
    vexfs::Client client;
};

namespace vexfs {

namespace {

thread_local std::string g_error;

// A text that may not be longer than `size` bytes, with its terminating zero.
int give_text(const std::string& text, char* out, std::size_t size, const char* what) {
    if (text.size() >= size) {
        return c_fail(Status::error(
            ENOSPC, std::string(what) + " needs " + std::to_string(text.size() + 1) + " bytes"));
    }
    std::memcpy(out, text.c_str(), text.size() + 1);
    return 0;
}

template <typename Act>
int fenced(Act act) noexcept {
    try {
        return act();
    } catch (const std::bad_alloc&) {
        g_error.clear();  // there may be no memory for words
        return -ENOMEM;
    } catch (...) {
        g_error.clear();
        return -EIO;
    }
}

int done(const Status& status) {
    return status ? 0 : c_fail(status);
}

int seek(vexfs_reader* reader, const char* cursor, Reader::Expired expired) {
    reader->item = Reader::Item::end;
    return fenced([&] {
        const auto parsed = Cursor::parse(cursor);
        return parsed ? done(reader->reader.seek(*parsed, expired)) : c_fail(parsed.status());
    });
}

int give_cursor(const Result<Cursor>& cursor, char* text, std::size_t size) {
    return cursor ? give_text(cursor->text(), text, size, "a cursor") : c_fail(cursor.status());
}

}  // namespace

int c_fail(const Status& status) {
    g_error = status.message();
    return -status.code();
}

int c_fail(int code, const char* message) noexcept {
    return fenced([&] { return c_fail(Status::error(code, message)); });
}

}  // namespace vexfs

using vexfs::c_fail;
using vexfs::Consumer;
using vexfs::Cursor;
using vexfs::done;
using vexfs::fenced;
using vexfs::Reader;

extern "C" {

const char* vexfs_error(void) {
    return vexfs::g_error.c_str();
}

int vexfs_reader_open(const char* directory, vexfs_reader** reader) {
    *reader = nullptr;
    return fenced([&] {
        auto opened = Reader::open(directory);
        if (!opened) {
            return c_fail(opened.status());
        }
        *reader = new vexfs_reader{*std::move(opened)};
        return 0;
    });
}

void vexfs_reader_close(vexfs_reader* reader) {
    delete reader;
}

int vexfs_reader_seek(vexfs_reader* reader, const char* cursor) {
    return vexfs::seek(reader, cursor, Reader::Expired::fail);
}

int vexfs_reader_seek_or_gap(vexfs_reader* reader, const char* cursor) {
    return vexfs::seek(reader, cursor, Reader::Expired::gap);
}

int vexfs_reader_earliest(const vexfs_reader* reader, char* text, size_t size) {
    return fenced([&] { return vexfs::give_cursor(reader->reader.earliest(), text, size); });
}

int vexfs_reader_seek_start(vexfs_reader* reader) {
    reader->item = Reader::Item::end;
    return fenced([&] { return done(reader->reader.seek_start()); });
}

int vexfs_reader_seek_end(vexfs_reader* reader) {
    reader->item = Reader::Item::end;
    return fenced([&] { return done(reader->reader.seek_end()); });
}

int vexfs_reader_seek_time(vexfs_reader* reader, uint64_t real_ns) {
    reader->item = Reader::Item::end;
    return fenced([&] { return done(reader->reader.seek_time(real_ns)); });
}

int vexfs_reader_next(vexfs_reader* reader) {
    reader->item = Reader::Item::end;
    return fenced([&] {
        const auto item = reader->reader.next();
        if (!item) {
            return c_fail(item.status());
        }
        reader->item = *item;
        return *item == Reader::Item::event ? VEXFS_EVENT
               : *item == Reader::Item::gap ? VEXFS_GAP
                                            : VEXFS_END;
    });
}

int vexfs_reader_settle(vexfs_reader* reader, uint32_t window_ms) {
    return fenced([&] { return done(reader->reader.settle(window_ms)); });
}

int vexfs_reader_let_go(vexfs_reader* reader) {
    return fenced([&] {
        reader->reader.let_go();
        return 0;
    });
}

int vexfs_reader_due_ms(const vexfs_reader* reader) {
    return reader->reader.due_ms();
}

int vexfs_reader_cursor(const vexfs_reader* reader, char* text, size_t size) {
    return fenced([&] { return vexfs::give_cursor(reader->reader.cursor(), text, size); });
}

int vexfs_reader_wait(vexfs_reader* reader, int stop_fd, int timeout_ms) {
    return fenced([&] {
        const auto woken = reader->reader.wait(stop_fd, timeout_ms);
        if (!woken) {
            return c_fail(woken.status());
        }
        return *woken == Reader::Wake::written   ? VEXFS_WRITTEN
               : *woken == Reader::Wake::stopped ? VEXFS_STOPPED
                                                 : VEXFS_TIMEOUT;
    });
}

int vexfs_reader_wait_fd(vexfs_reader* reader) {
    return fenced([&] {
        const auto fd = reader->reader.wait_fd();
        return fd ? *fd : c_fail(fd.status());
    });
}

int vexfs_consumer_create(const char* directory, const char* name, const char* cursor) {
    return fenced([&] {
        const auto at = Cursor::parse(cursor);
        return at ? done(Consumer::create(directory, name, *at).status()) : c_fail(at.status());
    });
}

int vexfs_consumer_remove(const char* directory, const char* name) {
    return fenced([&] { return done(Consumer::remove(directory, name)); });
}

int vexfs_consumer_position(const char* directory, const char* name, char* text, size_t size) {
    return fenced([&] {
        const auto consumer = Consumer::open(directory, name);
        return consumer ? vexfs::give_cursor(consumer->position(), text, size)
                        : c_fail(consumer.status());
    });
}

int vexfs_consumer_commit(const char* directory, const char* name, const char* expect,
                          const char* cursor) {
    return fenced([&] {
        const auto from = Cursor::parse(expect);
        const auto to = Cursor::parse(cursor);
        if (!from || !to) {
            return c_fail(from ? to.status() : from.status());
        }
        auto consumer = Consumer::open(directory, name);
        return done(consumer ? consumer->commit(*from, *to) : consumer.status());
    });
}

int vexfs_client_connect(const char* socket, vexfs_client** client) {
    *client = nullptr;
    return fenced([&] {
        auto connected = vexfs::Client::connect(socket != nullptr ? socket : "");
        if (!connected) {
            return c_fail(connected.status());
        }
        *client = new vexfs_client{*std::move(connected)};
        return 0;
    });
}

void vexfs_client_close(vexfs_client* client) {
    delete client;
}

int vexfs_client_sync(vexfs_client* client, uint64_t timeout_ms) {
    return fenced([&] { return done(client->client.sync(timeout_ms)); });
}

int vexfs_client_journal(vexfs_client* client, char* directory, size_t size) {
    return fenced([&] {
        const auto status = client->client.daemon_status();
        return status ? vexfs::give_text(status->journal_directory, directory, size,
                                         "the journal's directory")
                      : c_fail(status.status());
    });
}

}  // extern "C"
