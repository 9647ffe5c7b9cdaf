#pragma once

#include "core/template/runtime.h"
#include "core/template/value.h"

// The filters by themselves; filters.cpp names them. Order and names of their arguments are Jinja's.
namespace mmoe::jinja::filter {

#define MMOE_FILTER(name) Value name(Runtime& runtime, const Value& input, const Arguments& arguments)

// Of texts: filters_text.cpp.
MMOE_FILTER(Capitalize);
MMOE_FILTER(Center);
MMOE_FILTER(Escape);
MMOE_FILTER(Format);
MMOE_FILTER(Indent);
MMOE_FILTER(Lower);
MMOE_FILTER(Replace);
MMOE_FILTER(Safe);
MMOE_FILTER(String);
MMOE_FILTER(Title);
MMOE_FILTER(Trim);
MMOE_FILTER(Upper);

// Of numbers: filters_number.cpp.
MMOE_FILTER(Abs);
MMOE_FILTER(Float);
MMOE_FILTER(Int);
MMOE_FILTER(Round);

// Of everything that has elements: filters_sequence.cpp.
MMOE_FILTER(Attr);
MMOE_FILTER(Batch);
MMOE_FILTER(Default);
MMOE_FILTER(First);
MMOE_FILTER(Items);
MMOE_FILTER(Join);
MMOE_FILTER(Last);
MMOE_FILTER(Length);
MMOE_FILTER(List);
MMOE_FILTER(Reverse);
MMOE_FILTER(Sum);

// Those that sort and compare: filters_order.cpp.
MMOE_FILTER(DictSort);
MMOE_FILTER(Max);
MMOE_FILTER(Min);
MMOE_FILTER(Sort);
MMOE_FILTER(Unique);

// Those that use another filter or a test: filters_select.cpp.
MMOE_FILTER(Map);
MMOE_FILTER(Reject);
MMOE_FILTER(RejectAttr);
MMOE_FILTER(Select);
MMOE_FILTER(SelectAttr);

#undef MMOE_FILTER

// "a.b.0" of a value, as the arguments named `attribute` have it; `path` none gives the value itself.
Value AtPath(Runtime& runtime, const Value& value, const Value& path);

}  // namespace mmoe::jinja::filter
