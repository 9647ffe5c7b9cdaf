// The methods of strings; names, order of arguments and results are Python's.

#include <algorithm>
#include <iterator>

#include "core/template/format.h"
#include "core/template/letter_case.h"
#include "core/template/methods.h"
#include "core/template/parameters.h"
#include "core/template/replace.h"
#include "core/template/split.h"
#include "core/template/template_error.h"
#include "core/template/unicode.h"
#include "core/text/utf8.h"
#include "core/tokenizer/unicode/properties.h"

namespace mmoe::jinja {

namespace {

const Text& RequireString(const Parameters& given, size_t at, const char* method) {
  const Text* text = given.String(at);
  if (text == nullptr) Raise(std::string(method) + " takes a string, not none");
  return *text;
}

void RefuseArguments(const Arguments& arguments, const char* method) {
  const Parameters given(method, arguments, {});
}

template <Text (*kChange)(const Text&)>
Value Change(Runtime& runtime, const Value& self, const Arguments& arguments) {
  RefuseArguments(arguments, "a method that changes the case");
  return runtime.String(kChange(self.text()));
}

template <bool kBegin, bool kEnd>
Value StripMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("strip", arguments, {"chars"});
  return runtime.String(Strip(self.text(), given.String(0), kBegin, kEnd));
}

Value ListOfTexts(Runtime& runtime, std::vector<Text> texts) {
  std::vector<Value> items;
  items.reserve(texts.size());
  for (Text& text : texts) items.push_back(runtime.String(std::move(text)));
  return runtime.List(std::move(items));
}

template <std::vector<Text> (*kSplit)(Budget&, const Text&, const Text*, int64_t)>
Value SplitMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("split", arguments, {"sep", "maxsplit"});
  const Text* separator = given.String(0);
  if (separator != nullptr && separator->empty()) Raise("split: the separator is empty");
  return ListOfTexts(runtime, kSplit(runtime.budget(), self.text(), separator, given.Integer(1, -1)));
}

Value SplitLinesMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("splitlines", arguments, {"keepends"});
  return ListOfTexts(runtime, SplitLines(runtime.budget(), self.text(), given.Flag(0, false)));
}

template <bool kFromEnd>
Value Partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("partition", arguments, {"sep"}, 1);
  const Text& separator = RequireString(given, 0, "partition");
  if (separator.empty()) Raise("partition: the separator is empty");
  const Text& text = self.text();
  const size_t found = kFromEnd ? FindBytesFromEnd(text.bytes(), separator.bytes(), std::string::npos)
                                : FindBytes(text.bytes(), separator.bytes(), 0);
  Text before = text;
  Text between;
  Text behind;
  if (found == std::string::npos) {
    if (kFromEnd) std::swap(before, behind);
  } else {
    before = text.Part(0, found);
    between = separator;
    behind = text.Part(found + separator.size(), text.size());
  }
  return runtime.Tuple({runtime.String(std::move(before)), runtime.String(std::move(between)),
                        runtime.String(std::move(behind))});
}

// The part of a text that text[start:end] is; `valid` is false when it begins behind the end.
struct Window {
  std::vector<size_t> offsets;
  size_t start;
  size_t end;
  bool valid;

  size_t begin_byte() const { return offsets[start]; }
  size_t end_byte() const { return offsets[end]; }
};

Window WindowOf(const Text& text, const Parameters& given, size_t first) {
  Window window{CharacterOffsets(text.bytes()), 0, 0, true};
  const int64_t size = static_cast<int64_t>(window.offsets.size()) - 1;
  const auto bound = [&](size_t at, int64_t missing) {
    const int64_t given_bound = given.Has(at) && given[at].IsNone() ? missing : given.Integer(at, missing);
    return given_bound < 0 ? std::max<int64_t>(given_bound < -size ? 0 : given_bound + size, 0) : given_bound;
  };
  const int64_t start = bound(first, 0);
  const int64_t end = std::min(bound(first + 1, size), size);
  window.valid = start <= end;
  window.start = static_cast<size_t>(std::min(start, size));
  window.end = static_cast<size_t>(std::max<int64_t>(end, static_cast<int64_t>(window.start)));
  return window;
}

