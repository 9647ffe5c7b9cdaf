#pragma once

#include <string_view>

#include "core/validation/program_layout.h"

namespace mmoe {

// Looks through the flatbuffer of a program, all methods of it, before anything of it runs: offsets, indices,
// types, shapes, places in buffers and segments, arguments of operators and delegates. What passes runs
// without touching memory that is not its own, as far as the operators keep what they promise and XNNPACK's
// graphs are as `convert` wrote them.
//
// `file` is the whole file, `flatbuffer` its front (or a copy). Throws Malformed.
void ValidateProgram(std::string_view file, std::string_view flatbuffer, const ProgramLayout& layout);

}  // namespace mmoe
