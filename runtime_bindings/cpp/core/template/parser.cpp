#include "core/template/parser.h"

#include <algorithm>

#include "core/template/expression_parser.h"

namespace mmoe::jinja {

namespace {

class Parser {
 public:
  Parser(std::string_view source, const std::string& where)
      : stream_(Tokenize(source, where), where), expressions_(&stream_, &names_) {}

  Program Run() {
    Program program;
    program.body = ParseBlock({});
    expressions_.RefuseUnknown(0);
    program.loop = names_.Intern("loop");
    program.names = names_.Take();
    return program;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  // Statements up to a tag that begins with one of `ends`, whose name is then the current token; without
  // `ends`, up to the end of the template.
  Block ParseBlock(Ends ends) {
    const ExpressionParser::Nested nested(expressions_);
    Block block;
    for (;;) {
      switch (stream_.current().type) {
        case TokenType::kEnd:
          if (ends.size() != 0) stream_.Fail("a block is not closed: expected " + std::string(*ends.begin()));
          return block;
        case TokenType::kData: {
          auto data = std::make_unique<Data>();
          data->line = stream_.line();
          data->text = Text(stream_.Next().text);
          block.push_back(std::move(data));
          break;
        }
        case TokenType::kVariableBegin: {
          auto output = std::make_unique<Output>();
          output->line = stream_.Next().line;
          output->expression = expressions_.MaybeTuple();
          stream_.ExpectType(TokenType::kVariableEnd, "the end of a variable tag");
          block.push_back(std::move(output));
          break;
        }
        default:
          stream_.ExpectType(TokenType::kBlockBegin, "a tag");
          if (std::any_of(ends.begin(), ends.end(),
                          [&](std::string_view end) { return stream_.IsName(end); })) {
            return block;
          }
          block.push_back(ParseStatement());
          stream_.ExpectType(TokenType::kBlockEnd, "the end of a block tag");
      }
    }
  }

  // The rest of an opening tag, the statements behind it, and the name that ends them.
  Block ParseBranch(Ends ends) {
    stream_.TakeOperator(":");  // as Jinja lets one write
    stream_.ExpectType(TokenType::kBlockEnd, "the end of a block tag");
    return ParseBlock(ends);
  }
  // The same of a block with a scope of its own, in which an `if` further out forgives nothing.
  Block ParseBody(Ends ends) {
    const size_t unknown = expressions_.unknown_count();
    Block body = ParseBranch(ends);
    expressions_.RefuseUnknown(unknown);
    return body;
  }
  Block ParseBody(std::string_view end) {
    Block body = ParseBody({end});
    stream_.ExpectName(end);
    return body;
  }

  StatementPtr ParseStatement() {
    const int line = stream_.line();
    const std::string name = stream_.ExpectName();
    StatementPtr statement = Dispatch(name, line);
    statement->line = line;
    return statement;
  }

  StatementPtr Dispatch(const std::string& name, int line) {
    if (name == "if") return ParseIf();
    if (name == "for") return ParseFor();
    if (name == "set") return ParseSet();
    if (name == "macro") return ParseMacro(line);
    if (name == "call") return ParseCallBlock(line);
    if (name == "filter") return ParseFilterBlock();
    if (name == "generation") return ParseGeneration();
    if (name == "with") return ParseWith();
    if (name == "break" || name == "continue") return ParseLoopControl(name);
    stream_.Unsupported(line, "there is no statement \"" + name + "\"");
  }

  StatementPtr ParseIf() {
    auto node = std::make_unique<If>();
    const size_t unknown = expressions_.unknown_count();
    bool more = true;
    while (more) {
      ExpressionPtr test = expressions_.MaybeTuple(false);
      Block body = ParseBranch({"elif", "else", "endif"});
      node->branches.emplace_back(std::move(test), std::move(body));
      more = stream_.TakeName("elif");
    }
    if (stream_.TakeName("else")) node->otherwise = ParseBranch({"endif"});
    stream_.ExpectName("endif");
    expressions_.ForgiveUnknown(unknown);
    return node;
  }

  StatementPtr ParseFor() {
    auto node = std::make_unique<For>();
    node->target = ParseTarget(false);
    stream_.ExpectName("in");
    node->iterable = expressions_.MaybeTuple(false);
    if (stream_.TakeName("if")) node->filter = expressions_.Full();
    node->recursive = stream_.TakeName("recursive");
    ++loops_;
    node->body = ParseBody({"endfor", "else"});
    --loops_;
    if (stream_.TakeName("else")) node->otherwise = ParseBody({"endfor"});
    stream_.ExpectName("endfor");
    return node;
  }

  // Names, parted by commas, in parentheses or not.
  Target ParseTarget(bool with_attributes) {
    const ExpressionParser::Nested nested(expressions_);
    Target target;
    bool comma = false;
    do {
      if (!stream_.Is(TokenType::kName) && !stream_.IsOperator("(")) break;
      if (stream_.IsName("in")) break;
      if (stream_.TakeOperator("(")) {
        target.parts.push_back(ParseTarget(with_attributes));
        stream_.ExpectOperator(")");
      } else {
        target.parts.push_back(ParseTargetName(with_attributes));
      }
      comma = stream_.TakeOperator(",");
    } while (comma);
    if (target.parts.empty()) stream_.Fail("expected a name to assign to");
    if (target.parts.size() > 1 || comma) return target;
    Target only = std::move(target.parts[0]);
    return only;
  }

  Target ParseTargetName(bool with_attributes) {
    Target target;
    const std::string name = AssignableName();
    target.name = names_.Intern(name);
    if (with_attributes && stream_.TakeOperator(".")) target.attribute = stream_.ExpectName();
    return target;
  }

  std::string AssignableName() {
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (stream_.IsName(constant)) stream_.Fail("a constant cannot be assigned to");
    }
    return stream_.ExpectName();
  }

