#include "core/grammar/schema/schema.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/grammar/schema/conjunction.h"
#include "core/grammar/schema/disjoint.h"
#include "core/grammar/schema/formats.h"
#include "core/grammar/schema/json_text.h"
#include "core/grammar/schema/number_range.h"
#include "core/grammar/schema/object_parts.h"
#include "core/grammar/schema/pattern.h"
#include "core/grammar/schema/types.h"

namespace mmoe::grammar {

namespace {

// Alternatives of alternatives multiply.
constexpr size_t kMaxRules = 20'000;
constexpr size_t kMaxFirstElements = 200;

// Each conjunction of schemas that a value may have to satisfy becomes a rule, once: so recursion ends.
class SchemaCompiler {
 public:
  explicit SchemaCompiler(std::string_view json) : document_(json), text_(&grammar_) {}

  Grammar Compile() {
    RuleOf({{document_.root(), false}});
    for (size_t next = 0; next < waiting_.size(); ++next) {
      const auto [rule, parts] = waiting_[next];
      grammar_.Define(rule, ToExpression(parts));
    }
    return std::move(grammar_);
  }

 private:
  Expression Nothing() { return grammar_.Alternatives({}); }

  Rule RuleOf(const Conjunction& parts) {
    const auto known = rules_.find(parts);
    if (known != rules_.end()) return known->second;
    if (rules_.size() == kMaxRules) {
      throw CoreError(MMOE_OUT_OF_RESOURCES, "the JSON schema combines its parts in more than " +
                                                 std::to_string(kMaxRules) + " ways");
    }
    const Rule rule = grammar_.NewRule("schema at " + document_.Pointer(parts.back().schema));
    rules_.emplace(parts, rule);
    waiting_.emplace_back(rule, parts);
    return rule;
  }

  Expression Value(const Conjunction& parts) {
    return parts.empty() ? text_.Anything() : grammar_.Call(RuleOf(parts));
  }

  Expression ToExpression(const Conjunction& parts) {
    const Flattened flat = Flatten(parts, &document_);
    if (flat.nothing) return Nothing();
    if (const std::optional<Choice> choice = FirstChoice(flat, &document_)) return OneOf(*choice);
    if (const auto constants = Constants(flat.plain)) return *constants;
    Types types = kAllTypes;
    bool constrained = false;
    for (const SchemaId schema : flat.plain) {
      types &= TypesOf(&document_, schema);
      constrained = constrained || document_.At(schema).size() > 0;
    }
    if (!constrained) return text_.Anything();
    std::vector<Expression> ways;
    if ((types & kNull) != 0) ways.push_back(grammar_.Literal("null"));
    if ((types & kBoolean) != 0) {
      ways.push_back(grammar_.Literal("true"));
      ways.push_back(grammar_.Literal("false"));
    }
    if ((types & kInteger) != 0) ways.push_back(Number(flat.plain, (types & kFraction) == 0));
    if ((types & kString) != 0) ways.push_back(String(flat.plain));
    if ((types & kArray) != 0) ways.push_back(Array(flat.plain));
    if ((types & kObject) != 0) ways.push_back(Object(flat.plain));
    return grammar_.Alternatives(std::move(ways));
  }

  Expression OneOf(const Choice& choice) {
    if (choice.keyword == std::string_view("oneOf")) {
      for (size_t one = 0; one < choice.ways.size(); ++one) {
        for (size_t other = one + 1; other < choice.ways.size(); ++other) {
          if (AreDisjoint(choice.ways[one], choice.ways[other], &document_)) continue;
          document_.Unsupported(
              choice.schema, "oneOf",
              "has alternatives (" + std::to_string(one) + " and " + std::to_string(other) +
                  ") that a value might satisfy both of; tell them apart by type, const or a "
                  "required member, or say anyOf");
        }
      }
    }
    std::vector<Expression> ways;
    for (const Conjunction& way : choice.ways) ways.push_back(Value(way));
    return grammar_.Alternatives(std::move(ways));
  }

