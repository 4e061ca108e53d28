// SPDX-License-Identifier: Apache-2.0
#include "doctor/kernel_stats.hpp"

#include <cstdlib>
#include <set>
#include <sstream>

#include "op_table.h"

namespace vexfs {

std::vector<LostCount> lost_events(const std::string& text) {
    std::vector<LostCount> lost;
    std::set<std::string> operations;
    for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
        operations.insert(vx_op_name(op));
    }
    std::vector<std::size_t> columns;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> words;
        std::istringstream split(line);
        for (std::string word; split >> word;) {
            words.push_back(word);
        }
        if (words.size() < 3) {
            continue;
        }
        if (words[0] == "op") {
            columns.clear();
            for (std::size_t i = 1; i < words.size(); ++i) {
                if (words[i].starts_with("lost")) {
                    columns.push_back(i);
                }
            }
        } else if (operations.contains(words[0])) {
            std::uint64_t count = 0;
            for (const std::size_t column : columns) {
                count +=
                    column < words.size() ? std::strtoull(words[column].c_str(), nullptr, 10) : 0;
            }
            if (count > 0) {
                lost.push_back({words[0], count});
            }
        }
    }
    return lost;
}

}  // namespace vexfs
