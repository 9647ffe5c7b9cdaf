#include "core/validation/operator_schemas.h"

#include <algorithm>
#include <array>
#include <string>

namespace mmoe {

namespace {

// One letter per argument:
//   T  a tensor that is read        t  the same, or none
//   W  a tensor that is written in place
//   i  int    b  bool    d  float    n  any number    m  int, or none
//   R  an int that is the result
//   O  a tensor that is a result; behind the arguments follows the result once more, several as a list
struct OperatorSchema {
  std::string_view name;
  std::string_view arguments;
};

constexpr std::array kSchemas = {
    OperatorSchema{"mmoe::add_rms_norm.out", "TTtTdOO"},
    OperatorSchema{"mmoe::attention.out", "TTTTTTWWbbddO"},
    OperatorSchema{"mmoe::attention_int8.out", "TTTTTTWWWWbbddO"},
    OperatorSchema{"mmoe::attention_window.out", "TTTTTTWWbbddiiO"},
    OperatorSchema{"mmoe::attention_window_int8.out", "TTTTTTWWWWbbddiiO"},
    OperatorSchema{"mmoe::embedding.out", "TTTO"},
    OperatorSchema{"mmoe::embedding_panels.out", "TTTiO"},
    OperatorSchema{"mmoe::embedding_planes.out", "TTTiiO"},
    OperatorSchema{"mmoe::linear.out", "TTTiO"},
    OperatorSchema{"mmoe::linear_planes.out", "TTTiiO"},
    OperatorSchema{"mmoe::linear_qkv.out", "TTTiiOOO"},
    OperatorSchema{"mmoe::moe_ffn.out", "TTTTTTTibdO"},
    OperatorSchema{"mmoe::moe_ffn_in.out", "TTTTTTTttiibbddO"},
    OperatorSchema{"mmoe::rms_norm.out", "TTdO"},
    OperatorSchema{"mmoe::short_conv.out", "TTtTWiO"},
    OperatorSchema{"mmoe::swiglu_ffn.out", "TTTTTO"},
    OperatorSchema{"aten::_to_copy.out", "TbmO"},
    OperatorSchema{"aten::add.out", "TTnO"},
    OperatorSchema{"aten::arange.start_out", "nnnO"},
    OperatorSchema{"aten::cos.out", "TO"},
    OperatorSchema{"aten::mul.out", "TTO"},
    OperatorSchema{"aten::select_copy.int_out", "TiiO"},
    OperatorSchema{"aten::sin.out", "TO"},
    OperatorSchema{"aten::sym_size.int", "TiR"},
    OperatorSchema{"aten::unsqueeze_copy.out", "TiO"},
};

class Arguments {
 public:
  Arguments(std::string_view op, const std::vector<int32_t>& indices, const std::vector<PlanValue>& values,
            const std::vector<bool>& inputs)
      : op_(op), indices_(indices), values_(values), inputs_(inputs) {}

  void Require(std::string_view schema) const {
    const auto results = static_cast<size_t>(std::count(schema.begin(), schema.end(), 'O'));
    const size_t expected = schema.size() + (results > 0 ? 1 : 0);
    if (indices_.size() != expected) {
      throw Malformed(std::string(op_) + " takes " + std::to_string(expected) + " arguments, not " +
                      std::to_string(indices_.size()));
    }
    for (size_t place = 0; place < schema.size(); ++place) RequireKind(place, schema[place]);
    for (size_t place = 0; place < schema.size(); ++place) {
      if (schema[place] == 'O') RequireApart(place, Index(place));
    }
    if (results > 0) RequireResults(schema.size() - results, results);
  }

  void RequireUnknown() const {
    for (size_t place = 0; place < indices_.size(); ++place) {
      ForTensors(place, [&](size_t tensor) { RequireData(place, tensor); });
    }
    if (indices_.empty()) return;
    const size_t last = indices_.size() - 1;
    ForTensors(last, [&](size_t tensor) {
      RequireWritable(last, tensor);
      RequireApart(last, tensor);
    });
  }

 private:
  const PlanValue& Value(size_t place) const { return values_[Index(place)]; }
  size_t Index(size_t place) const { return static_cast<size_t>(indices_[place]); }