  StatementPtr ParseSet() {
    Target target = ParseTarget(true);
    if (stream_.TakeOperator("=")) {
      auto node = std::make_unique<Set>();
      node->target = std::move(target);
      node->value = expressions_.MaybeTuple();
      return node;
    }
    auto node = std::make_unique<SetBlock>();
    node->target = std::move(target);
    node->value = expressions_.FilterChain(false);
    node->body = ParseBody("endset");
    return node;
  }

  StatementPtr ParseWith() {
    auto node = std::make_unique<With>();
    while (!stream_.Is(TokenType::kBlockEnd)) {
      if (!node->values.empty()) stream_.ExpectOperator(",");
      Target target = ParseTargetName(false);
      stream_.ExpectOperator("=");
      node->values.emplace_back(std::move(target), expressions_.Full());
    }
    node->body = ParseBody("endwith");
    return node;
  }

  StatementPtr ParseFilterBlock() {
    auto node = std::make_unique<FilterBlock>();
    node->value = expressions_.FilterChain(true);
    node->body = ParseBody("endfilter");
    return node;
  }

  // Hugging Face's mark around what an assistant said: a call of a macro without parameters, for its scope.
  StatementPtr ParseGeneration() {
    auto node = std::make_unique<FilterBlock>();
    node->value = std::make_unique<CapturedText>();
    const int loops = std::exchange(loops_, 0);
    node->body = ParseBody("endgeneration");
    loops_ = loops;
    return node;
  }

  StatementPtr ParseLoopControl(const std::string& name) {
    if (loops_ == 0) stream_.Fail(name + " outside a loop");
    auto node = std::make_unique<LoopControl>();
    node->flow = name == "break" ? Flow::kBreak : Flow::kContinue;
    return node;
  }

  StatementPtr ParseMacro(int line) {
    auto node = std::make_unique<Macro>();
    node->definition.name = AssignableName();
    node->name = names_.Intern(node->definition.name);
    ParseParameters(&node->definition);
    ParseMacroBody(&node->definition, "endmacro", line);
    return node;
  }

  StatementPtr ParseCallBlock(int line) {
    auto node = std::make_unique<CallBlock>();
    node->caller.name = "caller";
    if (stream_.IsOperator("(")) ParseParameters(&node->caller);
    ExpressionPtr call = expressions_.Full();
    auto* found = dynamic_cast<CallOf*>(call.get());
    if (found == nullptr) stream_.Fail("expected a call");
    call.release();
    node->call.reset(found);
    ParseMacroBody(&node->caller, "endcall", line);
    return node;
  }

  void ParseParameters(MacroDefinition* macro) {
    stream_.ExpectOperator("(");
    while (!stream_.IsOperator(")")) {
      if (!macro->parameters.empty()) stream_.ExpectOperator(",");
      const std::string name = AssignableName();
      for (const auto& parameter : macro->parameters) {
        if (parameter.second == name) stream_.Fail("the parameter " + name + " is there twice");
      }
      macro->parameters.emplace_back(names_.Intern(name), name);
      if (stream_.TakeOperator("=")) {
        macro->defaults.push_back(expressions_.Full());
      } else if (!macro->defaults.empty()) {
        stream_.Fail("a parameter without default follows one with a default");
      }
    }
    stream_.ExpectOperator(")");
  }

  void ParseMacroBody(MacroDefinition* macro, std::string_view end, int line) {
    macro->line = line;
    MacroUses inside;
    MacroUses* const outside = std::exchange(expressions_.uses, &inside);
    const int loops = std::exchange(loops_, 0);
    macro->body = ParseBody(end);
    loops_ = loops;
    expressions_.uses = outside;
    if (outside != nullptr) {
      outside->varargs |= inside.varargs;
      outside->kwargs |= inside.kwargs;
      outside->caller |= inside.caller;
    }
    const auto is_parameter = [&](std::string_view name) {
      return std::any_of(macro->parameters.begin(), macro->parameters.end(),
                         [&](const auto& parameter) { return parameter.second == name; });
    };
    macro->takes_varargs = inside.varargs && !is_parameter("varargs");
    macro->takes_kwargs = inside.kwargs && !is_parameter("kwargs");
    macro->takes_caller = inside.caller && !is_parameter("caller");
    macro->varargs = names_.Intern("varargs");
    macro->kwargs = names_.Intern("kwargs");
    macro->caller = names_.Intern("caller");
  }

  NameTable names_;
  TokenStream stream_;
  ExpressionParser expressions_;
  int loops_ = 0;  // around the current statement
};

}  // namespace

Program Parse(std::string_view source, const std::string& where) { return Parser(source, where).Run(); }

}  // namespace mmoe::jinja