template <bool kEnd>
Value StartsOrEnds(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters given(kEnd ? "endswith" : "startswith", arguments, {"prefix", "start", "end"}, 1);
  const Window window = WindowOf(self.text(), given, 1);
  const std::string_view part = std::string_view(self.text().bytes())
                                    .substr(window.begin_byte(), window.end_byte() - window.begin_byte());
  const auto matches = [&](const Value& value) {
    if (!value.IsString()) Raise("startswith and endswith take strings, not " + Describe(value));
    const std::string& wanted = value.text().bytes();
    if (!window.valid || wanted.size() > part.size()) return false;
    return part.compare(kEnd ? part.size() - wanted.size() : 0, wanted.size(), wanted) == 0;
  };
  if (!given[0].Is(Kind::kTuple)) return Value::Bool(matches(given[0]));
  const std::vector<Value>& any = given[0].sequence().items;
  return Value::Bool(std::any_of(any.begin(), any.end(), matches));
}

// The character where a text is found inside another, -1 for nowhere.
int64_t FindIn(const Value& self, const Arguments& arguments, bool from_end) {
  const Parameters given("find", arguments, {"sub", "start", "end"}, 1);
  const Text& wanted = RequireString(given, 0, "find");
  const Window window = WindowOf(self.text(), given, 1);
  if (!window.valid) return -1;
  const std::string_view part = std::string_view(self.text().bytes()).substr(0, window.end_byte());
  size_t found = std::string::npos;
  if (from_end) {
    found = FindBytesFromEnd(part, wanted.bytes(), std::string::npos);
    if (found != std::string::npos && found < window.begin_byte()) found = std::string::npos;
  } else {
    found = FindBytes(part, wanted.bytes(), window.begin_byte());
  }
  if (found == std::string::npos) return -1;
  return static_cast<int64_t>(CountCharacters(part.substr(0, found)));
}

template <bool kFromEnd>
Value Find(Runtime&, const Value& self, const Arguments& arguments) {
  return Value::Integer(FindIn(self, arguments, kFromEnd));
}

template <bool kFromEnd>
Value Index(Runtime&, const Value& self, const Arguments& arguments) {
  const int64_t found = FindIn(self, arguments, kFromEnd);
  if (found < 0) Raise("index: the text is not found");
  return Value::Integer(found);
}

Value Count(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters given("count", arguments, {"sub", "start", "end"}, 1);
  const Text& wanted = RequireString(given, 0, "count");
  const Window window = WindowOf(self.text(), given, 1);
  if (!window.valid) return Value::Integer(0);
  if (wanted.empty()) return Value::Integer(static_cast<int64_t>(window.end - window.start) + 1);
  const std::string_view part = std::string_view(self.text().bytes()).substr(0, window.end_byte());
  int64_t count = 0;
  for (size_t at = FindBytes(part, wanted.bytes(), window.begin_byte()); at != std::string::npos;
       at = FindBytes(part, wanted.bytes(), at + wanted.size())) {
    ++count;
  }
  return Value::Integer(count);
}

Value ReplaceMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"}, 2);
  return Value::String(Replace(runtime, self.text(), RequireString(given, 0, "replace"),
                               RequireString(given, 1, "replace"), given.Integer(2, -1)));
}

Value Join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("join", arguments, {"iterable"}, 1);
  if (given[0].IsUndefined()) Raise(given[0].UndefinedName() + " is undefined");
  Text joined;
  bool first = true;
  const auto elements = runtime.Iterate(given[0]);
  for (const Value& item : elements->items) {
    if (!item.IsString()) Raise("join takes strings, not " + Describe(item));
    runtime.budget().Bytes(self.text().size() + item.text().size());
    if (!first) joined.Append(self.text());
    first = false;
    joined.Append(self.text().markup() ? EscapeHtml(item.text()) : item.text());
  }
  joined.set_markup(self.text().markup());
  return Value::String(std::move(joined));
}