  [[noreturn]] void Refuse(size_t place, const char* what) const {
    throw Malformed("argument " + std::to_string(place) + " of " + std::string(op_) + " is " + what);
  }

  void RequireKind(size_t place, char letter) const {
    const ValueKind kind = Value(place).kind;
    switch (letter) {
      case 't':
        if (kind == ValueKind::kNone) return;
        [[fallthrough]];
      case 'T':
        return RequireTensor(place);
      case 'W':
      case 'O':
        RequireTensor(place);
        return RequireWritable(place, Index(place));
      case 'm':
        if (kind == ValueKind::kNone) return;
        [[fallthrough]];
      case 'i':
      case 'R':
        return Require(place, kind == ValueKind::kInt);
      case 'b':
        return Require(place, kind == ValueKind::kBool);
      case 'd':
        return Require(place, kind == ValueKind::kDouble);
      default:
        return Require(place,
                       kind == ValueKind::kInt || kind == ValueKind::kBool || kind == ValueKind::kDouble);
    }
  }

  void Require(size_t place, bool holds) const {
    if (!holds) Refuse(place, "of another kind than it takes");
  }

  void RequireTensor(size_t place) const {
    Require(place, Value(place).kind == ValueKind::kTensor);
    RequireData(place, Index(place));
  }

  void RequireData(size_t place, size_t tensor) const {
    if (values_[tensor].storage == Storage::kNowhere && !inputs_[tensor])
      Refuse(place, "a tensor without data");
  }

  void RequireWritable(size_t place, size_t tensor) const {
    if (values_[tensor].storage == Storage::kConstant) Refuse(place, "a constant, which cannot be written");
  }

  // A result may be the very memory of an argument, but not a part of it: kernels copy forwards.
  void RequireApart(size_t place, size_t result) const {
    const PlanValue& to = values_[result];
    for (size_t other = 0; other < indices_.size(); ++other) {
      ForTensors(other, [&](size_t tensor) {
        const PlanValue& from = values_[tensor];
        const bool planned = to.storage == Storage::kPlanned && from.storage == Storage::kPlanned;
        if (!planned || to.memory != from.memory || to.begin == from.begin) return;
        if (to.begin < from.begin + from.bytes && from.begin < to.begin + to.bytes) {
          Refuse(place, "a result in the memory of an argument");
        }
      });
    }
  }

  // The result once more: the tensor itself, or a list of them in order.
  void RequireResults(size_t first, size_t count) const {
    const size_t last = indices_.size() - 1;
    if (count == 1) return Require(last, indices_[last] == indices_[first]);
    const PlanValue& list = Value(last);
    Require(last, list.kind == ValueKind::kTensorList && list.items.size() == count &&
                      std::equal(list.items.begin(), list.items.end(),
                                 indices_.begin() + static_cast<long>(first)));
  }

  template <typename Visit>
  void ForTensors(size_t place, Visit visit) const {
    const PlanValue& value = Value(place);
    if (value.kind == ValueKind::kTensor) visit(Index(place));
    if (value.kind == ValueKind::kIntList) return;
    for (const int64_t item : value.items) {
      if (item >= 0 && values_[static_cast<size_t>(item)].kind == ValueKind::kTensor)
        visit(static_cast<size_t>(item));
    }
  }

  std::string_view op_;
  const std::vector<int32_t>& indices_;
  const std::vector<PlanValue>& values_;
  const std::vector<bool>& inputs_;
};

}  // namespace

void RequireArguments(std::string_view op, const std::vector<int32_t>& arguments,
                      const std::vector<PlanValue>& values, const std::vector<bool>& inputs) {
  const Arguments given(op, arguments, values, inputs);
  const auto known = std::find_if(kSchemas.begin(), kSchemas.end(),
                                  [&](const OperatorSchema& schema) { return schema.name == op; });
  if (known != kSchemas.end()) return given.Require(known->arguments);
  if (op.substr(0, 6) == "mmoe::") throw Malformed("there is no operator " + std::string(op));
  given.RequireUnknown();
}

}  // namespace mmoe