  // The values that const and enum leave; none without these.
  std::optional<Expression> Constants(const std::vector<SchemaId>& plain) {
    std::optional<std::vector<Json>> values;
    Types types = kAllTypes;
    for (const SchemaId schema : plain) {
      types &= TypesOf(&document_, schema);
      for (const char* keyword : {"const", "enum"}) {
        const std::optional<Json> found = document_.Keyword(schema, keyword);
        if (!found) continue;
        std::vector<Json> own;
        if (keyword == std::string_view("const")) {
          own.push_back(*found);
        } else {
          if (found->type() != Json::Type::kArray) document_.Fail(schema, keyword, "must be an array");
          for (Json value = found->First(); value.valid(); value = value.Next()) own.push_back(value);
        }
        if (!values) {
          values = std::move(own);
          continue;
        }
        values->erase(std::remove_if(values->begin(), values->end(),
                                     [&](const Json& value) {
                                       return std::none_of(own.begin(), own.end(), [&](const Json& other) {
                                         return Equal(value, other);
                                       });
                                     }),
                      values->end());
      }
    }
    if (!values) return std::nullopt;
    RefuseBesideConstants(plain, *values);
    std::vector<Expression> ways;
    for (const Json& value : *values) {
      if ((TypesOf(value) & types) != 0) ways.push_back(Constant(value));
    }
    return grammar_.Alternatives(std::move(ways));
  }

  // A string that is spelled in one way is a literal, which the automaton reads with all others as one tree.
  Expression Constant(const Json& value) {
    if (value.type() == Json::Type::kString) {
      const std::string content = value.String();
      const Expression spelled = text_.Content(content);
      if (grammar_.node(spelled).kind == Node::Kind::kLiteral) return grammar_.Literal("\"" + content + "\"");
      return text_.Quoted(spelled);
    }
    return text_.Constant(value);
  }

  void RefuseBesideConstants(const std::vector<SchemaId>& plain, const std::vector<Json>& values) {
    struct OfType {
      std::string_view keyword;
      Types types;
    };
    static constexpr OfType kOfTypes[] = {{"minimum", kInteger | kFraction},
                                          {"maximum", kInteger | kFraction},
                                          {"exclusiveMinimum", kInteger | kFraction},
                                          {"exclusiveMaximum", kInteger | kFraction},
                                          {"minLength", kString},
                                          {"maxLength", kString},
                                          {"pattern", kString},
                                          {"format", kString},
                                          {"items", kArray},
                                          {"prefixItems", kArray},
                                          {"minItems", kArray},
                                          {"maxItems", kArray},
                                          {"properties", kObject},
                                          {"required", kObject},
                                          {"additionalProperties", kObject}};
    Types types = 0;
    for (const Json& value : values) types |= TypesOf(value);
    for (const SchemaId schema : plain) {
      for (const OfType& of : kOfTypes) {
        if ((types & of.types) != 0 && document_.Keyword(schema, of.keyword)) {
          document_.Unsupported(schema, std::string(of.keyword), "beside enum or const is not supported");
        }
      }
    }
  }

  Expression Number(const std::vector<SchemaId>& plain, bool integer) {
    std::optional<Bound> least;
    std::optional<Bound> most;
    const auto tighten = [&](std::optional<Bound>* bound, SchemaId schema, const char* keyword,
                             bool inclusive, int direction) {
      const std::optional<Json> value = document_.Keyword(schema, keyword);
      if (!value) return;
      if (value->type() != Json::Type::kNumber) document_.Fail(schema, keyword, "must be a number");
      const std::optional<Decimal> decimal = Decimal::Parse(value->NumberText());
      if (!decimal) document_.Unsupported(schema, keyword, "has more digits than are supported");
      const int order = *bound ? direction * decimal->Compare((*bound)->value) : 1;
      if (order > 0 || (order == 0 && !inclusive)) *bound = Bound{*decimal, inclusive};
    };
    for (const SchemaId schema : plain) {
      tighten(&least, schema, "minimum", true, 1);
      tighten(&least, schema, "exclusiveMinimum", false, 1);
      tighten(&most, schema, "maximum", true, -1);
      tighten(&most, schema, "exclusiveMaximum", false, -1);
    }
    if (!integer && !least && !most) return text_.AnyNumber();
    return NumbersWithin(least, most, integer, &grammar_, &text_);
  }

