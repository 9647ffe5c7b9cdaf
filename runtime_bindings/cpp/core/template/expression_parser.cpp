#include "core/template/expression_parser.h"

#include <algorithm>
#include <charconv>

#include "core/text/float_text.h"

namespace mmoe::jinja {

namespace {

constexpr int kMaxNesting = 100;
constexpr int kMaxHeight = 250;

int HeightOf(const ExpressionPtr& node) { return node ? node->height : 0; }

template <typename... Nodes>
int HighestOf(const Nodes&... nodes) {
  return std::max({HeightOf(nodes)...});
}

}  // namespace

ExpressionParser::Nested::Nested(ExpressionParser& parser) : parser_(parser) {
  if (parser_.depth_ >= kMaxNesting) {
    parser_.stream_.Unsupported(parser_.stream_.line(),
                                "is nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  ++parser_.depth_;
}

void ExpressionParser::RefuseUnknown(size_t count) const {
  if (unknown_.size() > count) stream_.Unsupported(unknown_[count].line, unknown_[count].what);
}

void ExpressionParser::CheckHeight(int height) const {
  if (height >= kMaxHeight) {
    stream_.Unsupported(stream_.line(),
                        "an expression has more than " + std::to_string(kMaxHeight) + " operations in a row");
  }
}

ExpressionPtr ExpressionParser::ParseConditional() {
  const Nested nested(*this);
  int line = stream_.line();
  const size_t unknown = unknown_.size();
  ExpressionPtr node = ParseOr();
  while (stream_.TakeName("if")) {
    auto conditional = std::make_unique<Conditional>();
    conditional->then = std::move(node);
    conditional->test = ParseOr();
    if (stream_.TakeName("else")) conditional->otherwise = ParseConditional();
    const int below = HighestOf(conditional->then, conditional->test, conditional->otherwise);
    node = Finish(std::move(conditional), line, below);
    ForgiveUnknown(unknown);
    line = stream_.line();
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseOr() {
  ExpressionPtr node = ParseAnd();
  while (stream_.IsName("or")) {
    const int line = stream_.Next().line;
    auto logical = std::make_unique<Logical>();
    logical->is_or = true;
    logical->left = std::move(node);
    logical->right = ParseAnd();
    const int below = HighestOf(logical->left, logical->right);
    node = Finish(std::move(logical), line, below);
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseAnd() {
  ExpressionPtr node = ParseNot();
  while (stream_.IsName("and")) {
    const int line = stream_.Next().line;
    auto logical = std::make_unique<Logical>();
    logical->is_or = false;
    logical->left = std::move(node);
    logical->right = ParseNot();
    const int below = HighestOf(logical->left, logical->right);
    node = Finish(std::move(logical), line, below);
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseNot() {
  if (!stream_.IsName("not")) return ParseComparisons();
  const Nested nested(*this);
  const int line = stream_.Next().line;
  auto negation = std::make_unique<Unary>();
  negation->kind = Unary::Kind::kNot;
  negation->operand = ParseNot();
  const int below = HeightOf(negation->operand);
  return Finish(std::move(negation), line, below);
}

bool ExpressionParser::TakeComparison(Comparison* comparison) {
  static constexpr std::pair<std::string_view, Comparison> kOperators[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual},
  };
  for (const auto& [symbol, meaning] : kOperators) {
    if (stream_.TakeOperator(symbol)) {
      *comparison = meaning;
      return true;
    }
  }
  if (stream_.TakeName("in")) {
    *comparison = Comparison::kIn;
    return true;
  }
  if (stream_.IsName("not") && stream_.ahead().Is(TokenType::kName, "in")) {
    stream_.Next();
    stream_.Next();
    *comparison = Comparison::kNotIn;
    return true;
  }
  return false;
}

ExpressionPtr ExpressionParser::ParseComparisons() {
  const int line = stream_.line();
  ExpressionPtr first = ParseSum();
  Comparison comparison{};
  if (!TakeComparison(&comparison)) return first;
  auto node = std::make_unique<Comparisons>();
  int below = first->height;
  node->first = std::move(first);
  do {
    node->rest.emplace_back(comparison, ParseSum());
    below = std::max(below, node->rest.back().second->height);
  } while (TakeComparison(&comparison));
  return Finish(std::move(node), line, below);
}

ExpressionPtr ExpressionParser::ParseSum() {
  ExpressionPtr node = ParseConcatenation();
  while (stream_.IsOperator("+") || stream_.IsOperator("-")) {
    auto sum = std::make_unique<Binary>();
    sum->operation = stream_.IsOperator("+") ? Operator::kAdd : Operator::kSubtract;
    const int line = stream_.Next().line;
    sum->left = std::move(node);
    sum->right = ParseConcatenation();
    const int below = HighestOf(sum->left, sum->right);
    node = Finish(std::move(sum), line, below);
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseConcatenation() {
  const int line = stream_.line();
  ExpressionPtr first = ParseProduct();
  if (!stream_.IsOperator("~")) return first;
  auto node = std::make_unique<Concatenation>();
  int below = first->height;
  node->parts.push_back(std::move(first));
  while (stream_.TakeOperator("~")) {
    node->parts.push_back(ParseProduct());
    below = std::max(below, node->parts.back()->height);
  }
  return Finish(std::move(node), line, below);
}

ExpressionPtr ExpressionParser::ParseProduct() {
  static constexpr std::pair<std::string_view, Operator> kOperators[] = {
      {"*", Operator::kMultiply},
      {"/", Operator::kDivide},
      {"//", Operator::kFloorDivide},
      {"%", Operator::kModulo},
  };
  ExpressionPtr node = ParsePower();
  for (;;) {
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](const auto& known) { return stream_.IsOperator(known.first); });
    if (found == std::end(kOperators)) return node;
    const int line = stream_.Next().line;
    auto product = std::make_unique<Binary>();
    product->operation = found->second;
    product->left = std::move(node);
    product->right = ParsePower();
    const int below = HighestOf(product->left, product->right);
    node = Finish(std::move(product), line, below);
  }
}

ExpressionPtr ExpressionParser::ParsePower() {
  ExpressionPtr node = ParseUnary(true);
  while (stream_.IsOperator("**")) {  // from left to right, unlike Python's
    const int line = stream_.Next().line;
    auto power = std::make_unique<Binary>();
    power->operation = Operator::kPower;
    power->left = std::move(node);
    power->right = ParseUnary(true);
    const int below = HighestOf(power->left, power->right);
    node = Finish(std::move(power), line, below);
  }
  return node;
}

ExpressionPtr ExpressionParser::ParseUnary(bool with_filters) {
  const Nested nested(*this);
  ExpressionPtr node;
  if (stream_.IsOperator("-") || stream_.IsOperator("+")) {
    auto unary = std::make_unique<Unary>();
    unary->kind = stream_.IsOperator("-") ? Unary::Kind::kNegate : Unary::Kind::kPositive;
    const int line = stream_.Next().line;
    unary->operand = ParseUnary(false);
    const int below = HeightOf(unary->operand);
    node = Finish(std::move(unary), line, below);
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filters ? ParseFilters(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::ParsePrimary() {
  const int line = stream_.line();
  const auto constant = [&](Value value) {
    return Finish(std::make_unique<Constant>(std::move(value)), line, 0);
  };
  switch (stream_.current().type) {
    case TokenType::kName: {
      const std::string name = stream_.Next().text;
      if (name == "true" || name == "True") return constant(Value::Bool(true));
      if (name == "false" || name == "False") return constant(Value::Bool(false));
      if (name == "none" || name == "None") return constant(Value::None());
      if (uses != nullptr) {
        uses->varargs |= name == "varargs";
        uses->kwargs |= name == "kwargs";
        uses->caller |= name == "caller";
      }
      return Finish(std::make_unique<Name>(names_.Intern(name), name), line, 0);
    }
    case TokenType::kString: {
      std::string text;
      while (stream_.Is(TokenType::kString)) text += stream_.Next().text;
      return constant(Value::String(Text(std::move(text))));
    }
    case TokenType::kInteger:
    case TokenType::kFloat:
      return ParseNumber();
    default:
      break;
  }
  if (stream_.TakeOperator("(")) {
    ExpressionPtr node = ParseTuple(true, true);
    stream_.ExpectOperator(")");
    return node;
  }
  if (stream_.IsOperator("[")) return ParseList();
  if (stream_.IsOperator("{")) return ParseDict();
  stream_.Fail("expected an expression");
}

ExpressionPtr ExpressionParser::ParseNumber() {
  const Token token = stream_.Next();
  if (token.type == TokenType::kFloat) {
    return Finish(std::make_unique<Constant>(Value::Float(ParseFloat(token.text).value())), token.line, 0);
  }
  int64_t value = 0;
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
    stream_.Unsupported(token.line, "integers beyond 64 bits are not implemented");
  }
  return Finish(std::make_unique<Constant>(Value::Integer(value)), token.line, 0);
}

ExpressionPtr ExpressionParser::ParseList() {
  const int line = stream_.Next().line;
  auto list = std::make_unique<SequenceLiteral>();
  list->is_tuple = false;
  int below = 0;
  while (!stream_.IsOperator("]")) {
    if (!list->items.empty()) stream_.ExpectOperator(",");
    if (stream_.IsOperator("]")) break;
    list->items.push_back(Full());
    below = std::max(below, list->items.back()->height);
  }
  stream_.ExpectOperator("]");
  return Finish(std::move(list), line, below);
}

ExpressionPtr ExpressionParser::ParseDict() {
  const int line = stream_.Next().line;
  auto dict = std::make_unique<DictLiteral>();
  int below = 0;
  while (!stream_.IsOperator("}")) {
    if (!dict->entries.empty()) stream_.ExpectOperator(",");
    if (stream_.IsOperator("}")) break;
    ExpressionPtr key = Full();
    stream_.ExpectOperator(":");
    dict->entries.emplace_back(std::move(key), Full());
    below = std::max(below, HighestOf(dict->entries.back().first, dict->entries.back().second));
  }
  stream_.ExpectOperator("}");
  return Finish(std::move(dict), line, below);
}

ExpressionPtr ExpressionParser::ParseTuple(bool with_conditional, bool in_parentheses) {
  const int line = stream_.line();
  const auto ends = [&] {
    return stream_.Is(TokenType::kVariableEnd) || stream_.Is(TokenType::kBlockEnd) || stream_.IsOperator(")");
  };
  auto tuple = std::make_unique<SequenceLiteral>();
  tuple->is_tuple = true;
  bool has_comma = false;
  int below = 0;
  for (;;) {
    if (!tuple->items.empty()) {
      if (!stream_.TakeOperator(",")) break;
      has_comma = true;
    }
    if (ends()) break;
    tuple->items.push_back(with_conditional ? Full() : ParseOr());
    below = std::max(below, tuple->items.back()->height);
  }
  if (!has_comma) {
    if (!tuple->items.empty()) return std::move(tuple->items[0]);
    if (!in_parentheses) stream_.Fail("expected an expression");
  }
  return Finish(std::move(tuple), line, below);
}

ExpressionPtr ExpressionParser::ParsePostfix(ExpressionPtr node) {
  for (;;) {
    if (stream_.IsOperator(".")) {
      node = ParseAttribute(std::move(node));
    } else if (stream_.IsOperator("[")) {
      node = ParseSubscript(std::move(node));
    } else if (stream_.IsOperator("(")) {
      node = ParseCall(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::ParseFilters(ExpressionPtr node) {
  for (;;) {
    if (stream_.TakeOperator("|")) {
      node = ParseFilter(std::move(node));
    } else if (stream_.IsName("is")) {
      node = ParseTest(std::move(node));
    } else if (stream_.IsOperator("(")) {
      node = ParseCall(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::FilterChain(bool first_without_pipe) {
  ExpressionPtr node = Finish(std::make_unique<CapturedText>(), stream_.line(), 0);
  if (first_without_pipe) node = ParseFilter(std::move(node));
  while (stream_.TakeOperator("|")) node = ParseFilter(std::move(node));
  return node;
}

std::string ExpressionParser::ParseDottedName() {
  std::string name = stream_.ExpectName();
  while (stream_.TakeOperator(".")) name += "." + stream_.ExpectName();
  return name;
}

ExpressionPtr ExpressionParser::ParseFilter(ExpressionPtr input) {
  const int line = stream_.line();
  const std::string name = ParseDottedName();
  auto node = std::make_unique<Filtered>();
  node->filter = FindFilter(name);
  node->name = name;
  if (node->filter == nullptr) unknown_.push_back({line, "there is no filter \"" + name + "\""});
  node->input = std::move(input);
  if (stream_.IsOperator("(")) node->arguments = ParseArguments();
  const int below = std::max(node->input->height, node->arguments.height);
  return Finish(std::move(node), line, below);
}

ExpressionPtr ExpressionParser::ParseTest(ExpressionPtr input) {
  stream_.Next();
  const bool negated = stream_.TakeName("not");
  const int line = stream_.line();
  const std::string name = ParseDottedName();
  auto node = std::make_unique<Tested>();
  node->test = FindTest(name);
  node->name = name;
  if (node->test == nullptr) unknown_.push_back({line, "there is no test \"" + name + "\""});
  node->input = std::move(input);
  const TokenType next = stream_.current().type;
  const bool opens = stream_.IsOperator("[") || stream_.IsOperator("{");
  if (stream_.IsOperator("(")) {
    node->arguments = ParseArguments();
  } else if ((next == TokenType::kString || next == TokenType::kInteger || next == TokenType::kFloat ||
              next == TokenType::kName || opens) &&
             !stream_.IsName("else") && !stream_.IsName("or") && !stream_.IsName("and")) {
    if (stream_.IsName("is")) stream_.Fail("tests cannot follow each other");
    node->arguments.positional.push_back(ParsePostfix(ParsePrimary()));
    node->arguments.height = node->arguments.positional.back()->height;
  }
  const int below = std::max(node->input->height, node->arguments.height);
  ExpressionPtr tested = Finish(std::move(node), line, below);
  if (!negated) return tested;
  auto negation = std::make_unique<Unary>();
  negation->kind = Unary::Kind::kNot;
  negation->operand = std::move(tested);
  return Finish(std::move(negation), line, below + 1);
}

ExpressionPtr ExpressionParser::ParseAttribute(ExpressionPtr object) {
  const int line = stream_.Next().line;
  const int below = object->height;
  if (stream_.Is(TokenType::kInteger)) {
    auto item = std::make_unique<ItemOf>();
    item->object = std::move(object);
    item->key = ParseNumber();
    return Finish(std::move(item), line, below);
  }
  auto attribute = std::make_unique<AttributeOf>();
  attribute->object = std::move(object);
  attribute->name = stream_.ExpectName();
  return Finish(std::move(attribute), line, below);
}

ExpressionPtr ExpressionParser::ParseSubscript(ExpressionPtr object) {
  const int line = stream_.Next().line;
  const auto at_end = [&] { return stream_.IsOperator("]") || stream_.IsOperator(","); };
  const auto bound = [&] { return at_end() || stream_.IsOperator(":") ? nullptr : Full(); };
  ExpressionPtr first = stream_.IsOperator(":") ? nullptr : Full();
  if (!stream_.IsOperator(":")) {
    if (stream_.IsOperator(","))
      stream_.Unsupported(line, "subscripts of several values are not implemented");
    stream_.ExpectOperator("]");
    auto item = std::make_unique<ItemOf>();
    item->object = std::move(object);
    item->key = std::move(first);
    const int below = HighestOf(item->object, item->key);
    return Finish(std::move(item), line, below);
  }
  auto slice = std::make_unique<SliceOf>();
  slice->object = std::move(object);
  slice->start = std::move(first);
  stream_.ExpectOperator(":");
  slice->stop = bound();
  if (stream_.TakeOperator(":")) slice->step = bound();
  if (stream_.IsOperator(",")) stream_.Unsupported(line, "subscripts of several values are not implemented");
  stream_.ExpectOperator("]");
  const int below = HighestOf(slice->object, slice->start, slice->stop, slice->step);
  return Finish(std::move(slice), line, below);
}

ExpressionPtr ExpressionParser::ParseCall(ExpressionPtr callee) {
  const int line = stream_.line();
  auto call = std::make_unique<CallOf>();
  call->callee = std::move(callee);
  call->arguments = ParseArguments();
  const int below = std::max(call->callee->height, call->arguments.height);
  return Finish(std::move(call), line, below);
}

CallArguments ExpressionParser::ParseArguments() {
  stream_.ExpectOperator("(");
  CallArguments arguments;
  const auto note = [&](ExpressionPtr node) {
    arguments.height = std::max(arguments.height, node->height);
    return node;
  };
  bool needs_comma = false;
  while (!stream_.IsOperator(")")) {
    if (needs_comma) stream_.ExpectOperator(",");
    if (needs_comma && stream_.IsOperator(")")) break;
    needs_comma = true;
    if (stream_.IsOperator("*") || stream_.IsOperator("**")) {
      ExpressionPtr& more = stream_.Next().text == "*" ? arguments.more_positional : arguments.more_named;
      if (more || arguments.more_named) stream_.Fail("the arguments of a call are out of order");
      more = note(Full());
    } else if (stream_.Is(TokenType::kName) && stream_.ahead().Is(TokenType::kOperator, "=")) {
      if (arguments.more_named) stream_.Fail("the arguments of a call are out of order");
      std::string name = stream_.Next().text;
      stream_.Next();
      for (const auto& [known, value] : arguments.named) {
        if (known == name) stream_.Fail("the argument " + name + " is given twice");
      }
      arguments.named.emplace_back(std::move(name), note(Full()));
    } else {
      if (!arguments.named.empty() || arguments.more_positional || arguments.more_named) {
        stream_.Fail("the arguments of a call are out of order");
      }
      arguments.positional.push_back(note(Full()));
    }
  }
  stream_.ExpectOperator(")");
  return arguments;
}

}  // namespace mmoe::jinja
