// SPDX-License-Identifier: MIT
// Mitigations against speculation: docs/speculation.md.
#pragma once

// thunks.S: each thunk's size, and where in it the plain jump is.
#define THUNK_SIZE  32
#define THUNK_PLAIN 24