  Expression String(const std::vector<SchemaId>& plain) {
    Lengths lengths;
    std::string pattern;
    SchemaId of_pattern = 0;
    std::string keyword;
    const auto match = [&](SchemaId schema, const char* name, const std::string& what) {
      if (!keyword.empty() && what != pattern) {
        document_.Unsupported(schema, name, "beside another pattern or format is not supported");
      }
      pattern = what;
      of_pattern = schema;
      keyword = name;
    };
    for (const SchemaId schema : plain) {
      lengths.least = std::max(lengths.least, document_.Count(schema, "minLength").value_or(0));
      lengths.most = std::min(lengths.most, document_.Count(schema, "maxLength").value_or(kNoLimit));
      if (const auto value = document_.Keyword(schema, "pattern")) {
        if (value->type() != Json::Type::kString) document_.Fail(schema, "pattern", "must be a string");
        match(schema, "pattern", value->String());
      }
      if (const auto value = document_.Keyword(schema, "format")) {
        if (value->type() != Json::Type::kString) document_.Fail(schema, "format", "must be a string");
        const std::string of_format = PatternOfFormat(value->String());
        if (of_format.empty()) {
          document_.Unsupported(schema, "format",
                                "is " + value->String() + "; supported are " + KnownFormats());
        }
        match(schema, "format", of_format);
      }
    }
    if (lengths.least > lengths.most) return Nothing();
    if (keyword.empty()) {
      return text_.Quoted(grammar_.Repeat(text_.Character(CharSet::All()), lengths.least, lengths.most));
    }
    RegexNodePtr parsed;
    try {
      parsed = ParsePattern(pattern);
    } catch (const CoreError& error) {
      document_.Unsupported(of_pattern, keyword, std::string("is not supported: ") + error.what());
    }
    const std::optional<Expression> content = MatchingContent(*parsed, lengths, &grammar_, &text_);
    if (!content) {
      document_.Unsupported(
          of_pattern, keyword,
          "has strings outside minLength and maxLength, which is supported only if it repeats one "
          "set of characters from ^ to $; put the lengths into the pattern");
    }
    return text_.Quoted(*content);
  }

  Expression Array(const std::vector<SchemaId>& plain) {
    uint32_t least = 0;
    uint32_t most = kNoLimit;
    std::vector<std::vector<SchemaId>> first;
    std::vector<std::vector<SchemaId>> lists;
    std::vector<std::optional<SchemaId>> rests;
    size_t longest = 0;
    for (const SchemaId schema : plain) {
      least = std::max(least, document_.Count(schema, "minItems").value_or(0));
      most = std::min(most, document_.Count(schema, "maxItems").value_or(kNoLimit));
      const std::optional<Json> items = document_.Keyword(schema, "items");
      // Drafts before 2020-12 have lists in `items`, and what follows them in `additionalItems`.
      const bool listed = items && items->type() == Json::Type::kArray;
      lists.push_back(document_.Schemas(schema, listed ? "items" : "prefixItems"));
      rests.push_back(document_.Schema(schema, listed ? "additionalItems" : "items"));
      longest = std::max(longest, lists.back().size());
      if (lists.back().size() > kMaxFirstElements) {
        document_.Unsupported(schema, listed ? "items" : "prefixItems",
                              "has more than " + std::to_string(kMaxFirstElements) + " schemas");
      }
    }
    if (least > most) return Nothing();
    const auto element = [&](size_t index) {
      std::vector<SchemaId> schemas;
      for (size_t of = 0; of < lists.size(); ++of) {
        if (index < lists[of].size()) {
          schemas.push_back(lists[of][index]);
        } else if (rests[of]) {
          schemas.push_back(*rests[of]);
        }
      }
      return Value(OfSchemas(schemas));
    };
    std::vector<Expression> elements;
    for (size_t index = 0; index < longest; ++index) elements.push_back(element(index));
    return text_.Array(elements, element(longest), least, most);
  }

  Expression Object(const std::vector<SchemaId>& plain) {
    const ObjectParts parts(plain, &document_);
    const std::vector<std::string> names = parts.Names();
    if (names.size() > kMaxMembers) {
      document_.Unsupported(plain[0], "properties",
                            "has more than " + std::to_string(kMaxMembers) + " names");
    }
    std::vector<JsonText::Member> named;
    uint64_t required = 0;
    for (const std::string& name : names) {
      if (name.size() > JsonText::kMaxNameBytes) {
        document_.Unsupported(
            plain[0], "properties",
            "has a name of more than " + std::to_string(JsonText::kMaxNameBytes) + " bytes");
      }
      if (parts.Requires(name)) required |= uint64_t{1} << named.size();
      named.emplace_back(text_.Content(name), Value(parts.MemberParts(name)));
    }
    const JsonText::Member others = {text_.ContentOtherThan(names), Value(parts.OtherParts())};
    return text_.Object(named, required, others);
  }

  SchemaDocument document_;
  Grammar grammar_;
  JsonText text_;
  std::map<Conjunction, Rule> rules_;
  std::vector<std::pair<Rule, Conjunction>> waiting_;
};

}  // namespace

Grammar GrammarOfSchema(std::string_view json) {
  try {
    return SchemaCompiler(json).Compile();
  } catch (const CoreError& error) {
    if (error.status() != MMOE_CORRUPT) throw;
    throw CoreError(MMOE_INVALID_ARGUMENT, error.what());  // the caller's text is no file
  }
}

}  // namespace mmoe::grammar