template <bool kEnd>
Value RemoveAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given(kEnd ? "removesuffix" : "removeprefix", arguments, {"affix"}, 1);
  const std::string& affix = RequireString(given, 0, "removeprefix").bytes();
  const Text& text = self.text();
  const size_t rest = text.size() - std::min(affix.size(), text.size());
  if (affix.size() > text.size() || text.bytes().compare(kEnd ? rest : 0, affix.size(), affix) != 0)
    return self;
  return runtime.String(kEnd ? text.Part(0, rest) : text.Part(affix.size(), text.size()));
}

enum class Side : uint8_t { kLeft, kRight, kBoth };

template <Side kSide>
Value Justify(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("just", arguments, {"width", "fillchar"}, 1);
  const Text* fill = given.String(1);
  if (fill != nullptr && CountCharacters(fill->bytes()) != 1) Raise("the filling is not one character");
  const int64_t width = given.Integer(0, 0);
  const int64_t count = static_cast<int64_t>(CountCharacters(self.text().bytes()));
  if (width <= count) return self;
  const int64_t missing = width - count;
  if (missing > INT32_MAX) runtime.budget().Bytes(SIZE_MAX / 2);
  runtime.budget().Bytes(static_cast<size_t>(missing) * (fill != nullptr ? fill->size() : 1));
  // As Python's center: the odd one goes to the left where the width is odd.
  const int64_t left = kSide == Side::kLeft    ? 0
                       : kSide == Side::kRight ? missing
                                               : missing / 2 + (missing & width & 1);
  Text text;
  const auto pad = [&](int64_t times) {
    for (int64_t at = 0; at < times; ++at) text.Append(fill != nullptr ? *fill : Text(" "));
  };
  pad(left);
  text.Append(self.text());
  pad(missing - left);
  text.set_markup(self.text().markup());
  return runtime.String(std::move(text));
}

Value ZeroFill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("zfill", arguments, {"width"}, 1);
  const Text& text = self.text();
  const int64_t missing = given.Integer(0, 0) - static_cast<int64_t>(CountCharacters(text.bytes()));
  if (missing <= 0) return self;
  runtime.budget().Bytes(static_cast<size_t>(missing));
  const size_t sign = !text.empty() && (text.bytes()[0] == '+' || text.bytes()[0] == '-') ? 1 : 0;
  return runtime.String(text.Part(0, sign)
                            .Joined(Text(std::string(static_cast<size_t>(missing), '0')))
                            .Joined(text.Part(sign, text.size())));
}

Value ExpandTabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("expandtabs", arguments, {"tabsize"});
  const int64_t tab = given.Integer(0, 8);
  Text expanded;
  int64_t column = 0;
  for (size_t at = 0; at < self.text().size();) {
    const CodePoint character = ReadValidUtf8(self.text().bytes(), at);
    if (character.value == '\t') {
      const int64_t spaces = tab > 0 ? tab - column % tab : 0;
      runtime.budget().Bytes(static_cast<size_t>(spaces));
      expanded.AppendLike(self.text(), at, std::string(static_cast<size_t>(spaces), ' '));
      column += spaces;
    } else {
      expanded.AppendPart(self.text(), at, at + character.bytes);
      column = character.value == '\n' || character.value == '\r' ? 0 : column + 1;
    }
    at += character.bytes;
  }
  return runtime.String(std::move(expanded));
}

Value Format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return runtime.String(FormatBraces(runtime, self.text(), arguments));
}

// Whether every character is of a kind, and there is one.
template <bool (*kIs)(uint32_t)>
Value AllAre(Runtime&, const Value& self, const Arguments& arguments) {
  RefuseArguments(arguments, "a test of characters");
  const std::string& bytes = self.text().bytes();
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint character = ReadValidUtf8(bytes, at);
    if (!kIs(character.value)) return Value::Bool(false);
    at += character.bytes;
  }
  return Value::Bool(!bytes.empty());
}

