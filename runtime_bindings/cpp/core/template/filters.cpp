#include "core/template/filters.h"

#include <algorithm>
#include <iterator>

#include "core/template/filter_functions.h"
#include "core/template/to_json.h"

namespace mmoe::jinja {

namespace {

struct NamedFilter {
  std::string_view name;
  Filter filter;
};

// In alphabetical order.
constexpr NamedFilter kFilters[] = {
    {"abs", filter::Abs},
    {"attr", filter::Attr},
    {"batch", filter::Batch},
    {"capitalize", filter::Capitalize},
    {"center", filter::Center},
    {"count", filter::Length},
    {"d", filter::Default},
    {"default", filter::Default},
    {"dictsort", filter::DictSort},
    {"e", filter::Escape},
    {"escape", filter::Escape},
    {"first", filter::First},
    {"float", filter::Float},
    {"format", filter::Format},
    {"indent", filter::Indent},
    {"int", filter::Int},
    {"items", filter::Items},
    {"join", filter::Join},
    {"last", filter::Last},
    {"length", filter::Length},
    {"list", filter::List},
    {"lower", filter::Lower},
    {"map", filter::Map},
    {"max", filter::Max},
    {"min", filter::Min},
    {"reject", filter::Reject},
    {"rejectattr", filter::RejectAttr},
    {"replace", filter::Replace},
    {"reverse", filter::Reverse},
    {"round", filter::Round},
    {"safe", filter::Safe},
    {"select", filter::Select},
    {"selectattr", filter::SelectAttr},
    {"sort", filter::Sort},
    {"string", filter::String},
    {"sum", filter::Sum},
    {"title", filter::Title},
    {"tojson", ToJson},
    {"trim", filter::Trim},
    {"unique", filter::Unique},
    {"upper", filter::Upper},
};

}  // namespace

Filter FindFilter(std::string_view name) {
  const auto* found =
      std::lower_bound(std::begin(kFilters), std::end(kFilters), name,
                       [](const NamedFilter& known, std::string_view wanted) { return known.name < wanted; });
  return found != std::end(kFilters) && found->name == name ? found->filter : nullptr;
}

}  // namespace mmoe::jinja
