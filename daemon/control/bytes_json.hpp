// SPDX-License-Identifier: Apache-2.0
// Bytes in JSON: a path may have any bytes, while JSON is UTF-8. A member whose text is not UTF-8
// has its bytes in base64 beside it, as <name>_b64; those are what counts. In the member itself
// each byte that cannot be read becomes U+FFFD when it is written.
#pragma once

#include <string>

#include "base/status.hpp"
#include "control/protocol.hpp"

namespace vexfs {

// Sets the member `name` to `bytes`, and <name>_b64 where it is needed.
void put_bytes(Json& object, const std::string& name, const std::string& bytes);

// The bytes of the member `name`, from <name>_b64 if that is there. EINVAL with a message for the
// user: it is missing, not a string, not base64, or has a NUL, which no path has.
Result<std::string> get_bytes(const Json& object, const std::string& name);

}  // namespace vexfs