bool IsLetter(uint32_t character) {
  static const CharSet letters = *FindProperty("L");
  return letters.Contains(character);
}

bool IsNumeral(uint32_t character) {
  static const CharSet numbers = *FindProperty("N");
  return numbers.Contains(character);
}

bool IsAsciiDigit(uint32_t character) { return character >= '0' && character <= '9'; }

// Python tells three kinds of digits apart, of which only the first ten are known here.
bool IsDigit(uint32_t character) {
  if (character >= 0x80 && (IsLetter(character) || IsNumeral(character))) {
    RefuseUnsupported("whether characters beyond ASCII are digits is not implemented");
  }
  return IsAsciiDigit(character);
}

bool IsLetterOrDigit(uint32_t character) { return IsLetter(character) || IsDigit(character); }

Value IsAscii(Runtime&, const Value& self, const Arguments& arguments) {
  RefuseArguments(arguments, "isascii");
  const std::string& bytes = self.text().bytes();
  return Value::Bool(
      std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

template <bool (*kIs)(const Text&)>
Value IsCase(Runtime&, const Value& self, const Arguments& arguments) {
  RefuseArguments(arguments, "a test of case");
  return Value::Bool(kIs(self.text()));
}

bool IsTitled(const Text& text) {
  bool in_word = false;
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint character = ReadValidUtf8(text.bytes(), at);
    if (IsUpper(character.value) || IsTitle(character.value)) {
      if (in_word) return false;
      in_word = any = true;
    } else if (IsLower(character.value)) {
      if (!in_word) return false;
      any = true;
    } else {
      in_word = false;
    }
    at += character.bytes;
  }
  return any;
}

struct NamedMethod {
  std::string_view name;
  Method method;
};

// In alphabetical order.
constexpr NamedMethod kMethods[] = {
    {"capitalize", Change<Capitalize>},
    {"center", Justify<Side::kBoth>},
    {"count", Count},
    {"endswith", StartsOrEnds<true>},
    {"expandtabs", ExpandTabs},
    {"find", Find<false>},
    {"format", Format},
    {"index", Index<false>},
    {"isalnum", AllAre<IsLetterOrDigit>},
    {"isalpha", AllAre<IsLetter>},
    {"isascii", IsAscii},
    {"isdecimal", AllAre<IsDigit>},
    {"isdigit", AllAre<IsDigit>},
    {"islower", IsCase<IsAllLower>},
    {"isnumeric", AllAre<IsDigit>},
    {"isprintable", AllAre<IsPrintable>},
    {"isspace", AllAre<IsPythonSpace>},
    {"istitle", IsCase<IsTitled>},
    {"isupper", IsCase<IsAllUpper>},
    {"join", Join},
    {"ljust", Justify<Side::kLeft>},
    {"lower", Change<ToLower>},
    {"lstrip", StripMethod<true, false>},
    {"partition", Partition<false>},
    {"removeprefix", RemoveAffix<false>},
    {"removesuffix", RemoveAffix<true>},
    {"replace", ReplaceMethod},
    {"rfind", Find<true>},
    {"rindex", Index<true>},
    {"rjust", Justify<Side::kRight>},
    {"rpartition", Partition<true>},
    {"rsplit", SplitMethod<SplitFromEnd>},
    {"rstrip", StripMethod<false, true>},
    {"split", SplitMethod<Split>},
    {"splitlines", SplitLinesMethod},
    {"startswith", StartsOrEnds<false>},
    {"strip", StripMethod<true, true>},
    {"swapcase", Change<SwapCase>},
    {"title", Change<ToTitle>},
    {"upper", Change<ToUpper>},
    {"zfill", ZeroFill},
};

}  // namespace

Method FindStringMethod(std::string_view name) {
  const auto* found =
      std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                       [](const NamedMethod& known, std::string_view wanted) { return known.name < wanted; });
  return found != std::end(kMethods) && found->name == name ? found->method : nullptr;
}

}  // namespace mmoe::jinja
