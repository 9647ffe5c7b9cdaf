#pragma once

#include "core/template/methods.h"
#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

using NativeFunction = Value (*)(Runtime& runtime, const Arguments& arguments);
using NativeMember = Value (*)(Runtime& runtime, Object& self, const Arguments& arguments);

// `name` lives as long as the program.
Value MakeFunction(const char* name, NativeFunction function);
Value BindFunction(const char* name, Object* self, NativeMember member);
// x.strip without a call.
Value BindMethod(const Value& self, Method method);

}  // namespace mmoe::jinja
