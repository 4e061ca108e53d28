// SPDX-License-Identifier: Apache-2.0
// Status and Result<T> are part of the public interface of libvexfs; the daemon uses the same.
#pragma once

#include "vexfs/status.hpp"
