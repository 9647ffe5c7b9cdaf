#include "core/template/cycler.h"

#include "core/template/functions.h"
#include "core/template/parameters.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}

  std::string TypeName() const override { return "cycler"; }
  bool Callable() const override { return false; }
  Extent extent() const override { return items_.extent; }
  std::optional<Value> Attribute(Runtime&, std::string_view name) override {
    if (name == "current") return items_.items[at_];
    if (name == "next") {
      return BindFunction("cycler.next", this, [](Runtime&, Object& self, const Arguments&) {
        auto& cycler = static_cast<Cycler&>(self);
        const Value& value = cycler.items_.items[cycler.at_];
        cycler.at_ = (cycler.at_ + 1) % cycler.items_.items.size();
        return value;
      });
    }
    if (name == "reset") {
      return BindFunction("cycler.reset", this, [](Runtime&, Object& self, const Arguments&) {
        static_cast<Cycler&>(self).at_ = 0;
        return Value::None();
      });
    }
    return std::nullopt;
  }

 private:
  const Sequence items_;
  size_t at_ = 0;
};

class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}

  std::string TypeName() const override { return "joiner"; }
  Value Call(Runtime&, const Arguments&) override {
    if (used_) return separator_;
    used_ = true;
    return Value::String(Text());
  }
  Extent extent() const override { return ExtentAround({separator_}); }

 private:
  Value separator_;
  bool used_ = false;
};

}  // namespace

Value MakeCycler(Runtime&, const Arguments& arguments) {
  if (arguments.positional.empty()) Raise("cycler has nothing to choose from");
  return Value::Of(std::static_pointer_cast<Object>(std::make_shared<Cycler>(arguments.positional)));
}

Value MakeJoiner(Runtime&, const Arguments& arguments) {
  const Parameters given("joiner", arguments, {"sep"});
  return Value::Of(std::static_pointer_cast<Object>(
      std::make_shared<Joiner>(given.Has(0) ? given[0] : Value::String(Text(", ")))));
}

}  // namespace mmoe::jinja
