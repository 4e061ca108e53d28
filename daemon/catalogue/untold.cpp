// SPDX-License-Identifier: Apache-2.0
// What a catalogue knows and whoever follows the stream does not: after a loss, and between the two
// events of an exchange.
#include "catalogue/catalogue.hpp"

namespace vexfs {

Status Catalogue::add_untold(const Untold& untold) {
    const Status status = remove_untold(untold.place.parent, untold.place.name);
    if (!status) {
        return status;
    }
    ++untold_;
    const Place from = untold.from.value_or(Place());
    return sql_.put_untold
        .bind(known_file_system(untold.object.fsid), untold.place.parent.ino,
              untold.place.parent.gen, untold.place.name, untold.object.ino, untold.object.gen,
              from.parent.ino, from.parent.gen, untold.from.has_value(), from.name)
        .run();
}

// An event has said by now who has the name.
Status Catalogue::remove_untold(const ObjectKey& parent, std::string_view name) {
    return untold_ == 0 ? Status()
                        : sql_.remove_untold
                              .bind(known_file_system(parent.fsid), parent.ino, parent.gen, name)
                              .each([this](const Statement&) { --untold_; });
}

// In the order of the events.
Result<std::vector<Catalogue::Untold>> Catalogue::untold() {
    std::vector<Untold> out;
    if (untold_ == 0) {
        return out;
    }
    Result<Statement> all = db_.prepare(
        "SELECT fsid, parent, parent_gen, name, ino, gen, from_parent, from_gen, from_name, "
        "from_name IS NOT NULL FROM untold JOIN file_systems USING(fs) ORDER BY id");
    if (!all) {
        return all.status();
    }
    Status status = all->each([&](const Statement& row) {
        const auto object = [&](int column) {
            return ObjectKey{row.id(0), row.id(column),
                             static_cast<std::uint32_t>(row.id(column + 1))};
        };
        Untold untold{{object(1), std::string(row.bytes(3))}, object(4), {}};
        if (row.number(9) != 0) {
            untold.from = Place{object(6), std::string(row.bytes(8))};
        }
        out.push_back(std::move(untold));
    });
    return status ? Result<std::vector<Untold>>(std::move(out))
                  : Result<std::vector<Untold>>(std::move(status));
}

}  // namespace vexfs
